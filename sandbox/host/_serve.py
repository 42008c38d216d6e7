"""Serves the events of one application's units.

Each event runs in a fork, as each hook of Juju is a new process: values in a charm's modules are not kept,
and a charm that ends its process ends only that one.
"""

import contextlib
import gc
import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NoReturn, cast

from ._channel import Channel
from ._charm import HostedCharm, failure
from .messages import Delivery, HookFailure, Start


def serve(channel: Channel) -> None:
    """Run the events that the model sends, until it closes the connection."""
    start = cast("Start | None", channel.read())
    if start is None:
        return
    _settle_in(start)
    channel.write({"pid": os.getpid()})
    charm, broken = None, None
    try:
        charm = HostedCharm(Path(start["directory"]))
    except Exception as error:
        broken = failure(error, [])
    while delivery := channel.read():
        if charm is None:
            channel.write({"failure": cast("HookFailure", broken)})
        else:
            _run_in_fork(charm, delivery, start["app"], channel)


def _settle_in(start: Start) -> None:
    """Remove everything of the sandbox from this process."""
    os.setsid()
    errors = os.open(start["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(errors, descriptor)
    os.chdir(start["directory"])
    os.environ.clear()
    os.environ.update(start["environment"])
    # The model checks the consistency of a state.
    os.environ["SCENARIO_SKIP_CONSISTENCY_CHECKS"] = "1"
    sys.path[:0] = start["path"]


def _run_in_fork(charm: HostedCharm, delivery: Delivery, app: str, channel: Channel) -> None:
    gc.freeze()  # otherwise the fork's garbage collector would touch, and so copy, all memory
    modules_from, modules_to = os.pipe()
    scratch = tempfile.mkdtemp()
    child = os.fork()
    if child == 0:
        os.close(modules_from)
        tempfile.tempdir = scratch
        _run_and_exit(charm, delivery, app, channel, modules_to)
    os.close(modules_to)
    with os.fdopen(modules_from) as names:
        modules = names.read().split()
    _, status = os.waitpid(child, 0)
    shutil.rmtree(scratch, ignore_errors=True)
    if code := os.waitstatus_to_exitcode(status):
        how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
        channel.write({"failure": {"traceback": f"the charm ended its process {how}", "logs": []}})
        return
    # Modules that a hook imports late are imported here for the next one.
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)


def _run_and_exit(
    charm: HostedCharm, delivery: Delivery, app: str, channel: Channel, modules_to: int
) -> NoReturn:
    loaded = set(sys.modules)
    code = 1
    try:
        channel.write(charm.run(delivery, app, channel))
        os.write(modules_to, " ".join(sys.modules.keys() - loaded).encode())
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) and error.code else 1
    except BaseException as error:
        channel.write({"failure": failure(error, [])})
        code = 0
    sys.stderr.flush()
    os._exit(code)
