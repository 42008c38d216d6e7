"""What there is to write so that the owned objects become the wanted ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._correction import EVERYTHING, correction, fields_of_writers
from ._objects import Json, kind_name, manifest
from ._result import ObjectRef

if TYPE_CHECKING:
    from ._objects import Resource

# The server adds nothing to what is written of an AuthorizationPolicy: whatever else is there was put there
# by somebody, and opens or closes doors.
_REMOVABLE: Mapping[str, Json] = {
    "AuthorizationPolicy": {
        "f:spec": EVERYTHING,
        "f:metadata": {"f:annotations": {"f:istio.io/dry-run": {}}},
    }
}


@dataclass(frozen=True)
class Plan:
    """The objects to write; those that are as wanted already are only counted."""

    create: "dict[ObjectRef, Resource]"
    update: "dict[ObjectRef, Resource]"
    delete: list[ObjectRef]
    keep: list[ObjectRef]
    unchanged: int


def plan(
    owned: "Mapping[ObjectRef, Resource]",
    wanted: "Mapping[ObjectRef, Resource]",
    labels: Mapping[str, str],
    keep: "Callable[[Resource], bool]",
) -> Plan:
    """Compare what is owned with what is wanted."""
    create = {ref: resource for ref, resource in wanted.items() if ref not in owned}
    update = {
        ref: resource
        for ref, resource in wanted.items()
        if ref in owned and missing(owned[ref], resource, labels)
    }
    unwanted = {ref: keep(resource) for ref, resource in owned.items() if ref not in wanted}
    return Plan(
        create=create,
        update=update,
        delete=[ref for ref, stays in unwanted.items() if not stays],
        keep=[ref for ref, stays in unwanted.items() if stays],
        unchanged=len(wanted) - len(create) - len(update),
    )


def missing(live: "Resource", wanted: "Resource", labels: Mapping[str, str]) -> Json:
    """Return the JSON merge patch that makes an owned object the wanted one; empty if it is."""
    there = manifest(live)
    removable = fields_of_writers(there, labels)
    if everything := _REMOVABLE.get(kind_name(type(wanted))):
        removable.append(everything)
    return correction(there, manifest(wanted), removable)
