"""HTTP requests as the Kubernetes API takes them, turned into what the store does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ._access import ANONYMOUS, Access
from ._json import Object, Value, is_list, is_object, mapping
from ._kinds import Kind
from ._ownership import Writer
from ._patches import json_patch, merge_patch, strategic_patch
from ._records import ListPage
from ._refusals import not_found
from ._status import (
    ApiError,
    ErrorSubject,
    UnknownPathError,
    bad_request,
    internal_error,
    required,
    unknown_resource,
)
from ._store import ObjectStore

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_APPLY = "application/apply-patch+yaml"


class LoggedRequest(NamedTuple):
    """A request that the API was sent."""

    method: str
    path: str
    """The path without its query."""


@dataclass(frozen=True)
class _Target:
    """What the path of a request is about."""

    kind: Kind
    namespace: str
    name: str
    subresource: str


@dataclass(frozen=True)
class _Call:
    """A request for a resource."""

    target: _Target
    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def verb(self) -> str:
        """The verb, as access is asked for it."""
        target = self.target
        verb = {
            ("GET", True): "get",
            ("GET", False): "list",
            ("POST", False): "create",
            ("PUT", True): "update",
            ("PATCH", True): "patch",
            ("DELETE", True): "delete",
            ("DELETE", False): "deletecollection",
        }.get((self.method, bool(target.name)))
        if verb is None or (verb == "create" and target.kind.namespaced and not target.namespace):
            message = "the server does not allow this method on the requested resource"
            raise ApiError(405, "MethodNotAllowed", message)
        return "watch" if verb == "list" and self.watches else verb

    @property
    def watches(self) -> bool:
        """Whether a list is to go on with what changes in it."""
        return self.query.get("watch", "false").lower() not in ("false", "0")

    @property
    def user(self) -> str:
        """Who sends it: the bearer token is the name, if there is one."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" and token else ANONYMOUS

    @property
    def dry_run(self) -> bool:
        """Whether nothing shall come of it."""
        return self.query.get("dryRun") == "All"

    @property
    def limit(self) -> int:
        """How many objects a list may have; 0 is any number."""
        try:
            return max(0, int(self.query.get("limit", "0")))
        except ValueError as error:
            raise bad_request(f"invalid limit: {self.query['limit']}") from error

    @property
    def media_type(self) -> str:
        """What kind of body, and so of patch, it is."""
        return self.headers.get("content-type", "").partition(";")[0]

    def writer(self, operation: str) -> Writer:
        """Who writes, as managed fields name it."""
        agent = self.headers.get("user-agent", "unknown").partition("/")[0]
        manager = self.query.get("fieldManager") or agent
        return Writer(manager, operation, self.target.kind.api_version, self.target.subresource)

    def object(self) -> Object:
        """The object of the body, checked against the path."""
        obj = _object(self.target, _parsed(self.body, self.target.kind.name))
        _check_kind(self.target.kind, obj)
        return obj

    def applied(self) -> Object:
        """The object of an apply patch, which must say what it is."""
        value = _parsed_yaml(self.body)
        said = mapping(value)
        kind = self.target.kind
        if (said.get("apiVersion"), said.get("kind")) != (kind.api_version, kind.name):
            group, _, version = said.get("apiVersion", "").rpartition("/")
            raise bad_request(f"invalid object type: {group}/{version}, Kind={said.get('kind', '')}")
        return _object(self.target, value)


class Api:
    """The API as a Starlette application."""

    def __init__(self, store: ObjectStore, access: Access):
        self.latency = 0.0
        self.requests: list[LoggedRequest] = []
        self._store = store
        self._access = access
        self.app = Starlette(routes=[Route("/{path:path}", self._serve, methods=list(_METHODS))])

    async def _serve(self, request: Request) -> Response:
        self.requests.append(LoggedRequest(request.method, request.url.path))
        body = await request.body()
        if self.latency:
            await asyncio.sleep(self.latency)
        try:
            return self._answer(request, body)
        except ApiError as error:
            return _json_response(json.dumps(error.body()).encode(), error.code)
        except UnknownPathError:
            return PlainTextResponse("404 page not found\n", 404)

    def _answer(self, request: Request, body: bytes) -> Response:
        if request.url.path in ("/healthz", "/livez", "/readyz"):
            return PlainTextResponse("ok")
        target = self._target(request.url.path)
        call = _Call(target, request.method, request.query_params, request.headers, body)
        verb = call.verb
        self._access.check(call.user, verb, target.kind, target.namespace, target.name, target.subresource)
        answer: Callable[[_Call, _Target], Response] = getattr(self, f"_{verb}")
        return answer(call, target)

    def _target(self, path: str) -> _Target:
        parts = path.strip("/").split("/")
        if parts[0] == "api" and len(parts) > 2:
            group, version, rest = "", parts[1], parts[2:]
        elif parts[0] == "apis" and len(parts) > 3:
            group, version, rest = parts[1], parts[2], parts[3:]
        else:
            raise UnknownPathError
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2 and not (len(rest) == 3 and rest[2] == "status"):
            namespace, rest = rest[1], rest[2:]
        kind = self._store.served(group, version, rest[0])
        name, subresource = [*rest[1:], "", ""][:2]
        if kind.custom and subresource and (subresource != "status" or len(rest) > 3):
            raise not_found(kind, name)
        if (
            len(rest) > 3
            or (namespace and not kind.namespaced)
            or (subresource and not (subresource == "status" and kind.status))
        ):
            raise unknown_resource()
        return _Target(kind, namespace, name, subresource)

    def _get(self, _call: _Call, target: _Target) -> Response:
        return _json_response(self._store.encoded(target.kind, target.namespace, target.name))

    def _list(self, call: _Call, target: _Target) -> Response:
        page = self._store.page(
            target.kind,
            target.namespace,
            labels=call.query.get("labelSelector", ""),
            fields=call.query.get("fieldSelector", ""),
            limit=call.limit,
            after=call.query.get("continue", ""),
        )
        return _json_response(_list_body(page))

    def _watch(self, _call: _Call, target: _Target) -> Response:
        message = f"{target.kind.resource}: the stand-in for Kubernetes does not watch: list them again"
        raise ApiError(501, "", message, details=False)

    def _create(self, call: _Call, target: _Target) -> Response:
        obj = call.object()
        if obj["metadata"].get("resourceVersion"):
            raise internal_error("resourceVersion should not be set on objects to be created")
        created = self._store.create(
            target.kind, obj, namespace=target.namespace, writer=call.writer("Update"), dry_run=call.dry_run
        )
        return _json_response(_encoded(created), 201)

    def _update(self, call: _Call, target: _Target) -> Response:
        updated = self._store.replace(
            target.kind,
            target.namespace,
            target.name,
            call.object(),
            writer=call.writer("Update"),
            dry_run=call.dry_run,
        )
        return _json_response(_encoded(updated))

    def _patch(self, call: _Call, target: _Target) -> Response:
        if call.media_type == _APPLY:
            return self._apply(call, target)
        patched = self._store.patch(
            target.kind,
            target.namespace,
            target.name,
            _transformation(call),
            writer=call.writer("Update"),
            dry_run=call.dry_run,
        )
        return _json_response(_encoded(patched))

    def _apply(self, call: _Call, target: _Target) -> Response:
        config = call.applied()
        if not call.query.get("fieldManager"):
            cause = required("fieldManager", "is required for apply patch")
            message = f'PatchOptions.meta.k8s.io "" is invalid: {cause.field}: {cause.message}'
            raise ApiError(
                422, "Invalid", message, ErrorSubject("PatchOptions", "meta.k8s.io"), causes=[cause]
            )
        if config["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        applied, created = self._store.apply(
            target.kind,
            target.namespace,
            config,
            writer=call.writer("Apply"),
            force=call.query.get("force") in ("true", "1"),
            dry_run=call.dry_run,
        )
        return _json_response(_encoded(applied), 201 if created else 200)

    def _delete(self, call: _Call, target: _Target) -> Response:
        options = mapping(_parsed(call.body, "DeleteOptions")) if call.body else {}
        wanted = mapping(options.get("preconditions"))
        gone = self._store.delete(
            target.kind,
            target.namespace,
            target.name,
            uid=wanted.get("uid", ""),
            resource_version=wanted.get("resourceVersion", ""),
            dry_run=call.dry_run,
        )
        details = {"name": target.name, "kind": target.kind.plural, "uid": gone["metadata"]["uid"]}
        if target.kind.group:
            details["group"] = target.kind.group
        status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return _json_response(_encoded(status | {"details": details}))

    def _deletecollection(self, call: _Call, target: _Target) -> Response:
        self._store.delete_collection(
            target.kind,
            target.namespace,
            labels=call.query.get("labelSelector", ""),
            fields=call.query.get("fieldSelector", ""),
        )
        return _json_response(_list_body(self._store.page(target.kind, target.namespace)))


def _parsed(body: bytes, kind: str) -> Value:
    try:
        return json.loads(body)
    except ValueError as error:
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {error}") from error


def _parsed_yaml(body: bytes) -> Value:
    try:
        return json.loads(body)
    except ValueError:
        import yaml  # clients send JSON, which is YAML too; the real thing is for people with curl

        try:
            return yaml.safe_load(body)
        except yaml.YAMLError as error:
            raise bad_request(f"error decoding YAML: {error}") from error


def _object(target: _Target, value: Value) -> Object:
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


def _transformation(call: _Call) -> Callable[[Object], Object]:
    kind, media_type = call.target.kind, call.media_type
    accepted = [_JSON_PATCH, _MERGE, *([] if kind.custom else [_STRATEGIC]), _APPLY]
    if media_type not in accepted:
        raise _unsupported(kind, accepted)
    patch = _parsed(call.body, kind.name)
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


def _encoded(obj: Object) -> bytes:
    return json.dumps(obj, separators=(",", ":")).encode()


def _list_body(page: ListPage) -> bytes:
    metadata: Object = {"resourceVersion": page.resource_version}
    if page.continue_token or page.kind.custom:
        metadata["continue"] = page.continue_token
    if page.remaining is not None:
        metadata["remainingItemCount"] = page.remaining
    kind = page.kind
    head = {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata}
    return _encoded(head)[:-1] + b',"items":[' + b",".join(page.items) + b"]}"


def _json_response(body: bytes, code: int = 200) -> Response:
    # lightkube reads a Status only out of exactly this content type, as the real server sends it.
    return Response(body, code, media_type="application/json")
