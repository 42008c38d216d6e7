"""Requests of the Kubernetes API, converted to operations of the store."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ._access import Access
from ._call import APPLY, ResourceCall, ResourcePath, parsed, transformation
from ._json import Object, mapping
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


class ApiRequest(NamedTuple):
    """A request to the API."""

    method: str
    path: str
    """The path without its query."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """The headers, by their names in lower case."""
    body: bytes


class ApiResponse(NamedTuple):
    """An answer of the API."""

    body: bytes
    code: int = 200
    # lightkube parses a Status only with exactly this content type, which the real server sends.
    media_type: str = "application/json"


class Api:
    """The API, without the HTTP that it is served by; it answers one request at a time."""

    def __init__(self, store: ObjectStore, access: Access):
        self._store = store
        self._access = access
        self._one_at_a_time = threading.RLock()

    def answer(self, request: ApiRequest) -> ApiResponse:
        """Do what is requested, and return the answer."""
        with self._one_at_a_time:
            try:
                return self._answer(request)
            except ApiError as error:
                return ApiResponse(json.dumps(error.body()).encode(), error.code)
            except UnknownPathError:
                return _text("404 page not found\n", 404)

    def _answer(self, request: ApiRequest) -> ApiResponse:
        if request.path in ("/healthz", "/livez", "/readyz"):
            return _text("ok")
        target = self._target(request.path)
        call = ResourceCall(target, request.method, request.query, request.headers, request.body)
        verb = call.verb
        self._access.check(call.user, verb, target.kind, target.namespace, target.name, target.subresource)
        answer: Callable[[ResourceCall, ResourcePath], ApiResponse] = getattr(self, f"_{verb}")
        return answer(call, target)

    def _target(self, path: str) -> ResourcePath:
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
        return ResourcePath(kind, namespace, name, subresource)

    def _get(self, _call: ResourceCall, target: ResourcePath) -> ApiResponse:
        return ApiResponse(self._store.encoded(target.kind, target.namespace, target.name))

    def _list(self, call: ResourceCall, target: ResourcePath) -> ApiResponse:
        page = self._store.page(
            target.kind,
            target.namespace,
            labels=call.query.get("labelSelector", ""),
            fields=call.query.get("fieldSelector", ""),
            limit=call.limit,
            after=call.query.get("continue", ""),
        )
        return ApiResponse(_list_body(page))

    def _watch(self, _call: ResourceCall, target: ResourcePath) -> ApiResponse:
        message = f"{target.kind.resource}: the stand-in for Kubernetes does not watch: list them again"
        raise ApiError(501, "", message, details=False)

    def _create(self, call: ResourceCall, target: ResourcePath) -> ApiResponse:
        obj = call.object()
        if obj["metadata"].get("resourceVersion"):
            raise internal_error("resourceVersion should not be set on objects to be created")
        created = self._store.create(
            target.kind, obj, namespace=target.namespace, writer=call.writer("Update"), dry_run=call.dry_run
        )
        return ApiResponse(_encoded(created), 201)

    def _update(self, call: ResourceCall, target: ResourcePath) -> ApiResponse:
        updated = self._store.replace(
            target.kind,
            target.namespace,
            target.name,
            call.object(),
            writer=call.writer("Update"),
            dry_run=call.dry_run,
        )
        return ApiResponse(_encoded(updated))

    def _patch(self, call: ResourceCall, target: ResourcePath) -> ApiResponse:
        if call.media_type == APPLY:
            return self._apply(call, target)
        patched = self._store.patch(
            target.kind,
            target.namespace,
            target.name,
            transformation(call),
            writer=call.writer("Update"),
            dry_run=call.dry_run,
        )
        return ApiResponse(_encoded(patched))

    def _apply(self, call: ResourceCall, target: ResourcePath) -> ApiResponse:
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
        return ApiResponse(_encoded(applied), 201 if created else 200)

    def _delete(self, call: ResourceCall, target: ResourcePath) -> ApiResponse:
        options = mapping(parsed(call.body, "DeleteOptions")) if call.body else {}
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
        return ApiResponse(_encoded(status | {"details": details}))

    def _deletecollection(self, call: ResourceCall, target: ResourcePath) -> ApiResponse:
        self._store.delete_collection(
            target.kind,
            target.namespace,
            labels=call.query.get("labelSelector", ""),
            fields=call.query.get("fieldSelector", ""),
        )
        return ApiResponse(_list_body(self._store.page(target.kind, target.namespace)))


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


def _text(text: str, code: int = 200) -> ApiResponse:
    return ApiResponse(text.encode(), code, "text/plain; charset=utf-8")
