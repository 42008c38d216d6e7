"""Runs the events of one charm's units as they are told on standard input.

Each event runs in a fork of its own, as each hook of Juju is a process of its own: nothing that a
charm keeps in its modules survives, and a charm that ends its process ends only that.
"""

import contextlib
import gc
import importlib
import inspect
import json
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn, cast

import ops
import yaml
from ops import testing

from . import _pod, _state
from .messages import Answer, Delivery, Failure, Outcome, Question, Reply


class Channel:
    """The two pipes to the model.

    Nothing is read ahead, so that a fork finds in them what is meant for it.
    """

    def __init__(self):
        self._in, self._out = os.dup(0), os.dup(1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)  # what a charm prints is not for the model

    def read(self) -> Any:
        """The next message; None when the model has gone."""
        line = b""
        while not line.endswith(b"\n"):
            chunk = os.read(self._in, 1 << 16)
            if not chunk:
                return None
            line += chunk
        return json.loads(line)

    def write(self, message: Reply) -> None:
        """Send a message."""
        line = json.dumps(message).encode() + b"\n"
        while line:
            line = line[os.write(self._out, line) :]

    def ask(self, question: Question) -> Answer:
        """Send a question and wait for the answer."""
        self.write({"question": question})
        return self.read()


class Charm:
    """A charm's class and metadata, read from the charm's directory."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.meta = self._yaml("metadata.yaml") or self._yaml("charmcraft.yaml")
        self.config = self.meta.pop("config", None) or self._yaml("config.yaml")
        self.actions = self.meta.pop("actions", None) or self._yaml("actions.yaml")
        self.endpoints = [
            name
            for role in ("provides", "requires", "peers")
            for name in cast("dict[str, Any]", self.meta.get(role) or {})
        ]
        self.type = self._load()

    def _yaml(self, name: str) -> dict[str, Any]:
        file = self.directory / name
        return yaml.safe_load(file.read_text()) if file.exists() else {}

    def _load(self) -> type[ops.CharmBase]:
        module = importlib.import_module("charm")
        own = [
            value
            for value in vars(module).values()
            if inspect.isclass(value) and issubclass(value, ops.CharmBase) and value.__module__ == "charm"
        ]
        last = [
            charm
            for charm in own
            if not any(other is not charm and issubclass(other, charm) for other in own)
        ]
        if len(last) != 1:
            raise ImportError(
                f"src/charm.py must define one charm; it has {[charm.__name__ for charm in last]}"
            )
        return last[0]

    def run(self, delivery: Delivery, app: str, channel: Channel) -> Reply:
        """Run an event on a unit, in the process that this is called in."""
        event, before = delivery["event"], delivery["state"]
        _pod.name_host(delivery["fqdn"])
        _pod.set_environment(event["environment"])
        _pod.connect_workload(channel.ask)
        secrets = _pod.watch_secrets()
        context = testing.Context(
            self.type,
            meta=self.meta,
            actions=self.actions or {},
            config=self.config or {},
            charm_root=self.directory,
            app_name=app,
            unit_id=delivery["unit"],
            app_trusted=True,
        )
        with contextlib.closing(context):
            _state.attach_storages(context, before["storages"])
            state = _state.to_scenario(before, delivery["address"], self.endpoints)
            failure: str | None = None
            try:
                out = context.run(_state.to_scenario_event(context, event, state), state)
            except testing.ActionFailed as failed:
                failure, out = failed.message, cast("testing.State", failed.state)
            except Exception as error:
                return {"failure": _failure(error.__cause__ or error, context)}
            finally:
                _state.keep_files(context, before["containers"])
            outcome: Outcome = {
                "state": _state.from_scenario(before, out),
                "logs": _logs(context),
                "consumed": [_secret_id(out, secret) for secret in secrets.consumed],
                "refreshed": [_secret_id(out, secret) for secret in secrets.refreshed],
                "removed_revisions": [
                    (_secret_id(out, secret), revision) for secret, revision in secrets.removed_revisions
                ],
                "results": context.action_results or {},
                "messages": context.action_logs,
                "failure": failure,
            }
            return {"outcome": outcome}


def _secret_id(state: testing.State, secret: ops.Secret) -> str:
    for known in state.secrets:
        if (secret.id and known.id.endswith(secret.id.rpartition(":")[2])) or (
            secret.label and known.label == secret.label
        ):
            return known.id
    return secret.id or ""


def _logs(context: testing.Context[Any] | None) -> list[tuple[str, str]]:
    return [(line.level, line.message) for line in context.juju_log] if context else []


def _failure(error: BaseException, context: testing.Context[Any] | None = None) -> Failure:
    return {"traceback": "".join(traceback.format_exception(error)).rstrip(), "logs": _logs(context)}


def main(directory: Path, app: str) -> None:
    """Serve until the model closes the pipe."""
    # Juju's own consistency is the model's business, and a hook without a remote unit is consistent.
    os.environ["SCENARIO_SKIP_CONSISTENCY_CHECKS"] = "1"
    logging.getLogger("ops-scenario").setLevel(logging.CRITICAL)
    channel = Channel()
    charm, broken = None, None
    try:
        charm = Charm(directory)
    except Exception as error:
        broken = _failure(error)
    while delivery := channel.read():
        if charm is None:
            channel.write({"failure": cast("Failure", broken)})
        else:
            _run_in_fork(charm, delivery, app, channel)


def _run_in_fork(charm: Charm, delivery: Delivery, app: str, channel: Channel) -> None:
    gc.freeze()  # or the fork's garbage collector would touch, and so copy, all that there is
    modules_from, modules_to = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(modules_from)
        _run_and_exit(charm, delivery, app, channel, modules_to)
    os.close(modules_to)
    with os.fdopen(modules_from) as lines:
        modules = lines.read().split()
    _, status = os.waitpid(child, 0)
    if code := os.waitstatus_to_exitcode(status):
        how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
        channel.write({"failure": {"traceback": f"the charm ended its process {how}", "logs": []}})
        return
    # What a hook imports late is there at once for the next one.
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)


def _run_and_exit(charm: Charm, delivery: Delivery, app: str, channel: Channel, modules_to: int) -> NoReturn:
    loaded = set(sys.modules)
    code = 1
    try:
        channel.write(charm.run(delivery, app, channel))
        os.write(modules_to, " ".join(sys.modules.keys() - loaded).encode())
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) and error.code else 1
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    directory, app = Path(sys.argv[1]), sys.argv[2]
    # From here on the path is the charm's own, as with Juju: src/ first, and nothing of the sandbox.
    foreign = {"", str(Path.cwd()), sys.argv[3]}
    sys.path[:] = [str(directory / "src"), *(entry for entry in sys.path if entry not in foreign)]
    main(directory, app)
