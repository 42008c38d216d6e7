"""All objects in a cluster, of every kind."""

from collections.abc import Iterator

from tests.support.real_server.access import RESTRICTED
from tests.support.real_server.upstream import Upstream

# The API server itself writes these all the time.
_RESTLESS = {"leases", "events", "componentstatuses"}


def every_object(upstream: Upstream) -> dict[str, str]:
    """The version of each object of each kind that the API server lists, by kind and name.

    The role that tests give to untrusted users is not included.
    """
    versions: dict[str, str] = {}
    for kind in _kinds(upstream):
        for own in (obj["metadata"] for obj in upstream.send("GET", kind).json["items"]):
            if own["name"] != RESTRICTED:
                versions[f"{kind} {own.get('namespace', '')}/{own['name']}"] = own["resourceVersion"]
    return versions


def _kinds(upstream: Upstream) -> Iterator[str]:
    groups = upstream.send("GET", "/apis").json["groups"]
    for place in ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]:
        for resource in upstream.send("GET", place).json["resources"]:
            if "list" in resource["verbs"] and resource["name"] not in _RESTLESS:
                yield f"{place}/{resource['name']}"
