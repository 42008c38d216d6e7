"""The workers' telemetry on its way through the coordinator's nginx, so that nobody else needs a way out.

For example::

    proxy = proxy_telemetry(
        {"worker/0": "worker-0.worker-endpoints.model.svc.cluster.local"},
        worker_metrics_port=8080,
        backends=TelemetryBackends(loki={"loki/0": "http://loki-0.loki-endpoints.cos:3100/loki/api/v1/push"}),
        config=WorkerTelemetryProxyConfig(http_port=3300, https_port=3300),
        hostname="coordinator.model.svc.cluster.local",
        tls=False,
    )
    proxy.added_to(nginx_config)        # what nginx serves
    proxy.backends.loki                 # what the workers are told: {"loki/0": "http://coordinator.…/push"}
    proxy.metrics_paths["worker/0"]     # what Prometheus scrapes at nginx
    proxy.refused                       # what is left out, and why

Each route leads from one path to one fixed URL; no part of a request has a say in which host gets it. Its
tenant, `X-Scope-OrgID`, it says itself.
"""

import dataclasses
import hashlib
import re
import reprlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from ..interfaces.validation import check_of_another_machine
from ..nginx import (
    BackendURL,
    NginxConfig,
    NginxLocationConfig,
    NginxUpstream,
    NginxValueError,
    Refusal,
    check_host,
    check_port,
    is_ip,
)

TelemetryKind = Literal["metrics", "logging", "remote-write", "charm-tracing", "workload-tracing"]

PROXY_WORKER_TELEMETRY_PATHS: dict[TelemetryKind, str] = {
    "metrics": "/proxy/worker/{unit}/metrics",
    "logging": "/proxy/loki/{unit}/push",
    "remote-write": "/proxy/remote-write/{unit}/write",
    "charm-tracing": "/proxy/charm-tracing/{protocol}/",
    "workload-tracing": "/proxy/workload-tracing/{protocol}/",
}
"""Where nginx serves what; in a unit's name `-` stands for `/`."""

UPSTREAM_PREFIX = "worker-telemetry-proxy"

_HTTP_PROTOCOLS = ("otlp_http", "jaeger_thrift_http", "zipkin")
_GRPC_METHODS = {
    "otlp_grpc": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "jaeger_grpc": "/jaeger.api_v2.CollectorService/PostSpans",
}

# About what the backends themselves take: Loki 4 MB, Prometheus a few, OpenTelemetry's collector 20
_LARGEST_BODY: dict[TelemetryKind, str] = {
    "metrics": "1k",
    "logging": "8m",
    "remote-write": "16m",
    "charm-tracing": "20m",
    "workload-tracing": "20m",
}

_UNIT_NAME = re.compile(r"(?=.{1,200}$)[a-z][a-z0-9-]*/[0-9]+")


@dataclass(frozen=True)
class WorkerTelemetryProxyConfig:
    """The port that the coordinator proxies its workers' telemetry on."""

    http_port: int
    https_port: int
    """The port if nginx speaks TLS; may be the same."""

    def port(self, tls: bool) -> int:
        """The one of the two that is in use."""
        return self.https_port if tls else self.http_port


@dataclass(frozen=True)
class TelemetryBackends:
    """Where a cluster's telemetry goes."""

    loki: Mapping[str, str] = field(default_factory=dict[str, str])
    """Loki unit to push URL."""
    remote_write: Sequence[str] = ()
    """URLs."""
    charm_tracing: Mapping[str, str] = field(default_factory=dict[str, str])
    """Protocol to the URL of its receiver; those of gRPC may be `host:port`."""
    workload_tracing: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class TelemetryRoute:
    """One path at the coordinator, and the one URL that requests for it go to."""

    kind: TelemetryKind
    name: str
    """Of the unit or the protocol; for remote-write as it is in the path."""
    backend: BackendURL

    @property
    def is_grpc(self) -> bool:
        """Whether requests are gRPC calls."""
        return self.is_tracing and self.name in _GRPC_METHODS

    @property
    def is_tracing(self) -> bool:
        """Whether it takes traces, of the protocol of its name."""
        return self.kind in ("charm-tracing", "workload-tracing")

    @property
    def path(self) -> str:
        """Where nginx serves it."""
        name = self.name.replace("/", "-")
        return PROXY_WORKER_TELEMETRY_PATHS[self.kind].format(unit=name, protocol=name)

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths that lead to the backend: gRPC clients send no path but that of their method."""
        return (self.path, _GRPC_METHODS[self.name]) if self.is_grpc else (self.path,)


@dataclass(frozen=True)
class WorkerTelemetryProxy:
    """All routes of a coordinator."""

    hostname: str
    port: int
    tls: bool
    """Whether nginx speaks TLS."""
    routes: tuple[TelemetryRoute, ...]
    refused: tuple[Refusal, ...]
    """What has no route, as it is not what it should be."""

    @property
    def backends(self) -> TelemetryBackends:
        """What the workers are told in place of the backends that have a route."""
        return TelemetryBackends(
            loki={route.name: self._url(route) for route in self._of_kind("logging")},
            remote_write=tuple(self._url(route) for route in self._of_kind("remote-write")),
            charm_tracing={route.name: self._url(route) for route in self._of_kind("charm-tracing")},
            workload_tracing={route.name: self._url(route) for route in self._of_kind("workload-tracing")},
        )

    @property
    def metrics_paths(self) -> dict[str, str]:
        """Worker unit to the path that its metrics are scraped at."""
        return {route.name: route.path for route in self._of_kind("metrics")}

    def added_to(self, nginx_config: NginxConfig) -> NginxConfig:
        """A charm's own configuration and the routes; what the charm serves itself stays as it is."""
        if not self.routes:
            return nginx_config
        own = nginx_config.server_ports_to_locations.get(self.port, ())
        taken = {location.path for location in own}
        added = [location for location in self._locations() if location.path not in taken]
        return dataclasses.replace(
            nginx_config,
            upstream_configs=(*nginx_config.upstream_configs, *map(_upstream, self.routes)),
            server_ports_to_locations={
                **nginx_config.server_ports_to_locations,
                self.port: (*own, *added),
            },
        )

    def _of_kind(self, kind: TelemetryKind) -> Iterator[TelemetryRoute]:
        return (route for route in self.routes if route.kind == kind)

    def _url(self, route: TelemetryRoute) -> str:
        if route.is_grpc:
            return f"{self.hostname}:{self.port}"
        return f"{'https' if self.tls else 'http'}://{self.hostname}:{self.port}{route.path}"

    def _locations(self) -> Iterable[NginxLocationConfig]:
        # two routes may share the method of gRPC, if they lead to the same backend
        return {location.path: location for route in self.routes for location in _locations(route)}.values()


def proxy_telemetry(
    workers: Mapping[str, str],
    *,
    worker_metrics_port: int,
    backends: TelemetryBackends,
    config: WorkerTelemetryProxyConfig,
    hostname: str,
    tls: bool,
    own_hosts: Container[str] = (),
    check_machine: Callable[[str], None] = check_of_another_machine,
) -> WorkerTelemetryProxy:
    """The routes of the workers' telemetry.

    Args:
        workers: Unit name to host.
        worker_metrics_port: Where each worker serves /metrics; with TLS, if nginx speaks it.
        backends: The backends themselves, as their relations name them.
        config: The port of the proxy.
        hostname: The coordinator's host name, for the workers' URLs.
        tls: Whether nginx speaks TLS.
        own_hosts: Where the coordinator itself is: there may be backends, but not at the proxy's own port.
        check_machine: Called with each host that a route would lead to, raises ValueError if none may.
    """
    port = check_port(config.port(tls))
    routes: dict[str, TelemetryRoute] = {}
    refused: list[Refusal] = []
    for kind, name, find_backend in _candidates(workers, worker_metrics_port, backends, tls):
        try:
            route = TelemetryRoute(kind, _check_name(kind, name), find_backend())
            _check_machine(route.backend, check_machine)
            if route.backend.port == port:
                _check_other_host(route.backend, hostname, own_hosts)
            _check_free(route, routes)
        except NginxValueError as error:
            refused.append(Refusal(f"{kind} of {reprlib.repr(name)}", str(error)))
        else:
            routes |= {path: route for path in route.paths if path not in routes}
    return WorkerTelemetryProxy(
        hostname=check_host(hostname),
        port=port,
        tls=tls,
        routes=tuple(dict.fromkeys(routes.values())),
        refused=tuple(refused),
    )


def _candidates(
    workers: Mapping[str, str], metrics_port: int, backends: TelemetryBackends, tls: bool
) -> Iterator[tuple[TelemetryKind, str, Callable[[], BackendURL]]]:
    for unit, host in workers.items():
        yield "metrics", unit, partial(_worker_url, host, metrics_port, tls)
    for unit, url in backends.loki.items():
        yield "logging", unit, partial(BackendURL.parse, url)
    for name, url in _remote_write_names(backends.remote_write):
        yield "remote-write", name, partial(BackendURL.parse, url)
    # where both have a receiver of gRPC, the workload's comes first: charms trace by HTTP
    for protocol, url in backends.workload_tracing.items():
        yield (
            "workload-tracing",
            protocol,
            partial(BackendURL.parse, url, _speaks_tls(backends.workload_tracing, tls)),
        )
    for protocol, url in backends.charm_tracing.items():
        yield (
            "charm-tracing",
            protocol,
            partial(BackendURL.parse, url, _speaks_tls(backends.charm_tracing, tls)),
        )


def _worker_url(host: str, port: int, tls: bool) -> BackendURL:
    return BackendURL(check_host(host), check_port(port), tls, "/metrics")


def _speaks_tls(receivers: Mapping[str, str], tls: bool) -> bool:
    """Whether a receiver whose URL has no scheme speaks TLS: as its siblings do, or else as we do."""
    schemes = {url.partition("://")[0] for url in receivers.values()}
    return "https" in schemes or (tls and "http" not in schemes)


def _remote_write_names(urls: Iterable[str]) -> list[tuple[str, str]]:
    """What stands for the unit in the path: the first label of the host, which is the unit's in Kubernetes.

    Several URLs of one such name, behind an ingress say, are told apart by a hash.
    """
    names = {url: _first_label(url) for url in urls}
    shared = Counter(names.values())
    return [
        (name if shared[name] == 1 else f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:8]}", url)
        for url, name in names.items()
    ]


def _first_label(url: str) -> str:
    try:
        host = BackendURL.parse(url).host
    except NginxValueError:
        return "unknown"
    return re.sub("[.:]", "-", host) if is_ip(host) else host.partition(".")[0]


def _check_name(kind: TelemetryKind, name: str) -> str:
    if kind in ("metrics", "logging") and not _UNIT_NAME.fullmatch(name):
        raise NginxValueError("the name of a unit", name)
    if kind in ("charm-tracing", "workload-tracing") and name not in (*_HTTP_PROTOCOLS, *_GRPC_METHODS):
        raise NginxValueError("a known protocol", name)
    return name


def _check_machine(backend: BackendURL, check_machine: Callable[[str], None]) -> None:
    try:
        check_machine(backend.host)
    except ValueError as error:
        raise NginxValueError("a URL of another machine", backend.origin) from error


def _check_other_host(backend: BackendURL, hostname: str, own_hosts: Container[str]) -> None:
    if backend.host == hostname or backend.host in own_hosts:
        raise NginxValueError("a URL of anything but this proxy", backend.origin)


def _check_free(route: TelemetryRoute, routes: Mapping[str, TelemetryRoute]) -> None:
    if route.path in routes:
        raise NginxValueError("the only one of its name", route.name)
    if route.is_grpc and route.backend.path.strip("/"):
        raise NginxValueError(
            "a URL without a path, as gRPC has paths of its own", f"{route.backend.origin}…"
        )
    for path in route.paths:
        other = routes[path].backend if path in routes else route.backend
        if other != route.backend:
            needed = f"to be told from {other.authority}, as gRPC clients send no path"
            raise NginxValueError(needed, route.backend.authority)


def _upstream(route: TelemetryRoute) -> NginxUpstream:
    return NginxUpstream(
        name=_upstream_name(route),
        port=route.backend.port,
        worker_role="",
        addresses=(route.backend.host,),
        keepalive=True,
    )


def _upstream_name(route: TelemetryRoute) -> str:
    return f"{UPSTREAM_PREFIX}-{route.kind}-{route.name.replace('/', '-')}"


def _locations(route: TelemetryRoute) -> Iterator[NginxLocationConfig]:
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
        yield location(_GRPC_METHODS[route.name], modifier="=")


def _headers(route: TelemetryRoute) -> dict[str, str]:
    """Backends may be told apart by host, and have tenants of their own."""
    tenant = {"X-Scope-OrgID": "$http_x_scope_orgid"}
    return tenant if route.is_grpc else {"Host": route.backend.authority, **tenant}


def _limits(route: TelemetryRoute) -> dict[str, Sequence[str]]:
    module = "grpc" if route.is_grpc else "proxy"
    directives: dict[str, Sequence[str]] = {
        "client_max_body_size": [_LARGEST_BODY[route.kind]],
        "client_body_buffer_size": ["256k"],
        f"{module}_read_timeout": ["30s"],
        # telemetry may arrive twice: what met a connection that its backend was closing is sent again
        f"{module}_next_upstream": ["error", "non_idempotent"],
    }
    if route.kind == "metrics":
        # what has thousands of lines would be read, and passed on, a page of memory at a time
        directives |= {"proxy_buffer_size": ["16k"], "proxy_buffers": ["8", "16k"]}
    if route.backend.tls and not is_ip(route.backend.host):
        directives |= {f"{module}_ssl_server_name": ["on"], f"{module}_ssl_name": [route.backend.host]}
    return directives
