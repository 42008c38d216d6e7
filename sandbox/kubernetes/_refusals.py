"""Reasons to reject a request about an object."""

from collections.abc import Sequence

from ._json import Object
from ._kinds import Kind
from ._status import ApiError, Cause, ErrorSubject


def not_found(kind: Kind, name: str) -> ApiError:
    """404: there is no such object."""
    return _about(kind, name, 404, "NotFound", f'{kind.resource} "{name}" not found')


def already_exists(kind: Kind, name: str) -> ApiError:
    """409: the name is taken."""
    return _about(kind, name, 409, "AlreadyExists", f'{kind.resource} "{name}" already exists')


def conflict(kind: Kind, name: str, why: str) -> ApiError:
    """409: the object is not as the request requires."""
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return _about(kind, name, 409, "Conflict", message)


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: the object is invalid for its kind."""
    messages = [f"{cause.field}: {cause.message}" for cause in causes]
    text = messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"
    return ApiError(
        422,
        "Invalid",
        f'{kind.qualified} "{name}" is invalid: {text}',
        ErrorSubject(kind.name, kind.group, name),
        causes=causes,
    )


def check_version(kind: Kind, name: str, version: str | None, old: Object | None) -> None:
    """Reject a write over a version that the writer has not seen; "0" counts as none.

    Raises:
        ApiError: the object has another version (409), or is a custom resource and the version is "0" (422).
    """
    if version == "0" and old is not None:
        if kind.custom:
            raise version_required(kind, name)
        return
    if version and (old is None or old["metadata"]["resourceVersion"] != version):
        why = "the object has been modified; please apply your changes to the latest version and try again"
        raise conflict(kind, name, why)


def check_uid(kind: Kind, name: str, uid: str | None, old: Object) -> None:
    """Reject a write over another object of the same name.

    Raises:
        ApiError: the object has another uid (409).
    """
    there = old["metadata"]["uid"]
    if uid and there != uid:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {there}"
        raise conflict(kind, name, why)


def check_preconditions(kind: Kind, old: Object, uid: str, resource_version: str) -> None:
    """Reject the deletion of another object than the given one.

    Raises:
        ApiError: uid or version, where given, are others (409).
    """
    metadata = old["metadata"]
    for label, meant, there, guess in (
        ("UID", uid, metadata["uid"], "deleted and then recreated"),
        ("ResourceVersion", resource_version, metadata["resourceVersion"], "modified"),
    ):
        if meant and there != meant:
            name = metadata["name"]
            record = (
                f"the {label} in the precondition ({meant}) does not match the {label} in record ({there})"
            )
            message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {record}'
            raise ApiError(
                409,
                "Conflict",
                f"{message}. The object might have been {guess}",
                ErrorSubject(kind.name, kind.group, name),
            )


def version_required(kind: Kind, name: str) -> ApiError:
    """422: a replacement of a custom resource must have a resourceVersion."""
    cause = Cause(
        "FieldValueInvalid", "Invalid value: 0: must be specified for an update", "metadata.resourceVersion"
    )
    message = f'{kind.resource} "{name}" is invalid: {cause.field}: {cause.message}'
    return _about(kind, name, 422, "Invalid", message, [cause])


def _about(
    kind: Kind, name: str, code: int, reason: str, message: str, causes: Sequence[Cause] = ()
) -> ApiError:
    return ApiError(code, reason, message, ErrorSubject(kind.plural, kind.group, name), causes=causes)
