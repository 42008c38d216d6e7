"""Loads the project's charms, which are programs rather than packages, into the tests' process."""

import functools
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import ops

CHARMS = Path(__file__).parents[2] / "charms"


@functools.cache
def load_charm(name: str) -> type[ops.CharmBase]:
    """The charm class of `charms/NAME/src/charm.py`.

    Only `charm.py` has the same name in every charm; it is loaded under a name of its own, and the
    other modules beside it under theirs.
    """
    source = CHARMS / name / "src"
    sys.path.insert(0, str(source))
    module_name = f"charm_{name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(module_name, source / "charm.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    (charm,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ops.CharmBase) and value.__module__ == module_name
    )
    return charm


def load_module(charm: str, name: str) -> ModuleType:
    """Import a module or package that stands beside the `charm.py` of a charm."""
    source = str(CHARMS / charm / "src")
    if source not in sys.path:
        sys.path.insert(0, source)
    return importlib.import_module(name)
