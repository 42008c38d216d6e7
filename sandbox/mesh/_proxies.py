"""What the proxies have to listen on, and where they send it.

Two kinds of proxy do what Istio's ambient mode does on a node:

- The **node proxy** stands for ztunnel. For each pod it takes connections that come with an identity
  (mutual TLS, at the pod's address on port 15008) and those that come without (at the port itself), holds
  them against the policies, and passes them to the process, which listens at an address of its own. And
  for each application it takes the connections that its processes make, at an address for each
  destination, and sends them on with the application's identity.
- A **waypoint** takes connections for a Service, with an identity, looks at the HTTP in them, holds it
  against the policies, and sends it on to a pod under an identity of its own.

Which port of which Service a connection with an identity is for is told by the server name (SNI).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ._authorization import at_pod, at_waypoint, http_rbac, tcp_rbac
from ._identity import Identity
from ._state import Account, Json, PodState, ServiceState, State, WaypointState

MESH_PORT = 15008

_EXTENSIONS = "type.googleapis.com/envoy.extensions"
_CONNECT_TIMEOUT = "30s"

Destination: TypeAlias = PodState | ServiceState


@dataclass(frozen=True)
class Places:
    """Where everything is on this machine."""

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
    """All that one proxy is told."""

    listeners: list[Json]
    clusters: list[Json]


def node_proxy(state: State, places: Places, *, auto_allow: bool = True) -> Configuration:
    """What the node proxy is told.

    Args:
        state: what there is in Kubernetes.
        places: where everything is.
        auto_allow: whether istiod allows waypoints at the pods behind them, and closes these to others.
    """
    listeners: list[Json] = []
    clusters: dict[str, Json] = {}

    def cluster(config: Json) -> str:
        clusters.setdefault(config["name"], config)
        return config["name"]

    waypoints = _waypoints_of_pods(state.services if auto_allow else ())
    for pod in state.pods:
        listeners += _pod_listeners(state, pod, waypoints.get(pod, ()), places, cluster)
    members = _members_by_account(state.pods)
    for account, pods in members.items():
        for destination in (*state.services, *state.pods):
            in_mesh = any(pod.in_mesh for pod in pods)
            listeners += _capture_listeners(account, in_mesh, destination, places, cluster)
    return Configuration(listeners, list(clusters.values()))


def waypoint_proxy(state: State, waypoint: WaypointState, places: Places) -> Configuration:
    """What the proxy of a waypoint is told."""
    clusters: dict[str, Json] = {}
    chains: list[Json] = []
    for service in state.services:
        if service.waypoint != waypoint:
            continue
        for port, target in service.ports.items():
            name = _server_name(port, service)
            clusters[name] = _to_pods(name, service.pods, target, waypoint.account, places, http=True)
            policies = at_waypoint(state.policies, service, waypoint)
            enforced = http_rbac([policy for policy in policies if not policy.on_trial], port)
            on_trial = http_rbac([policy for policy in policies if policy.on_trial], port)
            chains.append(
                {
                    "filter_chain_match": {"server_names": [name]},
                    "transport_socket": _tls_server(places.identity(waypoint.account)),
                    "filters": [_http_proxy(name, enforced, on_trial, service)],
                }
            )
    if not chains:
        return Configuration([], [])
    address = places.of_waypoint(waypoint)
    listener = _listener(f"waypoint {waypoint.namespace}/{waypoint.name}", address, MESH_PORT, chains)
    return Configuration([_looks_at_tls(listener)], list(clusters.values()))


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
        inside = cluster(_cluster(name, [_endpoint(places.inside(pod), port)]))
        rbac = tcp_rbac(policies, port, waypoint_accounts) if pod.in_mesh else []
        filters = _tcp_proxy(inside, rbac)
        plain = f"pod {pod.namespace}/{pod.name}:{port}"
        yield _listener(plain, places.of_pod(pod), port, [{"filters": filters}])
        chains.append(
            {
                "filter_chain_match": {"server_names": [_server_name(port)]},
                "transport_socket": _tls_server(places.identity(pod.account)),
                "filters": filters,
            }
        )
    if chains and pod.in_mesh:
        name = f"pod {pod.namespace}/{pod.name}"
        yield _looks_at_tls(_listener(name, places.of_pod(pod), MESH_PORT, chains))


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
            config = _to_pods(where, destination.pods, target, identity, places)
        filters = _tcp_proxy(cluster(config), [])
        yield _listener(where, places.captured(account, destination), port, [{"filters": filters}])


def _to_pods(
    name: str,
    pods: Iterable[PodState],
    port: int,
    account: Account | None,
    places: Places,
    *,
    http: bool = False,
) -> Json:
    """A cluster of pods; those in the mesh are shown the account's identity, if there is one."""
    matches: list[Json] = []
    endpoints: list[Json] = []
    for pod in pods:
        if account and pod.in_mesh:
            endpoints.append(_endpoint(places.of_pod(pod), MESH_PORT, mesh=True))
            tls = tls_client(places.identity(account), pod.account, _server_name(port))
            matches = [{"name": "mesh", "match": {"mesh": True}, "transport_socket": tls}]
        else:
            endpoints.append(_endpoint(places.of_pod(pod), port))
    config = _cluster(name, endpoints)
    if matches:
        config["transport_socket_matches"] = matches
    if http:
        protocol = f"{_EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions"
        config["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": protocol,
                "use_downstream_protocol_config": {"http2_protocol_options": {}},
            }
        }
    return config


def _to_waypoint(name: str, service: ServiceState, port: int, account: Account, places: Places) -> Json:
    waypoint = service.waypoint
    assert waypoint  # noqa: S101  # the caller has asked
    tls = tls_client(places.identity(account), waypoint.account, _server_name(port, service))
    config = _cluster(name, [_endpoint(places.of_waypoint(waypoint), MESH_PORT)])
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


def _listener(name: str, address: str, port: int, filter_chains: list[Json]) -> Json:
    return {
        "name": name,
        "address": {"socket_address": {"address": address, "port_value": port}},
        "filter_chains": filter_chains,
    }


def _looks_at_tls(listener: Json) -> Json:
    inspector = {"@type": f"{_EXTENSIONS}.filters.listener.tls_inspector.v3.TlsInspector"}
    return {**listener, "listener_filters": [{"name": "tls_inspector", "typed_config": inspector}]}


def _cluster(name: str, endpoints: list[Json]) -> Json:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": _CONNECT_TIMEOUT,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _endpoint(address: str, port: int, *, mesh: bool = False) -> Json:
    endpoint: Json = {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
    if mesh:
        endpoint["metadata"] = {"filter_metadata": {"envoy.transport_socket_match": {"mesh": True}}}
    return endpoint


def _tcp_proxy(cluster: str, rbac: Iterable[Json]) -> list[Json]:
    filters: list[Json] = [
        {
            "name": "rbac",
            "typed_config": {
                "@type": f"{_EXTENSIONS}.filters.network.rbac.v3.RBAC",
                "rules": rules,
                "stat_prefix": "rbac",
            },
        }
        for rules in rbac
    ]
    proxy = f"{_EXTENSIONS}.filters.network.tcp_proxy.v3.TcpProxy"
    filters.append(
        {"name": "tcp", "typed_config": {"@type": proxy, "stat_prefix": "tcp", "cluster": cluster}}
    )
    return filters


def _http_proxy(
    cluster: str, enforced: Iterable[Json], on_trial: Iterable[Json], service: ServiceState
) -> Json:
    rbac: list[Json] = [
        *({"rules": rules} for rules in enforced),
        *(
            {
                "shadow_rules": rules,
                "shadow_rules_stat_prefix": f"istio_dry_run_{rules['action'].lower()}_",
            }
            for rules in on_trial
        ),
    ]
    filters: list[Json] = [
        {
            "name": "rbac",
            "typed_config": {"@type": f"{_EXTENSIONS}.filters.http.rbac.v3.RBAC", **each},
        }
        for each in rbac
    ]
    router = {"@type": f"{_EXTENSIONS}.filters.http.router.v3.Router"}
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}
    return {
        "name": "http",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "http",
            "access_log": [{"name": "counts", "typed_config": _counts(service)}],
            "normalize_path": True,
            "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            "route_config": {
                "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}],
                # A cluster may come a moment after the listener, from another file.
                "validate_clusters": False,
            },
            "http_filters": [*filters, {"name": "router", "typed_config": router}],
        },
    }


def _counts(service: ServiceState) -> Json:
    """What a waypoint counts of the requests for a Service, under the names that Istio gives it."""
    labels = {
        "reporter": "waypoint",
        "source_principal": "%DOWNSTREAM_PEER_URI_SAN%",
        "destination_service": f"{service.name}.{service.namespace}.svc.cluster.local",
        "destination_service_name": service.name,
        "destination_service_namespace": service.namespace,
        "response_code": "%RESPONSE_CODE%",
    }
    tags = [{"name": name, "value_format": value} for name, value in labels.items()]
    return {
        "@type": f"{_EXTENSIONS}.access_loggers.stats.v3.Config",
        "stats_scope": {"prefix": "istio"},
        "counters": [{"stat": {"name": "requests_total", "tags": tags}, "value_fixed": 1}],
        "histograms": [
            {
                "stat": {"name": "request_duration_milliseconds", "tags": tags},
                "value_format": "%DURATION%",
            }
        ],
    }


def _tls_server(identity: Identity) -> Json:
    return {
        "name": "tls",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": True,
            "common_tls_context": {
                **_proof(identity),
                "validation_context": {"trusted_ca": {"filename": str(identity.authority)}},
            },
        },
    }


def tls_client(identity: Identity, server: Account, server_name: str) -> Json:
    """Return how Envoy connects with an identity to a server of an account."""
    expected = {"san_type": "URI", "matcher": {"exact": server.uri}}
    return {
        "name": "tls",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": server_name,
            "common_tls_context": {
                **_proof(identity),
                "validation_context": {
                    "trusted_ca": {"filename": str(identity.authority)},
                    "match_typed_subject_alt_names": [expected],
                },
            },
        },
    }


def _proof(identity: Identity) -> Json:
    certificate, key = str(identity.certificate), str(identity.key)
    return {
        "tls_certificates": [
            {"certificate_chain": {"filename": certificate}, "private_key": {"filename": key}}
        ]
    }
