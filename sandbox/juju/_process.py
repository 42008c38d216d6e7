"""The process of a charm, seen from the model."""

import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from sandbox.host.messages import (
    ContainerReply,
    ContainerRequest,
    Delivery,
    HookFailure,
    HookOutcome,
    Reply,
    Start,
    Started,
)

from ._errors import JujuError

_REPOSITORY = Path(__file__).parents[2]

HOOK_SECONDS = 120
"""How long a hook may take; a charm that takes longer is stopped."""

_COMMON_IMPORTS = (
    "ops_tracing._mock",
    "h2.connection",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "jinja2",
    "lightkube",
    "lightkube.generic_resource",
    "lightkube.resources.apps_v1",
    "lightkube.resources.core_v1",
)


class CharmProcess:
    """Runs the events of one charm in a process of its own, which starts at once.

    Args:
        directory: the charm's, for this process alone.
        app: the application's name.
        python: the interpreter; it must have ops and ops-scenario.
        pythonpath: the folders of the charm's libraries, besides its own `src` and `lib`.
        environment: variables in addition to those of this process.
    """

    def __init__(
        self,
        directory: Path,
        app: str,
        *,
        python: str,
        pythonpath: Sequence[Path],
        environment: Mapping[str, str],
    ):
        path = [str(entry) for entry in (directory / "src", directory / "lib", *pythonpath)]
        self._python = python
        self._start: Start = {
            "app": app,
            "directory": str(directory),
            "path": path,
            "environment": {**os.environ, **environment, "PYTHONPATH": os.pathsep.join(path)},
            "errors": str(directory.with_suffix(".stderr")),
        }
        self._connection = self._connect()

    def run(
        self, delivery: Delivery, answer: Callable[[ContainerRequest], ContainerReply]
    ) -> HookOutcome | HookFailure:
        """Run an event.

        Args:
            delivery: the event, and the state that the charm may see.
            answer: called for each of the charm's operations on a container's processes.

        Returns:
            The outcome; a `Failure` if the charm raised, ended its process or took too long.

        Raises:
            JujuError: if the interpreter cannot run charms.
        """
        overdue = threading.Timer(HOOK_SECONDS, self._connection.kill)
        overdue.start()
        try:
            reply = self._say(delivery)
            while reply and "question" in reply:
                reply = self._say(answer(reply["question"]))
        finally:
            overdue.cancel()
        if reply is None:
            return self._begin_again()
        return reply.get("outcome") or cast("HookFailure", reply.get("failure"))

    def _say(self, message: Delivery | ContainerReply) -> Reply | None:
        """Return the answer of the process; None if it has ended."""
        try:
            self._connection.write(message)
            return cast("Reply", self._connection.read())
        except OSError:
            return None

    def _begin_again(self) -> HookFailure:
        self._connection.close()
        self._connection = self._connect()
        errors = Path(self._start["errors"])
        words = errors.read_text(errors="replace") if errors.exists() else ""
        return {"traceback": f"the charm's process has ended\n{words}".rstrip(), "logs": []}

    def kill(self) -> None:
        """Stop the process; it starts again for the next event."""
        self._connection.kill()

    def close(self) -> None:
        """Stop the process and those that it has started."""
        self._connection.close()

    def _connect(self) -> "_CharmConnection":
        return _CharmConnection(_launcher(self._python), self._start)


class _CharmConnection:
    """A process that has been started, and its messages in both directions."""

    def __init__(self, launcher: "_Launcher", start: Start):
        self._socket = launcher.launch()
        self._lines = self._socket.makefile("rb")
        # If it has ended, reading its answer shows that.
        with contextlib.suppress(BrokenPipeError):
            self._send(start)

    @functools.cached_property
    def _pid(self) -> int:
        """The number of the process, once it has reported it; 0 if it never did."""
        line = self._lines.readline()
        return cast("Started", json.loads(line))["pid"] if line else 0

    def write(self, message: Delivery | ContainerReply) -> None:
        """Send a message.

        Raises:
            OSError: if the process has ended.
        """
        if not self._pid:
            raise ConnectionResetError
        self._send(message)

    def read(self) -> object:
        """The next message.

        Raises:
            OSError: if the process has ended.
        """
        line = self._lines.readline()
        if not line:
            raise ConnectionResetError
        return json.loads(line)

    def kill(self) -> None:
        """End the process and those that it has started."""
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process and free its resources; a second time does nothing."""
        if self._lines.closed:
            return
        self.kill()
        with contextlib.suppress(OSError):
            while self._lines.read(1 << 16):
                pass  # until it has ended, and uses no file any more
        self._lines.close()
        self._socket.close()

    def _send(self, message: Start | Delivery | ContainerReply) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")


class _Launcher:
    """A process that has imported the common modules of charms, whose processes are its forks."""

    def __init__(self, python: str):
        self._python = python
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [python, "-m", "sandbox.host", str(theirs.fileno()), *_COMMON_IMPORTS],
                stdin=subprocess.DEVNULL,
                cwd="/",
                env={**os.environ, "PYTHONPATH": str(_REPOSITORY)},
                pass_fds=[theirs.fileno()],
                # The models handle Ctrl-C, and then stop their charms themselves.
                start_new_session=True,
            )
        atexit.register(self.close)

    def launch(self) -> socket.socket:
        """Start a process.

        Returns:
            The connection to it.

        Raises:
            JujuError: if the interpreter has ended, as it does if it cannot run charms.
        """
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._control, [b"+"], [theirs.fileno()])
        except OSError:
            ours.close()
            _launcher.cache_clear()
            raise JujuError(f"{self._python} can't run charms: has it ops and ops-scenario?") from None
        finally:
            theirs.close()
        return ours

    def close(self) -> None:
        """Stop the process; nothing can be launched afterwards."""
        self._control.close()
        self._process.kill()
        self._process.wait()


@functools.cache
def _launcher(python: str) -> _Launcher:
    return _Launcher(python)
