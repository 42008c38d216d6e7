"""The places on a request's way that enforce policies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from k8s_charm import Json

from ._cluster import Cluster, Pod, Policy, Service
from ._question import Place, Question, UnclearQuestionError
from ._rules import Http, Request, ports_of, principal


class NoWayError(Exception):
    """A request ends before any policy could decide; the message says where."""


@dataclass(frozen=True)
class Checkpoint:
    """A place that enforces policies, and the request as it comes there."""

    name: str
    """As an operator knows it."""
    request: Request
    policies: tuple[Policy, ...]
    """Those that are enforced there."""


Lane: TypeAlias = tuple[Checkpoint, ...]
"""The checkpoints on the way to one pod."""


@dataclass(frozen=True)
class Way:
    """How a request gets to where it is to go."""

    identity: str
    """The one that the sender has if it is in the mesh."""
    source_in_mesh: bool
    service: Service | None
    """The Service that is asked; None where a pod is."""
    pods: tuple[Pod, ...]
    """The pods that may be meant."""
    ports: tuple[int, ...]
    """The port of each of them."""
    port: int
    """The port that is asked for."""
    lanes: tuple[Lane, ...]
    """One for each of the pods."""

    @property
    def passes_waypoint(self) -> bool:
        """Whether the request goes through the waypoint of its Service."""
        return bool(self.source_in_mesh and self.service and self.service.waypoint)


def find_way(question: Question, cluster: Cluster) -> Way:
    """Follow a request through the mesh; the question names a port.

    Raises:
        NoWayError: if it gets nowhere, whatever the policies are.
        UnclearQuestionError: if somebody in it does not exist.
    """
    senders = _pods_of(cluster, question.source.model, question.source.name)
    if not senders:
        asking = f"application {question.source.application}"
        raise UnclearQuestionError(_nobody(cluster, question.source.model, asking))
    identity = principal(question.source.model, senders[0].account)
    in_mesh = any(pod.in_mesh for pod in senders)
    service = None if question.target.pod else _service_of(question, cluster)
    port = _port(question, service)
    pods = _destinations(question, cluster, service)
    ports = tuple(_port_of(pod, port, service) for pod in pods)

    at_waypoint: Lane = ()
    arriving = identity if in_mesh else None
    if in_mesh and service and service.waypoint:
        http = Http(question.method, question.path, question.host or service.host)
        at_waypoint = (
            Checkpoint(
                f"waypoint {'/'.join(service.waypoint)}",
                Request(identity, port, http),
                tuple(waypoint_policies(cluster, service)),
            ),
        )
        # It runs under an account of its own name.
        arriving = principal(*service.waypoint)
    lanes = tuple(
        (*at_waypoint, *_at_pod(cluster, pod, Request(arriving, each, None)))
        for pod, each in zip(pods, ports, strict=True)
    )
    return Way(identity, in_mesh, service, pods, ports, port, lanes)


def waypoint_policies(cluster: Cluster, service: Service) -> list[Policy]:
    """The policies that a Service's waypoint enforces on traffic for it."""
    places = [
        ("Service", service.namespace, service.name),
        ("Gateway", *(service.waypoint or ("", ""))),
        ("GatewayClass", cluster.root_namespace, "istio-waypoint"),
    ]
    return [
        policy
        for policy in cluster.policies
        if any((ref.get("kind"), policy.namespace, ref.get("name")) in places for ref in target_refs(policy))
    ]


def pod_policies(cluster: Cluster, pod: Pod) -> list[Policy]:
    """The policies that ztunnel enforces at a pod."""
    return [
        policy
        for policy in cluster.policies
        if policy.namespace in (pod.namespace, cluster.root_namespace) and selects(policy, pod)
    ]


def selects(policy: Policy, pod: Pod) -> bool:
    """Whether a policy is about pods, and by its labels about this one; its namespace is not looked at."""
    selector: Json = policy.spec.get("selector") or {}
    labels: dict[str, str] = selector.get("matchLabels") or {}
    return not target_refs(policy) and labels.items() <= pod.labels.items()


def target_refs(policy: Policy) -> Sequence[Json]:
    """What a policy for a waypoint is about; nothing if it is about pods."""
    several: list[Json] = policy.spec.get("targetRefs") or []
    single: Json = policy.spec.get("targetRef") or {}
    return [*several, *([single] if single else [])]


def _at_pod(cluster: Cluster, pod: Pod, request: Request) -> Lane:
    if not pod.in_mesh:
        return ()
    policies = (*pod_policies(cluster, pod), *_policies_for_waypoints(cluster, pod))
    return (Checkpoint(f"pod {pod.namespace}/{pod.name}", request, policies),)


def _policies_for_waypoints(cluster: Cluster, pod: Pod) -> list[Policy]:
    """What istiod itself has ztunnel do at a pod: let in its waypoints, and so nobody past them.

    It is run so (`PILOT_AUTO_ALLOW_WAYPOINT_POLICY`) wherever waypoints are to work in a hardened mesh.
    """
    waypoints = {service.waypoint for service in cluster.services if service.selects(pod)}
    return [
        Policy(
            namespace,
            f"istio_allow_waypoint_{namespace}_{name}",
            {"rules": [{"from": [{"source": {"principals": [principal(namespace, name)]}}]}]},
            is_istios=True,
        )
        for namespace, name in sorted(filter(None, waypoints))
    ]


def _pods_of(cluster: Cluster, namespace: str, name: str) -> list[Pod]:
    """The pods of an application, or else those that run under an account of that name."""
    here = [pod for pod in cluster.pods if pod.namespace == namespace]
    return [pod for pod in here if pod.application == name] or [pod for pod in here if pod.account == name]


def _service_of(question: Question, cluster: Cluster) -> Service:
    model, name = question.target.model, question.target.name
    for service in cluster.services:
        if (service.namespace, service.name) == (model, name):
            return service
    raise UnclearQuestionError(_nobody(cluster, model, f"Service {model}/{name}"))


def ports_in_question(question: Question, cluster: Cluster) -> list[int]:
    """The ports that may be meant: the one that is named, or else all that are known of the target.

    Raises:
        UnclearQuestionError: if none is known.
    """
    if question.port is not None:
        return [question.port]
    if question.target.pod is None:
        return sorted(_service_of(question, cluster).ports)
    for pod in _destinations(question, cluster, None):
        behind = [service for service in cluster.services if service.selects(pod)]
        served = {_port_of(pod, port, service) for service in behind for port in service.ports}
        named = {port for policy in pod_policies(cluster, pod) for port in ports_of(policy)}
        if known := served | named:
            return sorted(known)
    raise UnclearQuestionError(f"say which port of {question.target} is meant, such as port=8080")


def _port(question: Question, service: Service | None) -> int:
    assert question.port is not None  # noqa: S101  # the caller has chosen one
    if service and question.port not in service.ports:
        known = ", ".join(map(str, sorted(service.ports))) or "none"
        where = f"Service {service.namespace}/{service.name}"
        raise NoWayError(f"{where} has no port {question.port}; it has {known}")
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
        raise NoWayError(f"there is no pod behind Service {service.namespace}/{service.name}")
    return found


def _port_of(pod: Pod, port: int, service: Service | None) -> int:
    """The port at which a pod gets what is for a port of its Service."""
    target = service.ports[port] if service else port
    if isinstance(target, int):
        return target
    return pod.ports.get(target, port)


def _nobody(cluster: Cluster, model: str, what: str) -> str:
    if model not in cluster.namespaces:
        return f"there is no model {model} in this cluster"
    known = sorted({pod.application for pod in _of_juju(cluster.pods) if pod.namespace == model})
    names = f"; there is {', '.join(known)}" if known else ""
    return f"there is no {what} with pods in this cluster{names}"


def _no_unit(cluster: Cluster, wanted: Place) -> str:
    units = sorted(pod.name for pod in _pods_of(cluster, wanted.model, wanted.name))
    if not units:
        return _nobody(cluster, wanted.model, f"unit {wanted}")
    numbers = ", ".join(f"{wanted.name}/{name.rpartition('-')[2]}" for name in units)
    return f"there is no unit {wanted} with a pod; there is {numbers}"


def _of_juju(pods: Iterable[Pod]) -> list[Pod]:
    return [pod for pod in pods if pod.labels.get("app.kubernetes.io/managed-by") == "juju"]
