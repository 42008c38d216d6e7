"""The process of a charm, seen from the model."""

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from sandbox.host.messages import Answer, Delivery, Failure, Outcome, Question, Reply

_REPOSITORY = Path(__file__).parents[2]

HOOK_SECONDS = 120
"""How long a hook may take; a charm that sleeps longer is stopped."""


class CharmProcess:
    """Runs the events of one charm in a process of its own, which starts at once.

    Args:
        directory: the charm's, for this process alone.
        app: the application's name.
        python: the interpreter; it must have ops and ops-scenario.
        pythonpath: where the charm finds its libraries, besides its own `src` and `lib`.
        environment: what to add to this process's environment variables.
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
        path = [directory / "src", directory / "lib", *pythonpath, _REPOSITORY]
        self._command = [python, "-m", "sandbox.host", str(directory), app, str(_REPOSITORY)]
        self._directory = directory
        self._environment = {**environment, "PYTHONPATH": os.pathsep.join(map(str, path))}
        self._errors = directory.with_suffix(".stderr")
        self._process = self._start()

    def run(self, delivery: Delivery, answer: Callable[[Question], Answer]) -> Outcome | Failure:
        """Run an event.

        Args:
            delivery: the event and what the charm may see.
            answer: called for each thing that the charm wants of a container's processes.

        Returns:
            What came of it; a `Failure` if the charm raised, ended its process or took too long.
        """
        if self._process.poll() is not None:
            self._process = self._start()
        overdue = threading.Timer(HOOK_SECONDS, self._kill)
        overdue.start()
        try:
            self._write(delivery)
            while True:
                reply = self._read()
                if "question" not in reply:
                    return reply.get("outcome") or cast("Failure", reply.get("failure"))
                self._write(answer(reply["question"]))
        except (BrokenPipeError, EOFError):
            return {"traceback": self._last_words(), "logs": []}
        finally:
            overdue.cancel()

    def close(self) -> None:
        """End the process, whatever it does, and those that it has started."""
        self._kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._errors.open("wb") as errors:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self._directory,
                env={**os.environ, **self._environment},
                # Ctrl-C is for the model, which then ends its charms itself.
                start_new_session=True,
            )

    def _kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def _write(self, message: Delivery | Answer) -> None:
        pipe = cast("IO[bytes]", self._process.stdin)
        pipe.write(json.dumps(message).encode() + b"\n")
        pipe.flush()

    def _read(self) -> Reply:
        line = cast("IO[bytes]", self._process.stdout).readline()
        if not line:
            raise EOFError
        return json.loads(line)

    def _last_words(self) -> str:
        self._process.wait()
        words = self._errors.read_text(errors="replace").strip()
        return f"the charm's process has ended with {self._process.returncode}\n{words}".rstrip()
