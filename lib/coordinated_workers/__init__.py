"""A distributed workload as charms: one coordinator, its workers, and the data between them."""

import importlib
from typing import Any

from ._compatibility import LAZY_NAMES


def __getattr__(name: str) -> Any:
    if module := LAZY_NAMES.get(name):
        return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
