"""The state of the mesh, as read from Kubernetes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from lightkube import ApiError, Client
from lightkube.core.resource import Resource
from lightkube.resources.core_v1 import Namespace as NamespaceResource
from lightkube.resources.core_v1 import Pod as PodResource
from lightkube.resources.core_v1 import Service as ServiceResource

from istio_policies import AuthorizationPolicy, Gateway

Json: TypeAlias = dict[str, Any]
Labels: TypeAlias = Mapping[str, str]

TRUST_DOMAIN = "cluster.local"
ROOT_NAMESPACE = "istio-system"

_DATAPLANE_MODE = "istio.io/dataplane-mode"
_USE_WAYPOINT = "istio.io/use-waypoint"
_USE_WAYPOINT_NAMESPACE = "istio.io/use-waypoint-namespace"
_WAYPOINT_CLASS = "istio-waypoint"
_DRY_RUN = "istio.io/dry-run"
_TRUE = ("true", "True", "TRUE", "1", "t", "T")


@dataclass(frozen=True, order=True)
class Account:
    """A service account: the identity of the pods that run under it."""

    namespace: str
    name: str

    @property
    def principal(self) -> str:
        """The identity as AuthorizationPolicies name it."""
        return f"{TRUST_DOMAIN}/ns/{self.namespace}/sa/{self.name}"

    @property
    def uri(self) -> str:
        """The identity as in a certificate (SPIFFE)."""
        return f"spiffe://{self.principal}"


@dataclass(frozen=True)
class PodState:
    """A pod."""

    namespace: str
    name: str
    account: Account
    labels: Mapping[str, str] = field(hash=False)
    in_mesh: bool
    is_open: bool = False
    """Whether no policy is enforced at it."""


@dataclass(frozen=True)
class WaypointState:
    """A Gateway of the class for waypoints, which runs under an account of its own name."""

    namespace: str
    name: str

    @property
    def account(self) -> Account:
        """Its identity."""
        return Account(self.namespace, self.name)


@dataclass(frozen=True)
class ServiceState:
    """A Service, and its waypoint."""

    namespace: str
    name: str
    ports: Mapping[int, int]
    """Port → port of the pods."""
    pods: tuple[PodState, ...]
    waypoint: WaypointState | None
    headless: bool


@dataclass(frozen=True)
class PolicyState:
    """An AuthorizationPolicy."""

    namespace: str
    name: str
    spec: Json
    on_trial: bool = False
    """Whether a waypoint only records what it would do by it (`istio.io/dry-run`)."""


@dataclass(frozen=True)
class State:
    """The whole state at one time."""

    pods: tuple[PodState, ...]
    services: tuple[ServiceState, ...]
    waypoints: tuple[WaypointState, ...]
    policies: tuple[PolicyState, ...]
    pod_labels: Mapping[WaypointState, Mapping[str, str]] = field(
        default_factory=dict[WaypointState, Mapping[str, str]]
    )
    """What the pods of each waypoint are to be labelled with, besides Istio's own labels."""


def read(client: Client) -> State:
    """Read the state of the mesh, with one list request for each kind.

    Raises:
        lightkube.ApiError: if Kubernetes refuses. Objects of a kind that is not installed do not exist.
    """
    namespaces = {item["metadata"]["name"]: _labels(item) for item in _list(client, NamespaceResource)}
    pod_labels = {
        WaypointState(item["metadata"]["namespace"], item["metadata"]["name"]): _labels_of_pods(item)
        for item in _list(client, Gateway)
        if item["spec"].get("gatewayClassName") == _WAYPOINT_CLASS
    }
    waypoints = tuple(pod_labels)
    pods = tuple(_pod(item, namespaces) for item in _list(client, PodResource))
    services = tuple(_service(item, namespaces, pods, waypoints) for item in _list(client, ServiceResource))
    policies = tuple(
        PolicyState(item["metadata"]["namespace"], item["metadata"]["name"], _spec(item), _is_dry_run(item))
        for item in _list(client, AuthorizationPolicy)
    )
    return State(pods, services, waypoints, policies, pod_labels)


def _list(client: Client, kind: type[Resource]) -> Iterable[Json]:
    try:
        everywhere: Any = {} if kind is NamespaceResource else {"namespace": "*"}
        return [resource.to_dict() for resource in cast("Any", client).list(kind, **everywhere)]
    except ApiError as error:
        if error.status.code != 404:
            raise
        return []


def _labels(item: Json) -> Mapping[str, str]:
    return item["metadata"].get("labels") or {}


def _labels_of_pods(gateway: Json) -> Mapping[str, str]:
    infrastructure: Json = _spec(gateway).get("infrastructure") or {}
    return infrastructure.get("labels") or {}


def _spec(item: Json) -> Json:
    return item.get("spec") or {}


def _is_dry_run(policy: Json) -> bool:
    annotations: Mapping[str, str] = policy["metadata"].get("annotations") or {}
    return annotations.get(_DRY_RUN) in _TRUE


def _pod(item: Json, namespaces: Mapping[str, Mapping[str, str]]) -> PodState:
    namespace, labels = item["metadata"]["namespace"], _labels(item)
    mode = labels.get(_DATAPLANE_MODE) or namespaces.get(namespace, {}).get(_DATAPLANE_MODE)
    account: str = _spec(item).get("serviceAccountName") or "default"
    return PodState(
        namespace=namespace,
        name=item["metadata"]["name"],
        account=Account(namespace, account),
        labels=labels,
        in_mesh=mode == "ambient",
    )


def _service(
    item: Json,
    namespaces: Mapping[str, Mapping[str, str]],
    pods: Iterable[PodState],
    waypoints: Iterable[WaypointState],
) -> ServiceState:
    namespace, spec = item["metadata"]["namespace"], _spec(item)
    selector: Mapping[str, str] = spec.get("selector") or {}
    ports: list[Json] = spec.get("ports") or []
    labels = _labels(item)
    if _USE_WAYPOINT not in labels:
        labels = namespaces.get(namespace, {})
    bound = WaypointState(labels.get(_USE_WAYPOINT_NAMESPACE) or namespace, labels.get(_USE_WAYPOINT, ""))
    headless = bool(spec.get("clusterIP") == "None")
    return ServiceState(
        namespace=namespace,
        name=item["metadata"]["name"],
        ports={port["port"]: _target(port) for port in ports},
        pods=tuple(
            pod
            for pod in pods
            if selector and pod.namespace == namespace and selector.items() <= pod.labels.items()
        ),
        waypoint=bound if bound in waypoints and not headless else None,
        headless=headless,
    )


def _target(port: Json) -> int:
    target = port.get("targetPort")
    return target if isinstance(target, int) and target else port["port"]
