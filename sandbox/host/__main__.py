"""Starts the processes of charms, as forks of this one, which has imported their common modules.

Usage: `python -m sandbox.host DESCRIPTOR MODULE…` with the file descriptor of a Unix socket, over which comes
a socket for each charm, and further modules to import if they are there.
"""

import contextlib
import importlib
import logging
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

from . import _serve, _warm
from ._channel import Channel


def main(control: socket.socket) -> None:
    """Start a process for each received socket, until the connection ends."""
    # No process waits for the charms' processes.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            _serve_and_exit(descriptors[0])
        os.close(descriptors[0])


def _serve_and_exit(descriptor: int) -> None:
    try:
        _serve.serve(Channel(descriptor))
    except BaseException:
        traceback.print_exc()
    os._exit(0)


if __name__ == "__main__":
    # The sandbox must not hide a charm's own modules.
    sys.path[:] = [
        entry for entry in sys.path if entry not in ("", str(Path.cwd()), os.environ["PYTHONPATH"])
    ]
    logging.getLogger("ops-scenario").setLevel(logging.CRITICAL)
    for module in sys.argv[2:]:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    _warm.warm()
    main(socket.socket(fileno=int(sys.argv[1])))
