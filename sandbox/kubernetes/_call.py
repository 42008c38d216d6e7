"""Requests for a resource, and the objects and patches in their bodies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ._access import ANONYMOUS, VERBS
from ._json import Object, Value, is_list, is_object, mapping
from ._kinds import Kind
from ._ownership import Writer
from ._patches import json_patch, merge_patch, strategic_patch
from ._status import ApiError, bad_request

_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True)
class ResourcePath:
    """The target of a request, from its path."""

    kind: Kind
    namespace: str
    name: str
    subresource: str


@dataclass(frozen=True)
class ResourceCall:
    """A request for a resource."""

    target: ResourcePath
    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def verb(self) -> str:
        """The verb, as permissions name it."""
        target = self.target
        verb = VERBS.get((self.method, bool(target.name)))
        if verb is None or (verb == "create" and target.kind.namespaced and not target.namespace):
            message = "the server does not allow this method on the requested resource"
            raise ApiError(405, "MethodNotAllowed", message)
        return "watch" if verb == "list" and self.watches else verb

    @property
    def watches(self) -> bool:
        """True if a list continues with the changes in it."""
        return self.query.get("watch", "false").lower() not in ("false", "0")

    @property
    def user(self) -> str:
        """The sender: the bearer token is the name, if there is one."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" and token else ANONYMOUS

    @property
    def dry_run(self) -> bool:
        """Return whether it is a dry run."""
        return self.query.get("dryRun") == "All"

    @property
    def limit(self) -> int:
        """The most objects that a list may have; 0 is any number."""
        try:
            return max(0, int(self.query.get("limit", "0")))
        except ValueError as error:
            raise bad_request(f"invalid limit: {self.query['limit']}") from error

    @property
    def media_type(self) -> str:
        """The kind of the body, and so of the patch."""
        return self.headers.get("content-type", "").partition(";")[0]

    def writer(self, operation: str) -> Writer:
        """Return the writer, as managed fields name it."""
        agent = self.headers.get("user-agent", "unknown").partition("/")[0]
        manager = self.query.get("fieldManager") or agent
        return Writer(manager, operation, self.target.kind.api_version, self.target.subresource)

    def object(self) -> Object:
        """The object of the body, checked against the path."""
        obj = _object(self.target, parsed(self.body, self.target.kind.name))
        _check_kind(self.target.kind, obj)
        return obj

    def applied(self) -> Object:
        """Return the object of an apply patch, which must have apiVersion and kind."""
        value = _parsed_yaml(self.body)
        header = mapping(value)
        kind = self.target.kind
        if (header.get("apiVersion"), header.get("kind")) != (kind.api_version, kind.name):
            group, _, version = header.get("apiVersion", "").rpartition("/")
            raise bad_request(f"invalid object type: {group}/{version}, Kind={header.get('kind', '')}")
        return _object(self.target, value)


def parsed(body: bytes, kind: str) -> Value:
    try:
        return json.loads(body)
    except ValueError as error:
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {error}") from error


def _parsed_yaml(body: bytes) -> Value:
    try:
        return json.loads(body)
    except ValueError:
        import yaml  # clients send JSON, which is YAML as well; YAML itself is for people with curl

        try:
            return yaml.safe_load(body)
        except yaml.YAMLError as error:
            raise bad_request(f"error decoding YAML: {error}") from error


def _object(target: ResourcePath, value: Value) -> Object:
    """The object of a request's body, checked against the path."""
    if not is_object(value):
        raise bad_request(f"the object provided is unrecognized (must be of type {target.kind.name})")
    kind = target.kind
    metadata = dict(mapping(value.get("metadata")))
    if target.name and metadata.setdefault("name", target.name) != target.name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
        )
    if kind.namespaced and metadata.setdefault("namespace", target.namespace) != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return {"apiVersion": kind.api_version, "kind": kind.name, **value, "metadata": metadata}


def _check_kind(kind: Kind, obj: Object) -> None:
    """Refuse an object of another kind."""
    if (obj["apiVersion"], obj["kind"]) != (kind.api_version, kind.name):
        if kind.custom and obj["apiVersion"] != kind.api_version:
            expected = f"the expected API version ({kind.api_version})"
            raise bad_request(f"the API version in the data ({obj['apiVersion']}) does not match {expected}")
        version = obj["apiVersion"].rpartition("/")[2]
        raise bad_request(f'{obj["kind"]} in version "{version}" cannot be handled as a {kind.name}')


def transformation(call: ResourceCall) -> Callable[[Object], Object]:
    kind, media_type = call.target.kind, call.media_type
    accepted = [_JSON_PATCH, _MERGE, *([] if kind.custom else [_STRATEGIC]), APPLY]
    if media_type not in accepted:
        raise _unsupported(kind, accepted)
    patch = parsed(call.body, kind.name)
    if media_type == _JSON_PATCH:
        if not is_list(patch):
            raise bad_request("error decoding patch: a JSON patch is a list of operations")
        return lambda old: json_patch(old, patch)
    if media_type == _MERGE:
        return lambda old: merge_patch(old, patch)
    return lambda old: strategic_patch(old, patch, kind.schema)


def _unsupported(kind: Kind, accepted: Sequence[str]) -> ApiError:
    if not kind.custom:
        return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type")
    types = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {types}"
    return ApiError(415, "UnsupportedMediaType", message, details=False)
