"""The matrix of reachable applications: one real request for each case, compared with the relations."""

import http.client
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .enforcement import DataPlane
from .flows import Permission, beacon_of, permissions
from .juju import Application, Model
from .mesh import Account, Mesh, PodState, ServiceState
from .samples import GRANTS
from .world import World

NODE = "host/node"
"""The network namespace of a pod's own node as a source: the kubelet, and pods with `hostNetwork`."""

UNNAMED_PORT = 7777
"""A port that no policy names, and on which nothing listens."""

_AT_A_TIME = 16
_TIMEOUT = 30.0
_REFUSAL = b"RBAC: access denied"
_NOBODY_THERE = b"upstream connect error"


@dataclass(frozen=True, order=True)
class MeasuredRequest:
    """A request of an application, for a Service or a pod."""

    source: str
    """An application, as `model/application`."""
    target: str
    """`Service model/name` or `pod model/name`."""
    port: int
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.source} → {self.target}: {self.method} {self.path} on {self.port}"


@dataclass(frozen=True, order=True)
class Cell:
    """A request, whether the relations require it, and whether it was allowed."""

    request: MeasuredRequest
    expected: bool
    allowed: bool

    @property
    def is_right(self) -> bool:
        """Return whether the two agree."""
        return self.expected == self.allowed


def measure(world: World) -> list[Cell]:
    """Send every request of interest, and record the answers.

    Every application, and the node, sends requests to every Service and every pod: those that some relation
    allows there, and similar ones with another method, path or port.

    Raises:
        ValueError: if that world does not enforce policies.
    """
    enforcement = world.enforcement
    if enforcement is None:
        raise ValueError("nothing is enforced in this world")
    enforcement.mesh.sync()
    measurement = _Measurement.of(world.models, enforcement)
    requests = list(measurement.requests())
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        answers = list(pool.map(measurement.is_allowed, requests))
    return sorted(
        Cell(request, measurement.is_required(request), answer)
        for request, answer in zip(requests, answers, strict=True)
    )


def reaches_application(body: bytes) -> bool:
    """Return whether an answer's body is from the application, rather than from a proxy on the way."""
    return not body.startswith((_REFUSAL, _NOBODY_THERE))


@dataclass(frozen=True)
class _Measurement:
    """Objects of Kubernetes at the time of the measurement."""

    applications: Mapping[str, Application]
    mesh: Mesh
    services: Mapping[str, ServiceState]
    pods: Mapping[str, PodState]
    permissions: Collection[Permission]
    hardened: bool

    @classmethod
    def of(cls, models: Iterable[Model], enforcement: DataPlane) -> "_Measurement":
        models = list(models)
        applications: dict[str, Application] = {}
        for model in models:
            applications |= {f"{model.name}/{app.name}": app for app in model.applications.values()}
        state = enforcement.mesh.state
        services = {
            f"Service {service.namespace}/{service.name}": service
            for service in state.services
            if not service.headless and f"{service.namespace}/{service.name}" in applications
        }
        pods = {
            f"pod {pod.namespace}/{pod.name}": pod
            for pod in state.pods
            if f"{pod.account.namespace}/{pod.account.name}" in applications
        }
        return cls(applications, enforcement.mesh, services, pods, permissions(models), enforcement.hardened)

    def requests(self) -> Iterator[MeasuredRequest]:
        for source in (*sorted(self.applications), NODE):
            for name, service in self.services.items():
                application = self.applications[f"{service.namespace}/{service.name}"]
                for port in sorted({*service.ports, UNNAMED_PORT}):
                    for method, path in _interesting(application):
                        yield MeasuredRequest(source, name, port, method, path)
            for name, pod in self.pods.items():
                granted = _ports_on_pods(self.applications[f"{pod.account.namespace}/{pod.account.name}"])
                for port in sorted({*self.mesh.ports(pod), *granted, UNNAMED_PORT}):
                    yield MeasuredRequest(source, name, port, "GET", "/")

    def is_allowed(self, request: MeasuredRequest) -> bool:
        destination = self.services.get(request.target) or self.pods[request.target]
        pods, port = self._behind(request)
        if request.source == NODE and not pods:
            return False
        if request.source == NODE:
            # No policy applies at ztunnel: the kubelet's probes come from there.
            address = self.mesh.inside(pods[0].namespace, pods[0].name)
        else:
            address, port = self.mesh.address(Account(*request.source.split("/")), destination), request.port
        connection = http.client.HTTPConnection(address, port, timeout=_TIMEOUT)
        try:
            connection.request(request.method, request.path, headers={"Host": destination.name})
            answer = connection.getresponse()
            return reaches_application(answer.read())
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def is_required(self, request: MeasuredRequest) -> bool:
        pods, port = self._behind(request)
        if not any(port in self.mesh.ports(pod) for pod in pods):
            return False
        target = self.applications[f"{pods[0].account.namespace}/{pods[0].account.name}"]
        if request.source == NODE or beacon_of(target) is None:
            return True
        source_is_known = beacon_of(self.applications[request.source]) is not None
        # A Service uses the waypoint if there is a policy for it, and only in the mesh.
        at_service = [each for each in self.permissions if _is_on_service(each, pods[0])]
        if request.target in self.services and at_service and source_is_known:
            return any(_covers(permission, request, request.port) for permission in at_service)
        at_pod = [each for each in self.permissions if not each.service and _selects(each, pods[0])]
        # Pods behind a waypoint deny sources that bypass it.
        if not at_pod and not at_service and not self.hardened:
            return True
        return source_is_known and any(_covers(permission, request, port) for permission in at_pod)

    def _behind(self, request: MeasuredRequest) -> tuple[Sequence[PodState], int]:
        """Return the pods of a request, and its port there; none if the port does not exist."""
        if pod := self.pods.get(request.target):
            return [pod], request.port
        service = self.services[request.target]
        target_port = service.ports.get(request.port)
        return (service.pods, target_port) if target_port else ([], 0)


def _interesting(application: Application) -> list[tuple[str, str]]:
    """Return requests that some relation allows, and similar ones that none does."""
    grants = [grant for grant in GRANTS.get(application.charm.name, ()) if not grant.on_pods]
    allowed: list[tuple[str, str]] = []
    for grant in grants:
        allowed += itertools.product(grant.methods, map(_example, grant.paths))
    beside: list[tuple[str, str]] = []
    for method, path in allowed:
        beside += [("DELETE", path), (method, f"{path}/deeper"), (method, "/elsewhere")]
    return list(dict.fromkeys([*allowed, *beside, ("GET", "/")]))


def _ports_on_pods(application: Application) -> set[int]:
    """Return the ports on which some relation allows access to an application's pods."""
    grants = [grant for grant in GRANTS.get(application.charm.name, ()) if grant.on_pods]
    return set(itertools.chain.from_iterable(grant.ports for grant in grants))


def _example(path: str) -> str:
    return re.sub(r"\{\*\*?\}", "example", path)


def _is_on_service(permission: Permission, pod: PodState) -> bool:
    return (permission.namespace, permission.service) == (pod.namespace, pod.account.name)


def _selects(permission: Permission, pod: PodState) -> bool:
    return permission.namespace == pod.namespace and set(permission.pod_labels) <= pod.labels.items()


def _covers(permission: Permission, request: MeasuredRequest, port: int) -> bool:
    return (
        permission.source == request.source
        and (not permission.ports or port in permission.ports)
        and (not permission.methods or request.method in permission.methods)
        and (not permission.paths or any(_matches(path, request.path) for path in permission.paths))
    )


def _matches(template: str, path: str) -> bool:
    pattern = re.escape(template).replace(r"\{\*\*\}", ".*").replace(r"\{\*\}", "[^/]+")
    return re.fullmatch(pattern, path) is not None
