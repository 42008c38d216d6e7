"""A charm: its source, and the contents of charmcraft.yaml."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from ._errors import JujuError

Role = Literal["provides", "requires", "peers"]
Value = str | int | float | bool

LIBRARIES = (Path(__file__).parents[2] / "lib",)
"""Where the project's own charms find their libraries."""

_ROLES: tuple[Role, ...] = ("provides", "requires", "peers")
_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "secret": (str,),
    "boolean": (bool,),
    "int": (int,),
    "integer": (int,),
    "float": (float, int),
    "number": (float, int),
    "array": (list,),
    "object": (dict,),
}


@dataclass(frozen=True)
class CharmSource:
    """The source of a charm, and its runtime."""

    directory: Path
    python: str = sys.executable
    """The interpreter; it must have ops and ops-scenario."""
    pythonpath: tuple[Path, ...] = LIBRARIES
    """Where it finds libraries that are not in its own `lib`."""


@dataclass(frozen=True)
class CharmEndpoint:
    """One end that a relation can have."""

    name: str
    role: Role
    interface: str
    limit: int | None = None
    """How many relations it takes at most; None is any number."""


@dataclass(frozen=True)
class CharmMetadata:
    """A charm's metadata."""

    name: str
    endpoints: Mapping[str, CharmEndpoint]
    containers: Mapping[str, Mapping[str, str]]
    """The storages mounted in each container, by location."""
    storages: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]]
    actions: Mapping[str, Mapping[str, Any]]

    @classmethod
    def load(cls, directory: Path) -> "CharmMetadata":
        """Read a charm's directory.

        Raises:
            JujuError: if there is no charm in it.
        """
        meta = _read(directory / "metadata.yaml") | _read(directory / "charmcraft.yaml")
        if "name" not in meta:
            raise JujuError(f"no charm in {directory}: charmcraft.yaml is missing or has no name")
        config = _map(meta, "config") or _read(directory / "config.yaml")
        return cls(
            name=meta["name"],
            endpoints={endpoint.name: endpoint for endpoint in _endpoints(meta)},
            containers={
                name: {mount["location"]: mount["storage"] for mount in _list(container or {}, "mounts")}
                for name, container in _map(meta, "containers").items()
            },
            storages=tuple(_map(meta, "storage")),
            options=_map(config, "options"),
            actions=_map(meta, "actions") or _read(directory / "actions.yaml"),
        )

    def option(self, name: str, value: object) -> Value:
        """The value of a config option; text is converted to the option's type.

        Raises:
            JujuError: if there is no such option, or the value is not of its type.
        """
        if name not in self.options:
            raise JujuError(f"{self.name} has no config option {name!r}; it has {_names(self.options)}")
        return _typed(f"config option {name!r}", self.options[name].get("type", "string"), value)

    def defaults(self) -> dict[str, Value]:
        """The values of the config options that have one by themselves."""
        return {name: option["default"] for name, option in self.options.items() if "default" in option}

    def parameters(self, action: str, given: Mapping[str, object]) -> dict[str, Any]:
        """The parameters of an action, with those filled in that have a default.

        Raises:
            JujuError: if there is no such action, or it does not take these parameters.
        """
        if action not in self.actions:
            raise JujuError(f"{self.name} has no action {action!r}; it has {_names(self.actions)}")
        known = _map(self.actions[action], "params")
        params: dict[str, Any] = {
            name: param["default"] for name, param in known.items() if "default" in param
        }
        for name, value in given.items():
            if name not in known:
                raise JujuError(f"action {action!r} takes no {name!r}; it takes {_names(known)}")
            params[name] = _typed(f"parameter {name!r}", known[name].get("type", "string"), value)
            _check(f"parameter {name!r}", known[name], params[name])
        if missing := [name for name in _list(self.actions[action], "required") if name not in params]:
            raise JujuError(f"action {action!r} needs {_names(missing)}")
        return params


def _endpoints(meta: Mapping[str, Any]) -> Iterator[CharmEndpoint]:
    for role in _ROLES:
        for name, endpoint in _map(meta, role).items():
            yield CharmEndpoint(name, role, endpoint["interface"], endpoint.get("limit"))


def _typed(what: str, type_name: str, value: object) -> Any:
    expected = _PYTHON_TYPES[type_name]
    if isinstance(value, str) and str not in expected:
        value = cast("object", yaml.safe_load(value))
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        raise JujuError(f"{what} is of type {type_name}, which {value!r} is not")
    return value


def _check(what: str, schema: Mapping[str, Any], value: Any) -> None:
    """Hold a value of an action against the rest of its schema, as Juju does."""
    choices = _list(schema, "enum")
    if choices and value not in choices:
        raise JujuError(f"{what} is one of {', '.join(map(str, choices))}, which {value!r} is not")
    if "minimum" in schema and value < schema["minimum"]:
        raise JujuError(f"{what} is at least {schema['minimum']}, which {value!r} is not")
    if "maximum" in schema and value > schema["maximum"]:
        raise JujuError(f"{what} is at most {schema['maximum']}, which {value!r} is not")


def _read(file: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load(file.read_text())) if file.exists() else {}


def _map(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return mapping.get(key) or {}


def _list(mapping: Mapping[str, Any], key: str) -> list[Any]:
    return mapping.get(key) or []


def _names(names: Mapping[str, object] | list[str]) -> str:
    return ", ".join(sorted(names)) or "none"
