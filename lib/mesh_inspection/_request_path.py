"""The path of a request through the mesh, and the points on it that enforce policies."""

from dataclasses import dataclass
from typing import TypeAlias

from istio_policies import APPLICATION_LABEL, target_refs

from ._cluster import Cluster, LivePolicy, Pod, Service
from ._evaluate import Http, Request, ports_of
from ._query import NODE, Question, UnclearQuestionError, Workload


class NoPathError(Exception):
    """A request ends before any policy decides; the message names the place."""


@dataclass(frozen=True)
class EnforcementPoint:
    """A point that enforces policies, and the request as it arrives there."""

    name: str
    """The name shown to operators: `waypoint shop/beacon-waypoint`, `pod shop/catalogue-0`."""
    request: Request
    policies: tuple[LivePolicy, ...]
    """Those that are enforced there."""


PathToPod: TypeAlias = tuple[EnforcementPoint, ...]
"""The enforcement points on the path to one pod."""


@dataclass(frozen=True)
class RequestPath:
    """The path that a request takes to its target."""

    identity: str | None
    """The sender's identity, if it is in the mesh; None for the node itself, which has none."""
    source_in_mesh: bool
    service: Service | None
    """The Service that is addressed; None where a pod is."""
    pods: tuple[Pod, ...]
    """The pods that may receive it."""
    ports: tuple[int, ...]
    """The port of each of them."""
    port: int
    """The port that is addressed."""
    to_pods: tuple[PathToPod, ...]
    """One for each of the pods."""

    @property
    def is_from_node(self) -> bool:
        """Return whether it comes from the pods' own node, which bypasses all policies."""
        return self.identity is None

    @property
    def passes_waypoint(self) -> bool:
        """Return whether the request goes through the waypoint of its Service."""
        return bool(self.source_in_mesh and self.service and self.service.waypoint)

    @property
    def policies(self) -> tuple[LivePolicy, ...]:
        """All policies that are enforced on it, each once."""
        found: dict[LivePolicy, None] = {}
        for path in self.to_pods:
            for point in path:
                found.update(dict.fromkeys(point.policies))
        return tuple(found)


def find_path(question: Question, cluster: Cluster) -> RequestPath:
    """Follow a request through the mesh; the question names a port.

    Raises:
        NoPathError: if it reaches no pod, whatever the policies are.
        UnclearQuestionError: if a workload in it does not exist.
    """
    service = None if question.target.pod else _service_of(question, cluster)
    port = _port(question, service)
    pods = _destinations(question, cluster, service)
    ports = tuple(_port_of(pod, port, service) for pod in pods)
    if question.source == NODE:
        return RequestPath(None, False, service, pods, ports, port, ((),) * len(pods))

    senders = _pods_of(cluster, question.source.model, question.source.name)
    if not senders:
        source = f"application {question.source.application}"
        raise UnclearQuestionError(_not_found(cluster, question.source.model, source))
    identity = cluster.principal(question.source.model, senders[0].account)
    in_mesh = any(pod.in_mesh for pod in senders)
    at_waypoint: PathToPod = ()
    arriving = identity if in_mesh else None
    if in_mesh and service and service.waypoint:
        http = Http(question.method, question.path, question.host or service.host)
        request = Request(identity, port, http)
        name = f"waypoint {'/'.join(service.waypoint)}"
        at_waypoint = (EnforcementPoint(name, request, tuple(waypoint_policies(cluster, service))),)
        # It runs under an account of its own name.
        arriving = cluster.principal(*service.waypoint)
    to_pods = tuple(
        (*at_waypoint, *_at_pod(cluster, pod, Request(arriving, each, None)))
        for pod, each in zip(pods, ports, strict=True)
    )
    return RequestPath(identity, in_mesh, service, pods, ports, port, to_pods)


def waypoint_policies(cluster: Cluster, service: Service) -> list[LivePolicy]:
    """Return the policies that a Service's waypoint enforces on traffic for it."""
    targets = {
        ("Service", service.namespace, service.name),
        ("Gateway", *(service.waypoint or ("", ""))),
        ("GatewayClass", cluster.root_namespace, "istio-waypoint"),
    }
    return [policy for policy in cluster.policies if not targets.isdisjoint(_targets(policy))]


def _targets(policy: LivePolicy) -> list[tuple[str, str, str]]:
    return [
        (str(ref.get("kind")), policy.namespace, str(ref.get("name"))) for ref in target_refs(policy.spec)
    ]


def ztunnel_policies(cluster: Cluster, pod: Pod) -> list[LivePolicy]:
    """Return all policies that ztunnel enforces at a pod, istiod's own among them."""
    return [*pod_policies(cluster, pod), *_policies_for_waypoints(cluster, pod)]


def pod_policies(cluster: Cluster, pod: Pod) -> list[LivePolicy]:
    """Return the policies in Kubernetes that ztunnel enforces at a pod."""
    namespaces = (pod.namespace, cluster.root_namespace)
    return [policy for policy in cluster.policies if policy.namespace in namespaces and policy.selects(pod)]


def is_for_all_pods(policy: LivePolicy) -> bool:
    """Return whether a policy of the root namespace is about all pods of the mesh."""
    return not target_refs(policy.spec) and not policy.spec.get("selector")


def is_for_all_waypoints(policy: LivePolicy) -> bool:
    """Return whether a policy of the root namespace is about all waypoints of the mesh."""
    kinds = [(kind, name) for kind, _, name in _targets(policy)]
    return ("GatewayClass", "istio-waypoint") in kinds


def _at_pod(cluster: Cluster, pod: Pod, request: Request) -> PathToPod:
    if not pod.in_mesh:
        return ()
    policies = tuple(ztunnel_policies(cluster, pod))
    return (EnforcementPoint(f"pod {pod.namespace}/{pod.name}", request, policies),)


def _policies_for_waypoints(cluster: Cluster, pod: Pod) -> list[LivePolicy]:
    """Return the policies that istiod itself makes for a pod: they allow its waypoints, and thus only these.

    It does so if `PILOT_AUTO_ALLOW_WAYPOINT_POLICY` is on, as Canonical's istio-k8s has it.
    """
    if not cluster.allows_waypoints:
        return []
    waypoints = {service.waypoint for service in cluster.services if service.selects(pod)}
    return [
        LivePolicy(
            namespace,
            f"istio_allow_waypoint_{namespace}_{name}",
            {"rules": [{"from": [{"source": {"principals": [cluster.principal(namespace, name)]}}]}]},
            is_for_waypoint=True,
        )
        for namespace, name in sorted(filter(None, waypoints))
    ]


def _pods_of(cluster: Cluster, namespace: str, name: str) -> list[Pod]:
    """Return the pods of an application, or else those that run under an account of that name."""
    here = [pod for pod in cluster.pods if pod.namespace == namespace]
    return [pod for pod in here if pod.application == name] or [pod for pod in here if pod.account == name]


def _service_of(question: Question, cluster: Cluster) -> Service:
    model, name = question.target.model, question.target.name
    for service in cluster.services:
        if (service.namespace, service.name) == (model, name):
            return service
    raise UnclearQuestionError(_not_found(cluster, model, f"Service {model}/{name}"))


def ports_in_question(question: Question, cluster: Cluster) -> list[int]:
    """Return the port that the question names, or else all known ports of the target.

    Raises:
        UnclearQuestionError: if none is known.
    """
    if question.port is not None:
        return [question.port]
    if question.target.pod is None:
        return sorted(_service_of(question, cluster).ports)
    for pod in _destinations(question, cluster, None):
        named = map(ports_of, pod_policies(cluster, pod))
        if known := _served_ports(pod, cluster).union(*named):
            return sorted(known)
    raise UnclearQuestionError(f"name a port of {question.target}, such as port=8080")


def _served_ports(pod: Pod, cluster: Cluster) -> set[int]:
    served: set[int] = set()
    for service in cluster.services:
        if service.selects(pod):
            served.update(_port_of(pod, port, service) for port in service.ports)
    return served


def _port(question: Question, service: Service | None) -> int:
    assert question.port is not None  # noqa: S101  # the caller has chosen one
    if service and question.port not in service.ports:
        known = ", ".join(map(str, sorted(service.ports))) or "none"
        where = f"Service {service.namespace}/{service.name}"
        raise NoPathError(f"{where} has no port {question.port}; it has {known}")
    return question.port


def _destinations(question: Question, cluster: Cluster, service: Service | None) -> tuple[Pod, ...]:
    if service is None:
        wanted = (question.target.model, question.target.pod)
        found = tuple(pod for pod in cluster.pods if (pod.namespace, pod.name) == wanted)
        if not found:
            raise UnclearQuestionError(_no_unit(cluster, question.target))
        return found
    found = tuple(pod for pod in cluster.pods if service.selects(pod))
    if not found:
        raise NoPathError(f"there is no pod behind Service {service.namespace}/{service.name}")
    return found


def _port_of(pod: Pod, port: int, service: Service | None) -> int:
    """Return the port at which a pod receives requests for a port of its Service."""
    target = service.ports[port] if service else port
    if isinstance(target, int):
        return target
    return pod.ports.get(target, port)


def _not_found(cluster: Cluster, model: str, what: str) -> str:
    if model not in cluster.namespaces:
        return f"there is no model {model} in this cluster"
    # Juju labels the pods of an application with its name, and with nothing that is Juju's own.
    of_juju = (pod for pod in cluster.pods if APPLICATION_LABEL in pod.labels)
    known = sorted({pod.application for pod in of_juju if pod.namespace == model})
    names = f"; there is {', '.join(known)}" if known else ""
    return f"there is no {what} with pods in this cluster{names}"


def _no_unit(cluster: Cluster, wanted: Workload) -> str:
    units = sorted(pod.name for pod in _pods_of(cluster, wanted.model, wanted.name))
    if not units:
        return _not_found(cluster, wanted.model, f"unit {wanted}")
    numbers = ", ".join(f"{wanted.name}/{name.rpartition('-')[2]}" for name in units)
    return f"there is no unit {wanted} with a pod; there is {numbers}"
