"""The listeners of the proxies, and their destinations.

Two kinds of proxy act as Istio's ambient mode on a node:

- The **node proxy** stands for ztunnel. For each pod it takes connections that come with an identity
  (mutual TLS, at the pod's address on port 15008) and those that come without (at the port itself), holds
  them against the policies, and passes them to the process, which listens at an address of its own. And
  for each application it takes the connections that its processes make, at an address for each
  destination, and sends them on with the application's identity.
- A **waypoint** takes connections for a Service, with an identity, looks at the HTTP in them, holds it
  against the policies, and sends it on to a pod under an identity of its own.

The server name (SNI) of a connection with an identity names the Service and the port that it is for.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ._authorization import at_pod, at_waypoint, http_rbac, tcp_rbac
from ._envoy_config import (
    EXTENSIONS,
    cluster_of,
    endpoint,
    http_proxy,
    inspect_tls,
    listener,
    tcp_proxy,
    tls_client,
    tls_server,
)
from ._identity import Identity
from ._state import Account, Json, PodState, ServiceState, State, WaypointState

MESH_PORT = 15008


Destination: TypeAlias = PodState | ServiceState


@dataclass(frozen=True)
class Places:
    """The address of each workload on this machine."""

    of_pod: Callable[[PodState], str]
    """The address at which others find a pod."""
    inside: Callable[[PodState], str]
    """The address at which the processes of a pod listen."""
    of_waypoint: Callable[[WaypointState], str]
    captured: Callable[[Account, Destination], str]
    """The address at which processes of an account find a destination."""
    ports: Callable[[PodState], Collection[int]]
    """The ports on which the processes of a pod listen."""
    identity: Callable[[Account], Identity]


@dataclass(frozen=True)
class Configuration:
    """The whole configuration of one proxy."""

    listeners: list[Json]
    clusters: list[Json]


def node_proxy(
    state: State, places: Places, *, auto_allow: bool = True, routes: State | None = None
) -> Configuration:
    """Return the configuration of the node proxy.

    Args:
        state: the state of Kubernetes.
        places: the address of each workload.
        auto_allow: whether istiod allows waypoints at the pods behind them, and closes these to others.
        routes: the state by which applications reach others; the same by default.
    """
    routes = routes or state
    listeners: list[Json] = []
    clusters: dict[str, Json] = {}

    def cluster(config: Json) -> str:
        clusters.setdefault(config["name"], config)
        return config["name"]

    waypoints = _waypoints_of_pods(state.services if auto_allow else ())
    for pod in state.pods:
        listeners += _pod_listeners(state, pod, waypoints.get(pod, ()), places, cluster)
    for account, pods in _members_by_account(routes.pods).items():
        for destination in (*routes.services, *routes.pods):
            in_mesh = any(pod.in_mesh for pod in pods)
            listeners += _capture_listeners(account, in_mesh, destination, places, cluster)
    return Configuration(listeners, list(clusters.values()))


def waypoint_proxy(state: State, waypoint: WaypointState, places: Places) -> Configuration:
    """Return the configuration of a waypoint's proxy."""
    clusters: dict[str, Json] = {}
    chains: list[Json] = []
    for service in state.services:
        if service.waypoint != waypoint:
            continue
        for port, target in service.ports.items():
            name = _server_name(port, service)
            clusters[name] = _to_pods(
                name, _ready(service, target, places), target, waypoint.account, places, http=True
            )
            policies = at_waypoint(state.policies, service, waypoint)
            enforced = http_rbac([policy for policy in policies if not policy.on_trial], port)
            on_trial = http_rbac([policy for policy in policies if policy.on_trial], port)
            chains.append(
                {
                    "filter_chain_match": {"server_names": [name]},
                    "transport_socket": tls_server(places.identity(waypoint.account)),
                    "filters": [http_proxy(name, enforced, on_trial, service)],
                }
            )
    if not chains:
        return Configuration([], [])
    address = places.of_waypoint(waypoint)
    at_mesh_port = listener(f"waypoint {waypoint.namespace}/{waypoint.name}", address, MESH_PORT, chains)
    return Configuration([inspect_tls(at_mesh_port)], list(clusters.values()))


def _pod_listeners(
    state: State,
    pod: PodState,
    waypoint_accounts: Iterable[Account],
    places: Places,
    cluster: Callable[[Json], str],
) -> Iterator[Json]:
    policies = at_pod(state.policies, pod)
    chains: list[Json] = []
    for port in sorted(places.ports(pod)):
        name = f"inside {pod.namespace}/{pod.name}:{port}"
        inside = cluster(cluster_of(name, [endpoint(places.inside(pod), port)]))
        rbac = tcp_rbac(policies, port, waypoint_accounts) if pod.in_mesh and not pod.is_open else []
        filters = tcp_proxy(inside, rbac)
        plain = f"pod {pod.namespace}/{pod.name}:{port}"
        yield listener(plain, places.of_pod(pod), port, [{"filters": filters}])
        chains.append(
            {
                "filter_chain_match": {"server_names": [_server_name(port)]},
                "transport_socket": tls_server(places.identity(pod.account)),
                "filters": filters,
            }
        )
    if chains and pod.in_mesh:
        name = f"pod {pod.namespace}/{pod.name}"
        yield inspect_tls(listener(name, places.of_pod(pod), MESH_PORT, chains))


def _capture_listeners(
    account: Account,
    in_mesh: bool,
    destination: Destination,
    places: Places,
    cluster: Callable[[Json], str],
) -> Iterator[Json]:
    ports: Mapping[int, int] = {}
    if isinstance(destination, PodState):
        ports = {port: port for port in places.ports(destination)}
    elif not destination.headless:
        ports = destination.ports
    kind = "pod" if isinstance(destination, PodState) else "service"
    for port, target in sorted(ports.items()):
        where = (
            f"{account.namespace}/{account.name} to {kind} {destination.namespace}/{destination.name}:{port}"
        )
        identity = account if in_mesh else None
        if isinstance(destination, PodState):
            config = _to_pods(where, [destination], target, identity, places)
        elif in_mesh and destination.waypoint:
            config = _to_waypoint(where, destination, port, account, places)
        else:
            config = _to_pods(where, _ready(destination, target, places), target, identity, places)
        filters = tcp_proxy(cluster(config), [])
        yield listener(where, places.captured(account, destination), port, [{"filters": filters}])


def _to_pods(
    name: str,
    pods: Iterable[PodState],
    port: int,
    account: Account | None,
    places: Places,
    *,
    http: bool = False,
) -> Json:
    """Return a cluster of pods; connections to those in the mesh have the account's identity, if any."""
    matches: list[Json] = []
    endpoints: list[Json] = []
    for pod in pods:
        if account and pod.in_mesh:
            endpoints.append(endpoint(places.of_pod(pod), MESH_PORT, mesh=True))
            tls = tls_client(places.identity(account), pod.account, _server_name(port))
            matches = [{"name": "mesh", "match": {"mesh": True}, "transport_socket": tls}]
        else:
            endpoints.append(endpoint(places.of_pod(pod), port))
    config = cluster_of(name, endpoints)
    if matches:
        config["transport_socket_matches"] = matches
    if http:
        protocol = f"{EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions"
        config["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": protocol,
                "use_downstream_protocol_config": {"http2_protocol_options": {}},
            }
        }
    return config


def _ready(service: ServiceState, port: int, places: Places) -> Collection[PodState]:
    """Return the pods that serve a port; all if none does, so that the connection fails at the pod.

    Juju has Kubernetes wait for half a minute before a new pod counts as ready. Here it is ready once it
    serves.
    """
    return [pod for pod in service.pods if port in places.ports(pod)] or service.pods


def _to_waypoint(name: str, service: ServiceState, port: int, account: Account, places: Places) -> Json:
    waypoint = service.waypoint
    assert waypoint  # noqa: S101  # the caller has asked
    tls = tls_client(places.identity(account), waypoint.account, _server_name(port, service))
    config = cluster_of(name, [endpoint(places.of_waypoint(waypoint), MESH_PORT)])
    return {**config, "transport_socket": tls}


def _server_name(port: int, service: ServiceState | None = None) -> str:
    if service is None:
        return f"port-{port}.pod.sandbox"
    return f"port-{port}.{service.name}.{service.namespace}.sandbox"


def _waypoints_of_pods(services: Iterable[ServiceState]) -> Mapping[PodState, Collection[Account]]:
    found: dict[PodState, set[Account]] = {}
    for service in services:
        for pod in service.pods if service.waypoint else ():
            assert service.waypoint  # noqa: S101  # asked in the line above
            found.setdefault(pod, set()).add(service.waypoint.account)
    return found


def _members_by_account(pods: Iterable[PodState]) -> Mapping[Account, list[PodState]]:
    found: dict[Account, list[PodState]] = {}
    for pod in pods:
        found.setdefault(pod.account, []).append(pod)
    return found
