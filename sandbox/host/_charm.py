"""A charm, loaded from its directory, and one event of it."""

import importlib
import inspect
import traceback
from pathlib import Path
from typing import Any, cast

import ops
import yaml
from ops import testing

from . import _pod, _state, _tracing
from ._channel import Channel
from .messages import Delivery, HookFailure, HookOutcome, Reply


class HostedCharm:
    """A charm's class and metadata, read from the charm's directory."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.meta = self._yaml("metadata.yaml") or self._yaml("charmcraft.yaml")
        self.config = self.meta.pop("config", None) or self._yaml("config.yaml")
        self.actions = self.meta.pop("actions", None) or self._yaml("actions.yaml")
        self.endpoints: list[str] = []
        for role in ("provides", "requires", "peers"):
            self.endpoints += cast("dict[str, Any]", self.meta.get(role) or {})
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
        """Run an event on a unit, in this process."""
        event, before = delivery["event"], delivery["state"]
        _pod.name_host(delivery["fqdn"])
        _pod.set_environment(event["environment"])
        _pod.connect_workload(channel.ask)
        secrets = _pod.watch_secrets()
        traces = _tracing.follow()
        context = self._context(app, delivery["unit"])
        _state.attach_storages(context, before["storages"])
        state = _state.to_scenario(before, delivery["address"], self.endpoints)
        failure: str | None = None
        try:
            out = context.run(_state.to_scenario_event(context, event, state), state)
        except testing.ActionFailed as failed:
            failure, out = failed.message, cast("testing.State", failed.state)
        except Exception as error:
            return {"failure": self._failure(error.__cause__ or error, _logs(context))}
        finally:
            _state.keep_files(context, before["containers"])
        _tracing.send(traces, context.trace_data)
        outcome: HookOutcome = {
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

    def _context(self, app: str, unit: int) -> testing.Context[ops.CharmBase]:
        return testing.Context(
            self.type,
            meta=self.meta,
            actions=self.actions or {},
            config=self.config or {},
            charm_root=self.directory,
            app_name=app,
            unit_id=unit,
            app_trusted=True,
        )

    def _failure(self, error: BaseException, logs: list[tuple[str, str]]) -> HookFailure:
        """Return the traceback of an exception, from the charm's own code on if that was reached."""
        frames = error.__traceback__
        while frames and not frames.tb_frame.f_code.co_filename.startswith(str(self.directory)):
            frames = frames.tb_next
        return failure(error.with_traceback(frames or error.__traceback__), logs)


def _secret_id(state: testing.State, secret: ops.Secret) -> str:
    for known in state.secrets:
        if (secret.id and known.id.endswith(secret.id.rpartition(":")[2])) or (
            secret.label and known.label == secret.label
        ):
            return known.id
    return secret.id or ""


def _logs(context: testing.Context[Any]) -> list[tuple[str, str]]:
    return [(line.level, line.message) for line in context.juju_log]


def failure(error: BaseException, logs: list[tuple[str, str]]) -> HookFailure:
    """Return the traceback of an exception."""
    return {"traceback": "".join(traceback.format_exception(error)).rstrip(), "logs": logs}
