"""Describe the public names of a package as JSON: run with `python describe.py PACKAGE` in its environment.

Modules of charm libraries (`charms.*`), which charmcraft fetches, are replaced by empty ones.
"""

import ast
import dataclasses
import enum
import importlib
import importlib.abc
import importlib.machinery
import inspect
import json
import pathlib
import pkgutil
import sys
import textwrap
import types
import typing
from collections.abc import Iterator
from typing import Any

_VALUES = (str, int, float, bool, tuple, list, dict, set, frozenset, pathlib.PurePath)
_BASES = ("builtins", "enum", "ops", "pydantic")
_FOREIGN = ("builtins", "cosl", "enum", "ops", "pydantic", "typing")


class _CharmLibraries(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds any `charms.*` module; each attribute of it is an empty class."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> Any:
        if fullname.partition(".")[0] != "charms":
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        module.__path__ = []
        module.__getattr__ = _stand_in
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def _stand_in(name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (), {})


def describe(package: str) -> dict[str, dict[str, Any]]:
    """Return dotted name → kind, and parameters, default or value, for all that is public in a package."""
    root = importlib.import_module(package)
    names = [package]
    names += [found.name for found in pkgutil.walk_packages(root.__path__, f"{package}.")]
    described: dict[str, dict[str, Any]] = {}
    for name in names:
        if any(part.startswith("_") for part in name.split(".")):
            continue
        described[name] = {"kind": "module"}
        module = importlib.import_module(name)
        for attribute, value in vars(module).items():
            if attribute.startswith("_"):
                continue
            if _belongs(attribute, value, module):
                described.update(_members(f"{name}.{attribute}", value))
            elif _is_imported_from(package, value):
                described[f"{name}.{attribute}"] = {"kind": "imported"}
    return described


def _belongs(attribute: str, value: object, module: types.ModuleType) -> bool:
    """Return whether a module defines a value itself, rather than importing it."""
    if isinstance(value, types.ModuleType) or attribute == "TYPE_CHECKING":
        return False
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__module__ == module.__name__ or attribute in getattr(module, "__all__", ())
    return isinstance(value, _VALUES) or _is_alias(value)


def _is_alias(value: object) -> bool:
    """Return whether a value is a type such as `list[str]`, under a name of the module's own."""
    return not inspect.isclass(value) and bool(typing.get_args(value))


def _is_imported_from(package: str, value: object) -> bool:
    """Return whether the value comes from the package: charms import it from the importing module as well."""
    return (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith(package)


def _members(name: str, value: Any) -> dict[str, dict[str, Any]]:
    if inspect.isfunction(value):
        return {name: {"kind": "function", "parameters": _parameters(value)}}
    if _is_alias(value):
        return {name: {"kind": "alias"}}
    if not inspect.isclass(value):
        return {name: {"kind": "value", "value": _plain(value)}}
    described: dict[str, dict[str, Any]] = {
        name: {"kind": "class", "bases": _bases(value), "frozen": _is_frozen(value)}
    }
    if issubclass(value, enum.Enum):
        members = {f"{name}.{each.name}": {"kind": "member", "value": each.value} for each in value}
        return {**described, **members}
    described |= {f"{name}.{field}": fact for field, fact in _fields(value)}
    for attribute in _attributes(value):
        static = inspect.getattr_static(value, attribute, None)
        function = static.__func__ if isinstance(static, (staticmethod, classmethod)) else static
        if inspect.isfunction(function):
            parameters = _parameters(function)
            binding = type(static).__name__
            fact = {"kind": "function", "parameters": parameters, "binding": binding}
            described[f"{name}.{attribute}"] = fact
        else:
            is_read_only = isinstance(static, property) and static.fset is None
            described.setdefault(f"{name}.{attribute}", {"kind": "attribute", "read_only": is_read_only})
    return described


def _bases(cls: type) -> list[str]:
    """The classes of Python, ops and pydantic that charms may take an instance for, or catch."""
    bases = (base for base in cls.__mro__[:-1] if base.__module__.partition(".")[0] in _BASES)
    return [base.__name__ for base in bases]


def _is_frozen(cls: type) -> bool:
    """Return whether no attribute can be assigned, and no subclass be a usual dataclass."""
    parameters = getattr(cls, "__dataclass_params__", None)
    return bool(parameters and parameters.frozen)


def _attributes(cls: type) -> Iterator[str]:
    """The public attributes that a class defines or assigns to `self`, and `__init__`."""
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] in _FOREIGN:
            continue
        yield from (name for name in vars(base) if _is_public(name) or name == "__init__")
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        except (OSError, TypeError):
            continue
        for node in ast.walk(tree):
            is_own = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            if is_own and ast.unparse(node.value) == "self" and _is_public(node.attr):
                yield node.attr


def _is_public(name: str) -> bool:
    return not name.startswith(("_", "model_"))


def _fields(cls: type) -> Iterator[tuple[str, dict[str, Any]]]:
    if dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            is_required = (
                field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            )
            default = None if is_required else _default(field)
            if not field.name.startswith("_"):
                yield field.name, {"kind": "field", "required": is_required, "default": _plain(default)}
    for name, field in getattr(cls, "model_fields", {}).items():
        required = field.is_required()
        default = None if required else field.get_default(call_default_factory=True)
        yield name, {"kind": "field", "required": required, "default": _plain(default)}
    for name in cls.__annotations__ if hasattr(cls, "__required_keys__") else ():
        yield name, {"kind": "key"}


def _default(field: Any) -> object:
    return field.default if field.default is not dataclasses.MISSING else field.default_factory()


def _parameters(function: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": parameter.name,
            "kind": parameter.kind.name,
            "required": parameter.default is parameter.empty,
            "default": None if parameter.default is parameter.empty else _plain(parameter.default),
        }
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name not in ("self", "cls")
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (frozenset, set, list, tuple)):
        return sorted((_plain(each) for each in value), key=repr)
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, pathlib.PurePath):
        return str(value)
    return getattr(value, "__name__", type(value).__name__)


if __name__ == "__main__":
    sys.meta_path.append(_CharmLibraries())
    json.dump(describe(sys.argv[1]), sys.stdout)
