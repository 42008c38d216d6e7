"""The requests to Kubernetes, and its errors in words, for all versions of lightkube."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from relation_data import Message, one_line

from ._client import Client, kubernetes_code, kubernetes_errors
from ._objects import Json, ObjectRef, Resource, from_manifest, manifest, metadata, sublist
from ._owner import have_one_owner
from ._result import Failure

Answer = TypeVar("Answer")
Kind = TypeVar("Kind", bound=Resource)

_MESSAGE_LENGTH = 200
_CONFLICTING_MANAGER = re.compile(r'with "([^"]+)"')
_NOT_ALLOWED = "not allowed"
_EXISTS = "already exists"
_NOT_OURS = "already managed by"
# Only in the API server's own answer; a webhook that rejects an object also answers 403.
_NOT_PERMITTED = re.compile(r"cannot \w+ resource")
_GOING_NAMESPACE = "because it is being terminated"
# Errors from an answer that is not JSON, or not JSON of an object.
_MALFORMED = (AttributeError, LookupError, TypeError, ValueError)
# Parts that are equal in most objects of an owner; with managed fields, they are half of the memory.
_REPEATED = ("annotations", "labels", "ownerReferences")
# No object has this version: with it, an apply of a custom resource can only create.
_NO_VERSION = "0"
_IS_THERE = "metadata.resourceVersion: Invalid value"
_MISSING_NAMESPACE = re.compile(r'namespaces "([^"]+)" not found')


def prepare_for_answers(kinds: Iterable[type[Resource]]) -> None:
    """Compile the decoders of kinds, metadata and errors before several threads need them.

    lightkube compiles each when it first decodes one, by msgspec, which crashes if two threads do so at once.
    """
    try:
        from lightkube.core.decoders import decode_list  # pyright: ignore[reportUnknownVariableType]  # its doing
    except ImportError:  # lightkube before 1.0, which does not use msgspec
        return
    from lightkube.models.meta_v1 import ObjectMeta, Status

    for model in (ObjectMeta, Status):
        model.from_dict({})
    for kind in kinds:
        decode_list(b'{"items":[]}', cast("Any", kind))


def list_labelled(
    client: Client, kind: type[Resource], namespace: str | None, labels: Mapping[str, Any]
) -> list[Resource]:
    """List the objects of a kind that carry labels, in one namespace, or in all if it is None."""
    from lightkube.core.resource import NamespacedResource

    everywhere = "*" if issubclass(kind, NamespacedResource) else None
    known: dict[str, Any] = {}
    listed = _verbs(client).list(kind, namespace=namespace or everywhere, labels=dict(labels))
    return [_sharing(each, known) for each in listed]


def _sharing(resource: Resource, known: dict[str, Any]) -> Resource:
    """Return an object that shares equal parts with another one, so that each is in memory once."""
    if isinstance(resource, dict):
        own = metadata(resource)
        parts = [(own, name) for name in _REPEATED]
        for holder, name in [*parts, *((entry, "fieldsV1") for entry in sublist(own, "managedFields"))]:
            if part := holder.get(name):
                holder[name] = known.setdefault(repr(part), part)
    return resource


def apply_object(client: Client, resource: Resource, ref: ObjectRef, *, force: bool) -> Resource:
    """Create or change an object by server-side apply."""
    return _verbs(client).apply(resource, namespace=ref.namespace, force=force)


def create_object(
    client: Client, resource: Resource, ref: ObjectRef, *, owned_by_labels: Mapping[str, str]
) -> Resource:
    """Create an object by server-side apply, or change one that still carries a mark of the same owner.

    Raises:
        TakenError: if the object has another owner.
    """
    # Kubernetes rejects this version for an existing object, but only of a custom resource.
    if isinstance(resource, dict):
        plain = manifest(resource)
        new = {**plain, "metadata": {**plain["metadata"], "resourceVersion": _NO_VERSION}}
        try:
            return apply_object(client, from_manifest(type(resource), new), ref, force=False)
        except kubernetes_errors() as error:
            if kubernetes_code(error) != 422 or _IS_THERE not in str(error):
                raise
    name = {"metadata.name": ref.name}
    for there in _verbs(client).list(type(resource), namespace=ref.namespace, fields=name):
        if not have_one_owner(there, resource, owned_by_labels):
            raise TakenError(_creator(there))
    return apply_object(client, resource, ref, force=False)


def _creator(resource: Resource) -> str:
    entries = sublist(metadata(resource), "managedFields")
    managers = (str(entry["manager"]) for entry in entries if not entry.get("subresource"))
    return next(managers, "an unknown client")


class TakenError(Exception):
    """An object of that name has another owner; the text is its name."""


def patch_object(client: Client, kind: type[Resource], ref: ObjectRef, patch: Json) -> Resource:
    """Change an object by a JSON merge patch."""
    from lightkube.types import PatchType

    return _verbs(client).patch(kind, ref.name, patch, namespace=ref.namespace, patch_type=PatchType.MERGE)


def delete_object(client: Client, kind: type[Resource], ref: ObjectRef, *, ignore_missing: bool) -> None:
    """Delete an object."""
    try:
        _verbs(client).delete(kind, ref.name, namespace=ref.namespace)
    except kubernetes_errors() as error:
        if not (ignore_missing and kubernetes_code(error) == 404):
            raise


def get_object(client: Client, kind: type[Kind], name: str, namespace: str | None) -> Kind | None:
    """Return an object; None if it does not exist.

    Raises:
        lightkube.ApiError: if Kubernetes rejects the request.
    """
    from lightkube import ApiError

    try:
        return _verbs(client).get(kind, name, namespace=namespace)
    except ApiError as error:
        if error.status.code != 404:
            raise
        return None


def _verbs(client: Client) -> Any:
    # The overloads of lightkube's verbs depend on whether a kind has namespaces.
    return client


def attempt(request: Callable[[], Answer], ref: ObjectRef, verb: str) -> Answer | Failure:
    """Send a request, and return its error as a failure."""
    try:
        return request()
    except Exception as error:  # for a malformed answer, lightkube raises errors of many types
        return failure(error, ref, verb)


def failure(error: Exception, ref: ObjectRef, verb: str) -> Failure:
    """Return an error of a request as a failure, with the cause in words."""
    code, message = kubernetes_code(error), " ".join(str(error).split())
    if isinstance(error, TakenError):
        return Failure(ref, verb, 409, _taken_by(message))
    if code is None:
        if isinstance(error, _MALFORMED):
            return Failure(ref, verb, None, f"invalid answer from Kubernetes ({_name(error)})", error)
        reason = f"no answer from Kubernetes ({_short(message) or _name(error)})"
        return Failure(ref, verb, None, reason, error)
    return Failure(ref, verb, code, _meaning(code, ref, verb, message), error)


def _meaning(code: int, ref: ObjectRef, verb: str, message: str) -> str:
    missing_namespace = _MISSING_NAMESPACE.search(message)
    conflict = _CONFLICTING_MANAGER.search(message)
    if code == 401 or (code == 403 and _NOT_PERMITTED.search(message)):
        return f"{_NOT_ALLOWED} to {verb} {ref.kind}"
    if code == 403 and _GOING_NAMESPACE in message:
        return "the model or namespace is being removed"
    if code == 404 and verb == "list":
        return f"{ref.kind} is not installed"
    if code == 404 and missing_namespace:
        return f"model or namespace {missing_namespace.group(1)} does not exist"
    if code == 404:
        return "does not exist"
    if code == 409 and conflict:
        return _taken_by(conflict.group(1))
    if code == 409 and message.endswith(_EXISTS):
        return f"{message}, with another owner"
    if code == 409:
        return f"changed by another client at the same time ({_short(message)})"
    if code == 429:
        return "Kubernetes is overloaded"
    if code in (400, 403, 413, 422):
        return f"rejected by Kubernetes ({_short(message.rpartition(' is invalid: ')[2])})"
    return f"Kubernetes answered {code} ({_short(message)})"


def _taken_by(manager: str) -> str:
    return f"{_NOT_OURS} {manager}"


def kubernetes_problem(problem: Failure | Exception, *, app: str) -> Message:
    """Return a failure, or one of `kubernetes_errors()`, as a message for the operator of an application."""
    if isinstance(problem, Exception):
        problem = failure(problem, ObjectRef("", None, ""), "")
    if problem.reason.startswith(_NOT_ALLOWED):
        return Message("missing permissions", remedy=f"juju trust {app} --scope=cluster", lead=": run ")
    if problem.code == 404 and problem.verb == "list":
        return Message(f"{problem.ref.kind} CRD not installed", remedy="deploy istio-k8s")
    if not problem.ref.name:
        return Message(problem.reason)
    is_taken = problem.reason.startswith(_NOT_OURS) and problem.verb == "create"
    return Message(str(problem.ref), problem.reason, "remove it" if is_taken else problem.remedy)


def is_transient(problem: Failure | Exception) -> bool:
    """Return whether a retry may succeed; if not, an operator has to act."""
    if isinstance(problem, Exception):
        code, creates = kubernetes_code(problem), str(problem).endswith(_EXISTS)
    else:
        code, creates = problem.code, problem.verb == "create"
    # A conflict is temporary; an object of another owner with the name is not.
    return code is None or code == 429 or code >= 500 or (code == 409 and not creates)


def _short(message: str) -> str:
    return one_line(message, longest=_MESSAGE_LENGTH)


def _name(error: Exception) -> str:
    return type(error).__name__
