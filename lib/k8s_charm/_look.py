"""Objects as they are, for those who only want to know."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ._objects import ObjectRef, kind_name
from ._result import Failure
from ._verbs import attempt, list_objects

if TYPE_CHECKING:
    from lightkube import Client

    from ._objects import Resource


def look(
    client: "Client",
    kind: "type[Resource]",
    namespace: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> "list[Resource] | Failure":
    """List objects in one request; what goes wrong comes back as a failure.

    Args:
        client: what to ask with.
        kind: the kind of the objects.
        namespace: where they are; anywhere if None.
        labels: what they carry.
    """
    ref = ObjectRef(kind_name(kind), namespace, "")
    return attempt(lambda: list_objects(client, kind, namespace, labels or {}), ref, "list")
