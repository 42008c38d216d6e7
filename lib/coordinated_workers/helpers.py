"""Helpers of the published library, for charms that import them; nothing here uses them."""

import importlib.util

import ops

NON_RECONCILABLE_EVENTS: frozenset[type[ops.EventBase]] = frozenset({ops.PebbleCheckFailedEvent})
"""Events after which the published library does not reconcile."""


def check_libs_installed(*path: str) -> None:
    """Check that each charm library can be imported.

    Raises:
        RuntimeError: if one cannot; the message has the command that fetches it.
    """
    missing = [name for name in path if not _is_importable(name)]
    if missing:
        commands = "; ".join(f"charmcraft fetch-lib {name}" for name in missing)
        raise RuntimeError(f"missing charm libraries: run {commands}")


def _is_importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
