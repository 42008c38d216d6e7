"""Building blocks of the configurations of Envoy."""

from collections.abc import Iterable

from ._identity import Identity
from ._state import Account, Json, ServiceState

EXTENSIONS = "type.googleapis.com/envoy.extensions"

_CONNECT_TIMEOUT = "30s"


def listener(name: str, address: str, port: int, filter_chains: list[Json]) -> Json:
    return {
        "name": name,
        "address": {"socket_address": {"address": address, "port_value": port}},
        "filter_chains": filter_chains,
    }


def inspect_tls(listener: Json) -> Json:
    inspector = {"@type": f"{EXTENSIONS}.filters.listener.tls_inspector.v3.TlsInspector"}
    return {**listener, "listener_filters": [{"name": "tls_inspector", "typed_config": inspector}]}


def cluster_of(name: str, endpoints: list[Json]) -> Json:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": _CONNECT_TIMEOUT,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def endpoint(address: str, port: int, *, mesh: bool = False) -> Json:
    endpoint: Json = {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
    if mesh:
        endpoint["metadata"] = {"filter_metadata": {"envoy.transport_socket_match": {"mesh": True}}}
    return endpoint


def tcp_proxy(cluster: str, rbac: Iterable[Json]) -> list[Json]:
    filters: list[Json] = [
        {
            "name": "rbac",
            "typed_config": {
                "@type": f"{EXTENSIONS}.filters.network.rbac.v3.RBAC",
                "rules": rules,
                "stat_prefix": "rbac",
            },
        }
        for rules in rbac
    ]
    proxy = f"{EXTENSIONS}.filters.network.tcp_proxy.v3.TcpProxy"
    filters.append(
        {"name": "tcp", "typed_config": {"@type": proxy, "stat_prefix": "tcp", "cluster": cluster}}
    )
    return filters


def http_proxy(
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
            "typed_config": {"@type": f"{EXTENSIONS}.filters.http.rbac.v3.RBAC", **each},
        }
        for each in rbac
    ]
    router = {"@type": f"{EXTENSIONS}.filters.http.router.v3.Router"}
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}
    return {
        "name": "http",
        "typed_config": {
            "@type": f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "http",
            "access_log": [{"name": "counts", "typed_config": _counts(service)}],
            "normalize_path": True,
            "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            "route_config": {
                "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}],
                # A cluster may arrive shortly after the listener, from another file.
                "validate_clusters": False,
            },
            "http_filters": [*filters, {"name": "router", "typed_config": router}],
        },
    }


def _counts(service: ServiceState) -> Json:
    """Build a waypoint's counters of requests for a Service, with the names that Istio gives them."""
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
        "@type": f"{EXTENSIONS}.access_loggers.stats.v3.Config",
        "stats_scope": {"prefix": "istio"},
        "counters": [{"stat": {"name": "requests_total", "tags": tags}, "value_fixed": 1}],
        "histograms": [
            {
                "stat": {"name": "request_duration_milliseconds", "tags": tags},
                "value_format": "%DURATION%",
            }
        ],
    }


def tls_server(identity: Identity) -> Json:
    return {
        "name": "tls",
        "typed_config": {
            "@type": f"{EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext",
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
            "@type": f"{EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
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
