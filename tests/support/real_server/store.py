"""The objects of the real API server, to read and to change like those of the stand-in."""

import json
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from sandbox.control_plane import ApiAnswer, StartedKubernetes
from sandbox.kubernetes import KINDS, Kind, ObjectChange, ObjectStore, Writer
from tests.support.real_server.upstream import Upstream

Object: TypeAlias = dict[str, Any]
_Place: TypeAlias = tuple[Kind, str, str]
_BUILT_IN = {"default", "kube-node-lease", "kube-public", "kube-system"}
_APPLY = "application/apply-patch+yaml"


class RealStore:
    """Answers each write only when all watchers have seen it, as the stand-in does.

    So the stand-in's controllers can replace those of Kubernetes and istiod, which do not run here.
    """

    def __init__(self, kubernetes: StartedKubernetes, upstream: Upstream):
        self._kubernetes = kubernetes
        self._upstream = upstream
        self._kinds = ObjectStore()
        self._known: dict[_Place, Object] = {}
        self._observers: list[Callable[[ObjectChange], None]] = []
        self._uninstalled = False
        self._lock = threading.RLock()

    # Requests

    def write(self, method: str, path: str, send: Callable[[], ApiAnswer]) -> ApiAnswer:
        """Send a request that may change something, and notify the watchers."""
        with self._lock:
            answer = send()
            if answer.code < 300:
                self._notice(method, path, answer)
            return answer

    def _notice(self, method: str, path: str, answer: ApiAnswer) -> None:
        kind, namespace, name = self._read_path(path)
        if kind is None:
            return
        if method == "DELETE" and not name:
            self._forget(lambda place: place[:2] == (kind, namespace))
        elif method == "DELETE":
            self._check_gone(kind, namespace, name)
        else:
            self._see(kind, namespace, answer.json["metadata"]["name"], answer.json)

    def _read_path(self, path: str) -> tuple[Kind | None, str, str]:
        root, *parts = path.strip("/").split("/")
        group = parts.pop(0) if root == "apis" else ""
        version = parts.pop(0)
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in ("status", "finalize"):
            namespace, parts = parts[1], parts[2:]
        try:
            kind = self._kinds.served(group, version, parts[0])
        except Exception:  # no watcher needs a kind that the stand-in does not have
            return None, "", ""
        return kind, namespace, parts[1] if len(parts) > 1 else ""

    def _check_gone(self, kind: Kind, namespace: str, name: str) -> None:
        if kind.name == "Namespace":
            self._empty(name)
            # No other controller removes the finalizer.
            self._send("PUT", f"{_path(kind, '', name)}/finalize", {"metadata": {"name": name}})
        answer = self._upstream.send("GET", _path(kind, namespace, name))
        self._see(kind, namespace, name, answer.json if answer.code == 200 else None)

    def _empty(self, namespace: str) -> None:
        # Policies are deleted before their targets, so that no controller evaluates them again.
        for kind in reversed(KINDS):
            if kind.namespaced:
                self.delete_collection(kind, namespace)

    def _see(self, kind: Kind, namespace: str, name: str, new: Object | None) -> None:
        place = (kind, namespace, name)
        old = self._known.pop(place, None)
        if new is not None:
            self._known[place] = new
        if old != new:
            self._tell(ObjectChange(kind, old, new))

    def _forget(self, is_gone: Callable[[_Place], bool]) -> None:
        # All at once: no watcher of one may find another one still there.
        gone = {place: self._known.pop(place) for place in list(self._known) if is_gone(place)}
        for (kind, _, _), old in gone.items():
            self._tell(ObjectChange(kind, old, None))

    def _tell(self, change: ObjectChange) -> None:
        for observer in self._observers:
            observer(change)

    # What the stand-in's store offers to its controllers and to tests

    def kind(self, name: str) -> Kind:
        return self._kinds.kind(name)

    def observe(self, observer: Callable[[ObjectChange], None]) -> Callable[[], None]:
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def find(self, kind: Kind | str, namespace: str, name: str) -> Object | None:
        return self._known.get((self._kind(kind), namespace, name))

    def get(self, kind: Kind | str, namespace: str, name: str) -> Object:
        return self._upstream.send("GET", _path(self._kind(kind), namespace, name)).json

    def objects(self, kind: Kind | str, namespace: str = "") -> list[Object]:
        kind = self._kind(kind)
        answer = self._upstream.send("GET", _path(kind, namespace))
        if answer.code == 404:
            return []
        common = {"apiVersion": kind.api_version, "kind": kind.name}
        return [
            common | obj for obj in answer.json["items"] if obj["metadata"].get("namespace") not in _BUILT_IN
        ]

    def create(
        self, kind: Kind | str, obj: Object, *, namespace: str = "", writer: Writer | None = None
    ) -> Object:
        kind = self._kind(kind)
        obj = {"apiVersion": kind.api_version, "kind": kind.name, **obj}
        return self._send("POST", f"{_path(kind, namespace)}?fieldManager={_manager(writer)}", obj)

    def apply(
        self, kind: Kind, namespace: str, config: Object, *, writer: Writer, force: bool = False
    ) -> None:
        path = _path(kind, namespace, config["metadata"]["name"], writer.subresource)
        query = f"?fieldManager={_manager(writer)}&force={str(force).lower()}"
        obj = {"apiVersion": kind.api_version, "kind": kind.name, **config}
        self._send("PATCH", path + query, obj, content_type=_APPLY)

    def patch(
        self,
        kind: Kind | str,
        namespace: str,
        name: str,
        transform: Callable[[Object], Object],
        *,
        writer: Writer | None = None,
    ) -> None:
        kind = self._kind(kind)
        obj = transform(self.get(kind, namespace, name))
        path = _path(kind, namespace, name, writer.subresource if writer else "")
        self._send("PUT", f"{path}?fieldManager={_manager(writer)}", obj)

    def delete(self, kind: Kind | str, namespace: str, name: str) -> None:
        self._send("DELETE", _path(self._kind(kind), namespace, name))

    def delete_collection(self, kind: Kind | str, namespace: str) -> None:
        kind = self._kind(kind)
        if any(place[:2] == (kind, namespace) for place in self._known):
            self._send("DELETE", _path(kind, namespace))

    def install_custom_resources(self, *groups: str) -> None:
        self._kubernetes.install_custom_resources(*groups)

    def uninstall_custom_resources(self, *groups: str) -> None:
        self._uninstalled = True
        self._kubernetes.uninstall_custom_resources(*groups)
        self._forget(lambda place: place[0].custom and (not groups or place[0].group in groups))

    def reset(self) -> None:
        for namespace in self.objects("Namespace"):
            if (name := namespace["metadata"]["name"]) not in _BUILT_IN:
                self.delete("Namespace", "", name)
        if self._uninstalled:
            self.install_custom_resources()
            self._uninstalled = False

    def _kind(self, kind: Kind | str) -> Kind:
        return kind if isinstance(kind, Kind) else self._kinds.kind(kind)

    def _send(
        self, method: str, path: str, body: Object | None = None, *, content_type: str = "application/json"
    ) -> Object:
        data = json.dumps(body).encode() if body else b""
        answer = self.write(
            method,
            path.partition("?")[0],
            lambda: self._upstream.send(method, path, data, content_type=content_type),
        )
        assert answer.code < 300, f"{method} {path}: {answer.text}"
        return answer.json


def _path(kind: Kind, namespace: str, name: str = "", subresource: str = "") -> str:
    base = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
    home = f"/namespaces/{namespace}" if namespace else ""
    return f"{base}{home}/{kind.plural}/{name}/{subresource}".rstrip("/")


def _manager(writer: Writer | None) -> str:
    return writer.manager if writer else "test"
