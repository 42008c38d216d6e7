"""A unit of a charm, whose hooks run as with Juju: a process each, with the hook tools on its PATH."""

import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .sides import HERE, LibrarySet

_TOOLS = (
    *("application-version-set", "config-get", "goal-state", "is-leader", "juju-log", "network-get"),
    *("relation-get", "relation-ids", "relation-list", "relation-set", "relation-model-get"),
    *("secret-add", "secret-get", "secret-grant", "secret-info-get", "secret-set"),
    *("state-delete", "state-get", "state-set", "status-get", "status-set", "close-port", "open-port"),
    *("opened-ports", "resource-get"),
)
_GOAL = {"status": "active", "since": "2026-01-01T00:00:00Z"}
_METADATA = ("name", "summary", "containers", "resources", "peers", "provides", "requires", "storage")


class HookFailedError(RuntimeError):
    """A charm raised."""


@dataclass(frozen=True)
class HookRun:
    """The cost of a hook."""

    seconds: float
    """From the start of the process to its end, as Juju sees it."""
    cpu: float
    """Seconds of this process and of the hook tools that it called."""
    memory: float
    """The most that it had resident, in MB."""
    calls: Counter[str]
    """Hook tool to number of calls."""
    status: str
    """The data that the unit publishes."""


@dataclass
class SampleRelation:
    """A relation as the unit sees it; a side without data has published nothing."""

    id: int
    endpoint: str
    app: str
    data: Mapping[str, str] = field(default_factory=dict[str, str])
    """The remote application's."""
    units: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """The remote units' data, by their names."""
    own: dict[str, str] = field(default_factory=dict[str, str])
    """What the application itself has written."""
    own_unit: dict[str, str] = field(default_factory=dict[str, str])


class SampleUnit:
    """The leader of an application of one unit.

    Args:
        charm: the folder of the charm's source.
        side: the libraries that it runs on.
        folder: an empty folder.
        environment: more variables for its processes.
    """

    def __init__(
        self,
        charm: Path,
        side: LibrarySet,
        folder: Path,
        *,
        app: str,
        model: str,
        environment: Mapping[str, str] | None = None,
    ):
        self._side = side
        self._app = app
        self._model = model
        self._charm, self._juju, self._bin = (folder / name for name in ("charm", "juju", "bin"))
        self._environment = dict(environment or {})
        self.relations: dict[int, SampleRelation] = {}
        shutil.copytree(charm, self._charm)
        self._write_metadata()
        self._make_tools()

    def relate(self, relation: SampleRelation) -> None:
        """Add a relation, or replace its data."""
        known = self.relations.get(relation.id)
        if known:
            relation.own, relation.own_unit = known.own, known.own_unit
        self.relations[relation.id] = relation
        self._write(relation)

    def unrelate(self, relation_id: int) -> None:
        """Remove a relation."""
        endpoint = self.relations.pop(relation_id).endpoint
        shutil.rmtree(self._juju / "relations" / str(relation_id))
        self._write_endpoint(endpoint)

    def hook(self, name: str = "update-status", relation: SampleRelation | None = None) -> HookRun:
        """Run a hook to its end.

        Raises:
            HookFailedError: with the charm's output.
        """
        calls = self._juju / "calls"
        calls.write_text("")
        log = self._juju / "output"
        log.unlink(missing_ok=True)
        command = [self._side.python, "src/charm.py"]
        with log.open("a") as output:
            start = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=self._charm, env=self._variables(name, relation), stdout=output, stderr=output
            )
            _, code, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(code)
        if process.returncode:
            raise HookFailedError(f"{name} of {self._app} on {self._side.name}:\n{log.read_text()[-3000:]}")
        self._take_what_was_written()
        return HookRun(
            seconds,
            used.ru_utime + used.ru_stime,
            used.ru_maxrss / 1024,
            Counter(calls.read_text().split()),
            (self._juju / "status").read_text().strip(),
        )

    def _variables(self, hook: str, relation: SampleRelation | None) -> dict[str, str]:
        variables = self._side.environment(
            **self._environment,
            HOOK_TOOLS=str(self._juju),
            JUJU_CHARM_DIR=str(self._charm),
            JUJU_DISPATCH_PATH=f"hooks/{hook}",
            JUJU_MODEL_NAME=self._model,
            JUJU_MODEL_UUID="7c1b1f4e-0a3c-4c55-9a5e-0d6c6a0f1a11",
            JUJU_UNIT_NAME=f"{self._app}/0",
            JUJU_VERSION="3.6.1",
        )
        if relation:
            variables |= {
                "JUJU_RELATION": relation.endpoint,
                "JUJU_RELATION_ID": f"{relation.endpoint}:{relation.id}",
                "JUJU_REMOTE_APP": relation.app,
            }
        return variables | {"PATH": f"{self._bin}{os.pathsep}{variables['PATH']}"}

    def _write_metadata(self) -> None:
        """Write the files that a packed charm has in place of its charmcraft.yaml."""
        described = yaml.safe_load((self._charm / "charmcraft.yaml").read_text())
        metadata = {key: described[key] for key in _METADATA if key in described}
        (self._charm / "metadata.yaml").write_text(yaml.safe_dump(metadata))
        config: dict[str, Any] = described.get("config", {})
        (self._charm / "config.yaml").write_text(yaml.safe_dump(config))
        (self._charm / "actions.yaml").write_text(yaml.safe_dump(described.get("actions", {})))
        for name in ("endpoints", "relations", "written"):
            (self._juju / name).mkdir(parents=True)
        options = config.get("options", {})
        answers: dict[str, object] = {
            "config-get": {
                name: option["default"] for name, option in options.items() if "default" in option
            },
            "is-leader": True,
            "goal-state": {"units": {f"{self._app}/0": _GOAL}, "relations": {}},
        }
        for tool, answer in answers.items():
            (self._juju / tool).write_text(json.dumps(answer))
        (self._juju / "status").write_text("")

    def _make_tools(self) -> None:
        self._bin.mkdir()
        for tool in _TOOLS:
            (self._bin / tool).symlink_to(HERE / "hook-tool")

    def _write(self, relation: SampleRelation) -> None:
        folder = self._juju / "relations" / str(relation.id)
        databags = {
            f"{relation.app}/app": relation.data,
            f"{self._app}/app": relation.own,
            f"{self._app}/0": relation.own_unit,
            **relation.units,
        }
        for name, data in databags.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(data))
        (folder / "app").write_text(json.dumps(relation.app))
        (folder / "unit").write_text(json.dumps(list(relation.units)))
        self._write_endpoint(relation.endpoint)

    def _write_endpoint(self, endpoint: str) -> None:
        ids = [f"{endpoint}:{each.id}" for each in self.relations.values() if each.endpoint == endpoint]
        (self._juju / "endpoints" / endpoint).write_text(json.dumps(ids))

    def _take_what_was_written(self) -> None:
        for file in sorted((self._juju / "written").iterdir(), key=lambda each: each.stat().st_mtime_ns):
            relation_id, part, _ = file.name.split(".")
            relation = self.relations[int(relation_id)]
            databag = relation.own if part == "app" else relation.own_unit
            databag |= yaml.safe_load(file.read_text())
            self._write(relation)
            file.unlink()
