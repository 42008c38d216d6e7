"""Tests in forked processes, which have the packages of others imported already."""

import contextlib
import ctypes
import gc
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

_SEVERAL = 2
"""A process takes at most so many times as long as with the module as it is."""
_GRACE = 10.0
_IMPORTED = ("cryptography.x509", "hypothesis", "lightkube", "ops.testing", "pydantic", "yaml")
_COMPILED = "compiled"
_PR_SET_PDEATHSIG = 1  # Linux: the signal that a process gets when its parent ends


class ForkedTests:
    """Tests of a copy of the repository, which must be the working directory.

    Raises:
        RuntimeError: they fail without any change.
    """

    def __init__(self, tests: Sequence[str], work: Path):
        self._tests = tests
        self._output = work / "output"
        for name in _IMPORTED:
            importlib.import_module(name)
        sys.pycache_prefix = str(work / _COMPILED)
        sys.dont_write_bytecode = False
        began = time.monotonic()
        passed = self._run(3600)
        if not passed:
            raise RuntimeError(f"{' '.join(tests)} without a change:\n{self._output.read_text()[-3000:]}")
        self.seconds = time.monotonic() - began
        sys.dont_write_bytecode = True

    def pass_with(self, module: Path, text: str) -> bool:
        """Return whether they pass with a changed module; False if they take far longer."""
        original = module.read_text()
        module.write_text(text)
        os.utime(module, (0, 0))  # otherwise the compiled original could be used in its place
        try:
            return self._run(_SEVERAL * self.seconds + _GRACE)
        finally:
            module.write_text(original)

    def _run(self, seconds: float) -> bool:
        gc.freeze()
        process = os.fork()
        if not process:
            self._be_the_tests()
        timer = threading.Timer(seconds, _kill, (process,))
        timer.start()
        _, status = os.waitpid(process, 0)
        timer.cancel()
        timer.join()
        _kill(process)
        return status == 0

    def _be_the_tests(self) -> None:
        code = 1
        try:
            os.setpgid(0, 0)
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            output = os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            code = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *self._tests]))
        finally:
            sys.stdout.flush()
            os._exit(code)


def _kill(group: int) -> None:
    """End a process and those that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
