"""The objects that decide on requests in a mesh, as read from Kubernetes at one time."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from istio_policies import (
    APPLICATION_LABEL,
    DRY_RUN,
    ROOT_NAMESPACE,
    TRUST_DOMAIN,
    describe_sources,
    enforcement,
    is_for_audit,
    requested_by,
    target_refs,
)
from k8s_charm import Client, Json, Resource, annotations, manifest, sublist, subtree
from relation_data import quoted

from ._control_plane import TRUE, ControlPlane, read_auto_allow, read_control_plane, read_list

_MODE = "istio.io/dataplane-mode"
_USE_WAYPOINT = "istio.io/use-waypoint"
_USE_WAYPOINT_NAMESPACE = "istio.io/use-waypoint-namespace"
_WAYPOINT_FOR = "istio.io/waypoint-for"


@dataclass(frozen=True)
class Pod:
    """A pod."""

    namespace: str
    name: str
    account: str
    """The service account that it runs under, which is its identity in the mesh."""
    labels: Mapping[str, str] = field(hash=False)
    in_mesh: bool
    ports: Mapping[str, int] = field(default_factory=dict[str, int], hash=False)
    """Port numbers by port name."""

    @property
    def application(self) -> str:
        """The application that it is a unit of."""
        return self.labels.get(APPLICATION_LABEL, self.account)


@dataclass(frozen=True)
class Service:
    """A Service, and its waypoint."""

    namespace: str
    name: str
    ports: Mapping[int, int | str] = field(hash=False)
    """Port → port of the pods, by number or by name."""
    selector: Mapping[str, str] = field(hash=False)
    waypoint: tuple[str, str] | None
    """Namespace and name of the Gateway."""
    unready_waypoint: tuple[str, str] | None = None
    """The Gateway that its labels name, if Istio does not run it (yet)."""

    @property
    def host(self) -> str:
        """Its DNS name."""
        return f"{self.name}.{self.namespace}.svc.cluster.local"

    def selects(self, pod: Pod) -> bool:
        """Return whether traffic for the Service may end at the pod."""
        here = self.namespace == pod.namespace
        return here and bool(self.selector) and self.selector.items() <= pod.labels.items()


@dataclass(frozen=True)
class LivePolicy:
    """An AuthorizationPolicy."""

    namespace: str
    name: str
    spec: Json = field(hash=False)
    dry_run: bool = False
    """True if a waypoint only records what it would do."""
    requested_by: frozenset[str] = frozenset()
    """The applications that requested it."""
    enforced: bool | None = None
    """True if Istio enforces it; None: not yet reconciled."""
    problem: str = ""
    """Reason that it is not enforced, in Istio's words."""
    is_for_audit: bool = False
    """True if it allows everything as long as others are in audit mode."""
    is_for_waypoint: bool = False
    """True if it only allows a waypoint at pods: one of a charm, or of istiod, which is not in Kubernetes."""

    def __str__(self) -> str:
        return f"{quoted(self.namespace)}/{self.name}"

    @property
    def is_on_pods(self) -> bool:
        """Return whether it applies at pods, rather than at a waypoint."""
        return not target_refs(self.spec)

    def selects(self, pod: Pod) -> bool:
        """Return whether it applies at pods, and its labels select this one, in whichever namespace."""
        labels: dict[str, str] = subtree(self.spec, "selector", "matchLabels")
        return self.is_on_pods and labels.items() <= pod.labels.items()


@dataclass(frozen=True)
class Cluster:
    """Pods, Services and policies of the namespaces of a question."""

    namespaces: frozenset[str]
    """All namespaces of the cluster."""
    pods: tuple[Pod, ...]
    services: tuple[Service, ...]
    policies: tuple[LivePolicy, ...]
    root_namespaces: tuple[str, ...] = (ROOT_NAMESPACE,)
    """Namespaces whose policies apply to the whole mesh; of several meshes, the first one's first."""
    auto_allow: bool | None = None
    """True if istiod's PILOT_AUTO_ALLOW_WAYPOINT_POLICY is on; None if that is not known."""
    trust_domain: str = ""
    """The trust domain that the mesh's configuration names; empty if that is not known."""

    @property
    def root_namespace(self) -> str:
        """The namespace whose policies apply to the whole of the first mesh."""
        return self.root_namespaces[0]

    @property
    def allows_waypoints(self) -> bool:
        """Return whether istiod is assumed to allow waypoints at pods, and so to close these to others."""
        return self.auto_allow is not False

    def principal(self, namespace: str, account: str) -> str:
        """Return the identity of a service account, as policies name it."""
        return f"{self.trust_domain or TRUST_DOMAIN}/ns/{namespace}/sa/{account}"


def read_cluster(client: Client, *, source_namespace: str, target_namespace: str) -> Cluster:
    """Read the objects that decide on requests from one namespace to another.

    Raises:
        UnreadableClusterError: if Kubernetes does not return all of it.
    """
    from lightkube.resources.core_v1 import Namespace, Pod, Service

    from istio_policies import AuthorizationPolicy, Gateway

    namespaces = list(map(manifest, read_list(client, Namespace)))
    services = list(map(manifest, read_list(client, Service, target_namespace)))
    # Without the kind there is no waypoint.
    gateways = list(map(manifest, read_list(client, Gateway, may_be_missing=True)))
    istio = read_control_plane(client)
    policies: list[Resource] = []
    for place in sorted({istio.root_namespaces[0], target_namespace}):
        policies += read_list(client, AuthorizationPolicy, place)
    pods: list[Json] = []
    for place in sorted({source_namespace or target_namespace, target_namespace}):
        pods += map(manifest, read_list(client, Pod, place))
    cluster = cluster_of(istio, namespaces, services, gateways, policies, pods)
    return replace(cluster, auto_allow=read_auto_allow(client, istio.namespace))


def cluster_of(
    istio: ControlPlane,
    namespaces: Iterable[Json],
    services: Iterable[Json],
    gateways: Collection[Json],
    policies: Iterable[Resource],
    pods: Iterable[Json],
) -> Cluster:
    """Return the decision of these objects together, as far as istiod's own policies are unknown."""
    labels = {each["metadata"]["name"]: _labels(each) for each in namespaces}
    waypoints = [f"{own['namespace']}/{own['name']}" for own in (each["metadata"] for each in gateways)]
    return Cluster(
        namespaces=frozenset(labels),
        pods=tuple(read_pod(pod, labels) for pod in pods if _is_running(pod)),
        services=tuple(read_service(each, labels, gateways) for each in services),
        policies=tuple(read_policy(each, waypoints) for each in policies),
        root_namespaces=istio.root_namespaces,
        trust_domain=istio.trust_domain,
    )


def read_pod(pod: Json, namespace_labels: Mapping[str, Mapping[str, str]]) -> Pod:
    """Read a pod from Kubernetes' JSON, given the labels of all namespaces."""
    namespace, spec, labels = pod["metadata"]["namespace"], subtree(pod, "spec"), _labels(pod)
    mode = labels.get(_MODE) or namespace_labels.get(namespace, {}).get(_MODE)
    ports: list[Json] = []
    for container in sublist(spec, "containers"):
        ports += sublist(container, "ports")
    return Pod(
        namespace=namespace,
        name=pod["metadata"]["name"],
        account=spec.get("serviceAccountName") or "default",
        labels=labels,
        in_mesh=mode == "ambient" and not spec.get("hostNetwork"),
        ports={port["name"]: port["containerPort"] for port in ports if port.get("name")},
    )


def read_policy(policy: Resource, waypoints: Collection[str] = ()) -> LivePolicy:
    """Read an AuthorizationPolicy, given the `namespace/name` of waypoints."""
    plain = manifest(policy)
    own: Json = plain["metadata"]
    spec = subtree(plain, "spec")
    (state,) = enforcement([policy])
    return LivePolicy(
        namespace=own["namespace"],
        name=own["name"],
        spec=spec,
        dry_run=annotations(policy).get(DRY_RUN) in TRUE,
        requested_by=requested_by(policy),
        is_for_audit=is_for_audit(policy),
        is_for_waypoint=any(describe_sources(spec) == [each] for each in waypoints) and not target_refs(spec),
        enforced=state.enforced,
        problem=state.reason,
    )


def read_service(
    service: Json, namespace_labels: Mapping[str, Mapping[str, str]], gateways: Iterable[Json]
) -> Service:
    """Read a Service from Kubernetes' JSON, given the labels of all namespaces, and all Gateways."""
    own, spec = service["metadata"], subtree(service, "spec")
    waypoint = None if spec.get("clusterIP") == "None" else _waypoint_of(service, namespace_labels)
    is_ready = any(_serves(each, waypoint, own["namespace"]) for each in gateways)
    return Service(
        namespace=own["namespace"],
        name=own["name"],
        ports={port["port"]: port.get("targetPort") or port["port"] for port in sublist(spec, "ports")},
        selector=subtree(spec, "selector"),
        waypoint=waypoint if is_ready else None,
        unready_waypoint=None if is_ready else waypoint,
    )


def missing_waypoints(services: Iterable[Json], namespace: Json, gateways: Iterable[Json]) -> bool:
    """Return whether labels of Services, or of their namespace, name a waypoint that is no Gateway here."""
    labels = {namespace["metadata"]["name"]: _labels(namespace)}
    named = {_waypoint_of(each, labels) for each in services} - {None}
    return bool(named - {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in gateways})


def _waypoint_of(service: Json, namespace_labels: Mapping[str, Mapping[str, str]]) -> tuple[str, str] | None:
    """Return the waypoint that labels name, whether it exists or not."""
    namespace: str = service["metadata"]["namespace"]
    labels = _labels(service)
    if _USE_WAYPOINT not in labels:
        labels = namespace_labels.get(namespace, {})
    name = labels.get(_USE_WAYPOINT, "none")
    return None if name == "none" else (labels.get(_USE_WAYPOINT_NAMESPACE) or namespace, name)


def _serves(gateway: Json, waypoint: tuple[str, str] | None, namespace: str) -> bool:
    """Return whether a Gateway is this waypoint, and Istio runs it for Services of a namespace."""
    own, spec = gateway["metadata"], subtree(gateway, "spec")
    if (own["namespace"], own["name"]) != waypoint or spec.get("gatewayClassName") != "istio-waypoint":
        return False
    conditions, listeners = sublist(gateway, "status", "conditions"), sublist(spec, "listeners")
    is_ready = any(each["type"] == "Programmed" and each["status"] == "True" for each in conditions)
    for_services = _labels(gateway).get(_WAYPOINT_FOR, "service") in ("service", "all")
    return is_ready and for_services and (own["namespace"] == namespace or any(map(_takes_all, listeners)))


def _takes_all(listener: Json) -> bool:
    return subtree(listener, "allowedRoutes", "namespaces").get("from") == "All"


def _is_running(pod: Json) -> bool:
    return subtree(pod, "status").get("phase") not in ("Succeeded", "Failed")


def _labels(resource: Json) -> Mapping[str, str]:
    return resource["metadata"].get("labels") or {}
