"""The connection of a charm's process to its model."""

import json
import os
from collections.abc import Mapping
from typing import Any

from .messages import ContainerReply, ContainerRequest


class Channel:
    """Messages in both directions.

    Nothing is read ahead, so that a fork of the process receives its own messages.

    Args:
        descriptor: the descriptor of a connected socket.
    """

    def __init__(self, descriptor: int):
        self._descriptor = descriptor

    def read(self) -> Any:
        """Return the next message; None when the model has closed the connection."""
        line = b""
        while not line.endswith(b"\n"):
            chunk = os.read(self._descriptor, 1 << 16)
            if not chunk:
                return None
            line += chunk
        return json.loads(line)

    def write(self, message: Mapping[str, object]) -> None:
        """Send a message."""
        line = json.dumps(message).encode() + b"\n"
        while line:
            line = line[os.write(self._descriptor, line) :]

    def ask(self, question: ContainerRequest) -> ContainerReply:
        """Send a question and wait for the answer."""
        self.write({"question": question})
        return self.read()
