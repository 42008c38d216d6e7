"""Calls of a manager in the forms of versions 0.10 to 0.15 of the library."""

import enum
import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

_Method = TypeVar("_Method", bound=Callable[..., Any])
_MESH_TYPE = "_mesh_type"


def takes_mesh_type(init: _Method) -> _Method:
    """Accept the type of the mesh in the constructor, by name or as third argument, as until 0.14."""

    @functools.wraps(init)
    def with_mesh_type(manager: object, *args: Any, **kwargs: Any) -> None:
        third = args[2] if len(args) > 2 and isinstance(args[2], str | enum.Enum) else None
        vars(manager)[_MESH_TYPE] = kwargs.pop("mesh_type", third)
        init(manager, *(args if third is None else (*args[:2], *args[3:])), **kwargs)

    return cast("_Method", with_mesh_type)


def takes_flags(reconcile: _Method) -> _Method:
    """Accept `force` and `ignore_missing` after the policies, as until 0.14, or the mesh, as in 0.15."""

    @functools.wraps(reconcile)
    def with_flags(manager: object, *args: Any, **kwargs: Any) -> Any:
        first_flag = next((at for at, value in enumerate(args[:3]) if isinstance(value, bool)), len(args))
        kwargs.update(zip(("force", "ignore_missing"), args[first_flag:], strict=False))
        mesh_type = cast("Any", vars(manager).get(_MESH_TYPE))
        if mesh_type is not None and len(args[:first_flag]) < 2:
            kwargs.setdefault("mesh_type", mesh_type)
        return reconcile(manager, *args[:first_flag], **kwargs)

    return cast("_Method", with_flags)
