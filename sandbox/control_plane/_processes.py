"""Programs that run in the background and never outlive their parent."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..children import dies_with_parent
from ._errors import ControlPlaneError


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


class Process:
    """A program that runs while its context lasts, and is then killed, as it has nothing to save.

    Args:
        command: the program and its arguments.
        log: the file for its output.
        environment: all of its environment.
        folder: its working folder; that of this process if None.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
    ):
        self._command = command
        self._log = log
        self._environment = environment
        self._folder = folder

    @property
    def name(self) -> str:
        """The program's name."""
        return Path(self._command[0]).name

    def __enter__(self) -> Process:
        with self._log.open("w") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
                cwd=self._folder,
                preexec_fn=dies_with_parent(),
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for the program to be ready.

        Raises:
            ControlPlaneError: it ended, or was not ready in time; the message has the end of its log.
        """
        end = time.monotonic() + seconds
        while not ready():
            if self._process.poll() is not None:
                raise ControlPlaneError(f"{self.name} ended:\n{self._end_of_log()}")
            if time.monotonic() > end:
                raise ControlPlaneError(f"{self.name} is not ready after {seconds} s:\n{self._end_of_log()}")
            time.sleep(0.05)

    def _end_of_log(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
