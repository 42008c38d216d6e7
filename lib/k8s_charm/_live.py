"""Live objects: those that exist in Kubernetes now."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._client import Client
from ._deadline import Deadline
from ._objects import Json, ObjectRef, Resource, from_manifest, is_namespaced, kind_name, manifest, reference
from ._owner import OWNER, Owner
from ._requests import PendingRequest, Requester
from ._result import Failure
from ._verbs import attempt, list_labelled, prepare_for_answers


@dataclass(frozen=True)
class Live:
    """The live objects of an application."""

    kinds: Mapping[str, type[Resource]]
    """The kinds that were listed, by name."""
    labels: Mapping[str, str]
    """The labels that select the objects."""
    owner: Owner
    """The application that owns them."""
    namespace: str
    """The namespace of new objects that name no other."""
    objects: Mapping[ObjectRef, Resource]
    """The objects; none of a kind that could not be listed in full."""
    failed: tuple[Failure, ...] = ()
    """The list requests that failed."""
    service_uid: str | None = None
    """The uid of the application's Service, if an object refers to it."""

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.objects.values())

    @property
    def unlisted(self) -> set[str]:
        """The names of the kinds that could not be listed in full."""
        return {failure.ref.kind for failure in self.failed}

    def marked(self, resource: Resource) -> Resource:
        """Return a desired object with the labels and the annotation of its owner."""
        plain = manifest(resource)
        own = plain["metadata"]
        marks: Json = {
            "labels": {**(own.get("labels") or {}), **self.labels},
            "annotations": {**(own.get("annotations") or {}), OWNER: self.owner.mark},
        }
        if is_namespaced(type(resource)) and not own.get("namespace"):
            marks["namespace"] = self.namespace
        marked = from_manifest(type(resource), {**plain, "metadata": {**own, **marks}})
        return self.owner.with_reference(marked, self.service_uid) if self.service_uid else marked


def list_owned(
    client: Client,
    kinds: Iterable[type[Resource]],
    labels: Mapping[str, str],
    owner: Owner,
    deadline: Deadline,
    *,
    namespaces: Iterable[str] | None = None,
) -> Live:
    """List the objects that an application owns, with one request for each kind and namespace.

    A failed request raises nothing: it is in the `failed` of the returned value.

    Args:
        client: the client.
        kinds: all managed kinds, also those of which no object is desired any more.
        labels: the labels that select the objects.
        owner: the application; objects of others may have the same labels.
        deadline: the end of the hook's time.
        namespaces: the namespaces to list; all if None.

    Raises:
        ValueError: if there are no labels.
    """
    if not labels:
        raise ValueError("no labels: without labels, the objects of all owners would be selected")
    by_name = {kind_name(kind): kind for kind in kinds}
    prepare_for_answers(by_name.values())
    everywhere: list[str | None] = [None]
    places = everywhere if namespaces is None else sorted(set(namespaces))
    requests: list[PendingRequest[list[Resource]]] = []
    for kind in by_name.values():
        namespaces_of_kind = places if is_namespaced(kind) else everywhere
        requests += [_list_request(client, kind, each, labels) for each in namespaces_of_kind]
    listed, failed = Requester(deadline).send(requests)
    unlisted = {failure.ref.kind for failure in failed}
    objects: dict[ObjectRef, Resource] = {}
    for request, resources in listed.items():
        if request.kind not in unlisted:
            objects |= {reference(each): each for each in resources if owner.owns(each)}
    uids = (uid for each in objects.values() if (uid := owner.service_uid(each)))
    return Live(by_name, labels, owner, client.namespace, objects, tuple(failed), next(uids, None))


def list_objects(
    client: Client,
    kind: type[Resource],
    namespace: str | None = None,
    labels: Mapping[str, Any] | None = None,
) -> list[Resource] | Failure:
    """List objects of all owners in one request, or return the failure of the request.

    They are those of one namespace, or of all if it is None. A label's value can be an operator of lightkube.
    """
    request = _list_request(client, kind, namespace, labels or {})
    return attempt(request.send, request.ref, request.verb)


def _list_request(
    client: Client, kind: type[Resource], namespace: str | None, labels: Mapping[str, Any]
) -> PendingRequest[list[Resource]]:
    ref = ObjectRef(kind_name(kind), namespace, "")
    return PendingRequest("list", ref, lambda: list_labelled(client, kind, namespace, labels))
