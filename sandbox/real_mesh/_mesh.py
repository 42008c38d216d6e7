"""A mesh of real waypoints, and of pods that are reached as istiod's policies for ztunnel allow it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

from ..control_plane import ControlPlaneError, Istiod
from ..mesh import Account, Addresses, Mesh
from ._ambient import Ambient
from ._node import Node
from ._pods import Pods
from ._tunnel import Tunnel, TunnelRefusedError, tunnel
from ._waypoint import NODE, WaypointPod, WaypointProxy

_GATEWAY = "gateway.networking.k8s.io/gateway-name"
_POLICIES = "/apis/security.istio.io/v1/namespaces/{}/authorizationpolicies"
_ROOT = "istio-system"
_PATIENCE = 60.0


class RealMesh:
    """Sends requests as in Istio's ambient mode, while its context lasts.

    Requests for a Service behind a waypoint go through a real one, which the real istiod configures. Whether
    ztunnel allows a connection to a pod is read from what istiod sends to ztunnel; the processes are those of
    the sandbox.

    Args:
        istiod: configures waypoints and sends policies.
        sandbox: the world with the processes and the identities.
        folder: an existing folder for files.
    """

    def __init__(self, istiod: Istiod, sandbox: Mesh, folder: Path):
        self._istiod = istiod
        self._admin = istiod.kubernetes.admin
        self._sandbox = sandbox
        self._folder = folder
        self._addresses = Addresses()
        self._pods = Pods(self._admin)
        self._stack = contextlib.ExitStack()
        self._nodes: dict[str, str] = {}
        self._waypoints: dict[tuple[str, str], WaypointProxy] = {}
        self._rounds = itertools.count(1)
        self.ambient = Ambient({}, {}, {})

    def __enter__(self) -> RealMesh:
        self._stack.callback(self._addresses.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_waypoints()
        self._stack.close()

    def follow(self, istiod: Istiod) -> None:
        """Use the configuration of another istiod of the same cluster, from the next `sync` on."""
        self._stop_waypoints()
        self._istiod = istiod

    def sync(self, namespaces: Iterable[str]) -> None:
        """Start pods and waypoints of these namespaces, and wait until istiod has configured them.

        Raises:
            ControlPlaneError: it does not, or a waypoint does not start.
        """
        namespaces = list(namespaces)
        self._pods.bring_up(namespaces)
        for namespace in namespaces:
            self._start_waypoints(namespace)
        self._wait_for_istiod()

    def request(self, source: Account, service: str, port: int, method: str, path: str) -> tuple[int, bytes]:
        """Send a request for a Service through its waypoint, and return the status and body of the answer.

        Args:
            source: the account whose identity the request has.
            service: the Service, as `namespace/name`.
            port: the port of the Service.
            method: the HTTP method.
            path: the path of the request.

        Raises:
            OSError: there is no answer.
        """
        name = service.partition("/")[2]
        text = f"{method} {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        with self.connect(source, service, port) as opened:
            opened.send(text.encode())
            answer = http.client.HTTPResponse(opened)  # type: ignore[arg-type]  # no more of a socket is used
            try:
                answer.begin()
                return answer.status, answer.read()
            except http.client.HTTPException as error:
                raise ConnectionError(f"no answer: {error!r}") from error

    @contextlib.contextmanager
    def connect(self, source: Account, service: str, port: int) -> Generator[Tunnel]:
        """Connect to a Service through its waypoint, for as long as the context lasts.

        Raises:
            OSError: there is no connection.
        """
        identity = self._sandbox.identity(source)
        try:
            with tunnel(
                self._waypoint_of(service), identity, f"{self._cluster_ip(service)}:{port}"
            ) as opened:
                yield opened
        except TunnelRefusedError as error:
            raise ConnectionError(str(error)) from error

    def passes_waypoint(self, source: Account, service: str) -> bool:
        """Return whether ztunnel sends an application's requests for a Service to the Service's waypoint."""
        in_mesh = any(
            self.ambient.is_in_mesh(name)
            for name, workload in self.ambient.workloads.items()
            if (workload["namespace"], workload.get("serviceAccount")) == (source.namespace, source.name)
        )
        return in_mesh and "waypoint" in self.ambient.services.get(service, {})

    def admits(self, source: Account, pod: str, port: int) -> bool:
        """Return whether ztunnel allows an application's connection to a pod."""
        in_mesh = any(
            self.ambient.is_in_mesh(name)
            for name, workload in self.ambient.workloads.items()
            if (workload["namespace"], workload.get("serviceAccount")) == (source.namespace, source.name)
        )
        return self.ambient.admits(pod, source.principal if in_mesh else None, port)

    def _waypoint_of(self, service: str) -> str:
        namespace, name = service.split("/")
        host = self.ambient.services[f"{namespace}/{name}"]["waypoint"]["hostname"]["hostname"]
        gateway, of_namespace = host.split(".")[:2]
        return self._addresses.of(("waypoint", of_namespace, gateway))

    def _cluster_ip(self, service: str) -> str:
        [address] = self.ambient.services[service]["addresses"]
        return base64.b64decode(address["address"]).decode()

    def _stop_waypoints(self) -> None:
        for waypoint in self._waypoints.values():
            waypoint.stop()
        self._waypoints.clear()

    def _start_waypoints(self, namespace: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={_GATEWAY.replace('/', '%2F')}"
        found = {
            (namespace, pod["metadata"]["labels"][_GATEWAY]): pod
            for pod in self._admin.must("GET", path)["items"]
            if pod.get("status", {}).get("podIP")
        }
        for key in [key for key in self._waypoints if key[0] == namespace and key not in found]:
            self._waypoints.pop(key).stop()
        for key, pod in found.items():
            if key not in self._waypoints:
                self._waypoints[key] = self._start(key, pod)

    def _start(self, key: tuple[str, str], pod: dict[str, Any]) -> WaypointProxy:
        namespace, gateway = key
        waypoint = WaypointProxy(
            self._istiod,
            WaypointPod(namespace, gateway, pod["metadata"]["name"], pod["status"]["podIP"]),
            self._sandbox.identity(Account(namespace, gateway)),
            listen=self._addresses.of(("waypoint", *key)),
            node=self._node_of(namespace),
        )
        folder = self._folder / f"{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        waypoint.start(folder)
        return waypoint

    def _node_of(self, namespace: str) -> str:
        """A node for each namespace: a waypoint connects only to an identity of its own namespace."""
        if namespace not in self._nodes:
            address = self._addresses.of(("node", namespace))
            identity = self._sandbox.identity(Account(namespace, NODE))
            self._stack.enter_context(Node(address, identity, self._admit))
            self._nodes[namespace] = address
        return self._nodes[namespace]

    def _admit(self, principal: str, authority: str) -> tuple[str, int] | None:
        address, _, port = authority.rpartition(":")
        pod = self.ambient.pod_at(address)
        if pod is None or not self.ambient.admits(pod, principal, int(port)):
            return None
        namespace, name = pod.split("/")
        return self._sandbox.inside(namespace, name), int(port)

    def _wait_for_istiod(self) -> None:
        """Write a policy that matches no request, and wait until every proxy has it."""
        number = next(self._rounds)
        none = {"from": [{"source": {"principals": [f"round-{number}"]}}]}
        target = {"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}
        selector = {"matchLabels": {"round": str(number)}}
        for name, where in (("waypoints", {"targetRefs": [target]}), ("pods", {"selector": selector})):
            policy = {
                "apiVersion": "security.istio.io/v1",
                "kind": "AuthorizationPolicy",
                "metadata": {"name": f"round-{name}-{number}"},
                "spec": {**where, "action": "DENY", "rules": [none]},
            }
            self._admin.must("POST", _POLICIES.format(_ROOT), policy)
            self._stack.callback(
                self._admin.send, "DELETE", f"{_POLICIES.format(_ROOT)}/round-{name}-{number}"
            )
        _wait_until(lambda: self._has_come_to_waypoints(f"policy[round-waypoints-{number}]"), "waypoints")
        _wait_until(lambda: self._has_come_to_pods(number), "ztunnel")

    def _has_come_to_waypoints(self, mark: str) -> bool:
        return all(mark in json.dumps(each.config()) for each in self._waypoints.values())

    def _has_come_to_pods(self, number: int) -> bool:
        self.ambient = Ambient.of(self._istiod)
        return f"{_ROOT}/round-pods-{number}" in self.ambient.policies


def _wait_until(condition: Callable[[], bool], whom: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise ControlPlaneError(f"istiod has not sent {whom} the latest policies in {_PATIENCE:.0f} s")
        time.sleep(0.1)
