"""What there is to write so that the owned objects become the wanted ones."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ._merge_patch import EVERYTHING, correction, fields_of_writers
from ._objects import Json, ObjectRef, kind_name, manifest, reference

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


@dataclass
class Plan:
    """The objects to write; those that are as wanted already are only counted."""

    create: "dict[ObjectRef, Resource]" = field(default_factory=dict["ObjectRef", "Resource"])
    update: "dict[ObjectRef, Resource]" = field(default_factory=dict["ObjectRef", "Resource"])
    delete: list[ObjectRef] = field(default_factory=list[ObjectRef])
    keep: list[ObjectRef] = field(default_factory=list[ObjectRef])
    unchanged: int = 0


def plan(
    owned: "Mapping[ObjectRef, Resource]",
    wanted: "Iterable[Resource]",
    labels: Mapping[str, str],
    keep: "Callable[[Resource], bool]",
) -> Plan:
    """Compare what is owned with what is wanted, one by one, holding on only to what is to be written."""
    result = Plan()
    wanted_refs: set[ObjectRef] = set()
    for resource in wanted:
        ref = reference(resource)
        wanted_refs.add(ref)
        if ref not in owned:
            result.create[ref] = resource
        elif missing(owned[ref], resource, labels):
            result.update[ref] = resource
        else:
            result.unchanged += 1
    for ref, resource in owned.items():
        if ref not in wanted_refs:
            (result.keep if keep(resource) else result.delete).append(ref)
    return result


def missing(live: "Resource", wanted: "Resource", labels: Mapping[str, str]) -> Json:
    """Return the JSON merge patch that makes an owned object the wanted one; empty if it is."""
    there = manifest(live)
    removable = fields_of_writers(there, labels)
    if everything := _REMOVABLE.get(kind_name(type(wanted))):
        removable.append(everything)
    return correction(there, manifest(wanted), removable)
