"""A route of telemetry in the terms of nginx."""

from collections.abc import Iterator, Sequence
from functools import partial

from cos_interfaces import is_ip

from ..nginx import NginxLocationConfig, NginxUpstream
from .routes import GRPC_METHODS, TelemetryKind, TelemetryRoute

UPSTREAM_PREFIX = "worker-telemetry-proxy"

# About what the backends themselves take: Loki 4 MB, Prometheus a few, OpenTelemetry's collector 20
_LARGEST_BODY: dict[TelemetryKind, str] = {
    "metrics": "1k",
    "logging": "8m",
    "remote-write": "16m",
    "charm-tracing": "20m",
    "workload-tracing": "20m",
}


def upstream(route: TelemetryRoute) -> NginxUpstream:
    """Return the upstream of a route, which has its backend only."""
    return NginxUpstream(
        name=_upstream_name(route),
        port=route.backend.port,
        worker_role="",
        addresses=(route.backend.host,),
        # nginx does not repeat a gRPC call on a connection that its server is closing
        keepalive=not route.is_grpc,
    )


def _upstream_name(route: TelemetryRoute) -> str:
    return f"{UPSTREAM_PREFIX}-{route.kind}-{route.name.replace('/', '-')}"


def locations(route: TelemetryRoute) -> Iterator[NginxLocationConfig]:
    """Return the locations of a route: of its path, and of the method of gRPC."""
    location = partial(
        NginxLocationConfig,
        backend=_upstream_name(route),
        headers=_headers(route),
        is_grpc=route.is_grpc,
        upstream_tls=route.backend.tls,
        extra_directives=_limits(route),
        methods=("GET",) if route.kind == "metrics" else ("POST",),
    )
    if not route.is_tracing:
        yield location(route.path, modifier="=", backend_url=route.backend.path or "/")
        return
    # the rest of the path is the protocol's own; nginx has resolved dots and slashes before it looks at it
    base = route.backend.path.rstrip("/")
    yield location(route.path, modifier="^~", rewrite=(f"(?s)^{route.path}/*(.*)$", f"{base}/$1", "break"))
    if route.is_grpc:
        yield location(GRPC_METHODS[route.name], modifier="=")


def _headers(route: TelemetryRoute) -> dict[str, str]:
    """Return the headers of a request to the backend: its own host, and the request's tenant."""
    tenant = {"X-Scope-OrgID": "$http_x_scope_orgid"}
    return tenant if route.is_grpc else {"Host": route.backend.authority, **tenant}


def _limits(route: TelemetryRoute) -> dict[str, Sequence[str]]:
    module = "grpc" if route.is_grpc else "proxy"
    directives: dict[str, Sequence[str]] = {
        "client_max_body_size": [_LARGEST_BODY[route.kind]],
        "client_body_buffer_size": ["256k"],
        f"{module}_read_timeout": ["30s"],
        # telemetry may arrive twice, so it is sent again if the backend was closing the connection
        f"{module}_next_upstream": ["error", "non_idempotent"],
    }
    if route.backend.path.strip("/") and route.kind != "metrics":
        # nginx logs the URL of a failing backend, and a token may be in its path
        directives["error_log"] = ["/dev/null"]
    if route.backend.tls and not is_ip(route.backend.host):
        directives |= {f"{module}_ssl_server_name": ["on"], f"{module}_ssl_name": [route.backend.host]}
    return directives
