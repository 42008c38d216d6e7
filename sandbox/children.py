"""Child processes and folders that never outlast their creator."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_PREFIX = "mesh-sandbox-"


def dies_with_parent() -> Callable[[], None]:
    """Return a function that a child process runs first, to be killed when the caller ends.

    The caller is the thread, rather than the process.
    """
    parent = os.getpid()

    def arrange() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # the parent ended just before that

    return arrange


@contextlib.contextmanager
def own_folder(name: str) -> Generator[Path]:
    """A new folder for temporary files, which is removed with the context.

    If the process is killed meanwhile, the next one that creates such a folder removes it.

    Args:
        name: the purpose, which becomes part of the folder's name.
    """
    _sweep(Path(tempfile.gettempdir()))
    with contextlib.ExitStack() as stack:
        folder = _locked(name, stack)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _locked(name: str, stack: contextlib.ExitStack) -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{name}-"))
        with contextlib.suppress(FileNotFoundError):  # another process has just removed it
            handle = _open(folder)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if folder.exists():
                return folder


def _sweep(place: Path) -> None:
    """Remove the folders of processes that have ended: their locks have ended with them."""
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # it is in use, of another user, or gone
            handle = _open(folder)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
