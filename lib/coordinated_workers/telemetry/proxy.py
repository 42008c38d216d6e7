"""The workers' telemetry through the coordinator's nginx, so that no other pod needs egress.

For example::

    proxy = proxy_telemetry(
        {"worker/0": "worker-0.worker-endpoints.model.svc.cluster.local"},
        TelemetryBackends(loki={"loki/0": "http://loki-0.loki-endpoints.cos:3100/loki/api/v1/push"}),
        worker_metrics_port=8080,
        server=ProxyServer("coordinator.model.svc.cluster.local", port=3300, tls=False),
    )
    proxy.added_to(nginx_config)        # what nginx serves
    proxy.backends.loki                 # the workers' URLs: {"loki/0": "http://coordinator.…/push"}
    proxy.metrics_paths["worker/0"]     # what Prometheus scrapes at nginx
    proxy.refused                       # the ignored entries, with reasons

Each route leads from one path to one fixed URL; no part of a request decides which host gets it. The
client sets its tenant, `X-Scope-OrgID`, itself.
"""

import hashlib
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from cos_interfaces import authority, is_ip
from relation_data import in_quotes

from ..interfaces.validation import check_of_another_machine
from ..nginx import (
    BackendURL,
    NginxConfig,
    NginxLocationConfig,
    NginxValueError,
    Refusal,
    check_host,
    check_port,
)
from .locations import locations, upstream
from .routes import (
    GRPC_METHODS,
    HTTP_PROTOCOLS,
    PROXY_WORKER_TELEMETRY_PATHS,
    TelemetryBackends,
    TelemetryKind,
    TelemetryRoute,
)

_DIGEST_LENGTH = 32  # of hexadecimal digits: too many for finding another URL with the same ones
_UNIT_NAME = re.compile(r"(?=.{1,200}$)[a-z][a-z0-9-]*/[0-9]+")


@dataclass(frozen=True)
class ProxyServer:
    """The server of nginx that has the routes."""

    hostname: str
    port: int
    tls: bool
    """True if nginx uses TLS."""

    def __post_init__(self) -> None:
        check_host(self.hostname)
        check_port(self.port)

    @property
    def authority(self) -> str:
        """Return the host and the port as URLs have them."""
        return authority(self.hostname, self.port)

    @property
    def origin(self) -> str:
        """Return the beginning of each URL of the proxy."""
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    def is_for_remote_write(self, url: str) -> bool:
        """Return whether a URL is one that workers get from this proxy: they may use it, nginx must not."""
        before, after = PROXY_WORKER_TELEMETRY_PATHS["remote-write"].split("{unit}")
        return bool(re.fullmatch(rf"{re.escape(self.origin + before)}(?!\.)[\w.-]+{after}", url, re.ASCII))


@dataclass(frozen=True)
class WorkerTelemetryProxy:
    """All routes of a coordinator."""

    server: ProxyServer
    routes: tuple[TelemetryRoute, ...]
    refused: tuple[Refusal, ...]
    """The entries without a route, as they are invalid."""
    own_remote_write: tuple[str, ...] = ()
    """The backends of remote write that are URLs of this proxy: workers get them as they are."""

    @property
    def backends(self) -> TelemetryBackends:
        """Return the endpoints that workers get in place of the backends that have a route."""
        remote_write = (*self._urls("remote-write").values(), *self.own_remote_write)
        return TelemetryBackends(
            loki=self._urls("logging"),
            remote_write=tuple(dict.fromkeys(remote_write)),
            charm_tracing=self._urls("charm-tracing"),
            workload_tracing=self._urls("workload-tracing"),
        )

    @property
    def metrics_paths(self) -> dict[str, str]:
        """Worker unit to the path that its metrics are scraped at."""
        return {route.name: route.path for route in self._of_kind("metrics")}

    @property
    def renamed(self) -> tuple[str, ...]:
        """The backends of metrics whose name an earlier one has, without the secret parts of their URLs."""
        return tuple(route.backend.origin for route in self._of_kind("remote-write") if "." in route.name)

    def added_to(self, nginx_config: NginxConfig) -> NginxConfig:
        """Add the routes to a charm's own configuration, which is otherwise unchanged."""
        if not self.routes:
            return nginx_config
        port = self.server.port
        own = nginx_config.server_ports_to_locations.get(port, ())
        # two routes may share the method of gRPC, if they lead to the same backend
        added: dict[str, NginxLocationConfig] = {}
        for route in self.routes:
            added |= {location.path: location for location in locations(route)}
        for location in own:
            added.pop(location.path, None)
        return nginx_config.changed(
            upstream_configs=(*nginx_config.upstream_configs, *map(upstream, self.routes)),
            server_ports_to_locations={
                **nginx_config.server_ports_to_locations,
                port: (*own, *added.values()),
            },
        )

    def _of_kind(self, kind: TelemetryKind) -> Iterator[TelemetryRoute]:
        return (route for route in self.routes if route.kind == kind)

    def _urls(self, kind: TelemetryKind) -> dict[str, str]:
        return {route.name: self._url(route) for route in self._of_kind(kind)}

    def _url(self, route: TelemetryRoute) -> str:
        return self.server.authority if route.is_grpc else f"{self.server.origin}{route.path}"


def proxy_telemetry(
    workers: Mapping[str, str],
    backends: TelemetryBackends,
    *,
    worker_metrics_port: int,
    server: ProxyServer,
    own_hosts: Container[str] = (),
    check_machine: Callable[[str], None] = check_of_another_machine,
) -> WorkerTelemetryProxy:
    """Return the routes of the workers' telemetry.

    Args:
        workers: Unit name to host.
        backends: The backends themselves, as their relations name them.
        worker_metrics_port: The port at which each worker serves /metrics; with TLS, if nginx speaks it.
        server: Where the proxy itself is.
        own_hosts: The hosts of the coordinator: there may be backends, but not at the proxy's own port.
        check_machine: Called with each host that a route would lead to, raises ValueError if none may.
    """
    routes: dict[str, TelemetryRoute] = {}
    refused: list[Refusal] = []
    for kind, name, find_backend in _candidates(workers, worker_metrics_port, backends, server.tls):
        try:
            route = TelemetryRoute(kind, _check_name(kind, name), find_backend())
            _check_machine(route.backend, check_machine)
            if route.backend.port == server.port:
                _check_other_host(route.backend, server.hostname, own_hosts)
            _check_free(route, routes)
        except NginxValueError as error:
            refused.append(Refusal(f"{kind} of {in_quotes(name)}", str(error)))
        else:
            routes |= {path: route for path in route.paths if path not in routes}
    return WorkerTelemetryProxy(
        server,
        tuple(dict.fromkeys(routes.values())),
        tuple(refused),
        own_remote_write=tuple(filter(server.is_for_remote_write, backends.remote_write)),
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
    tracing: dict[TelemetryKind, Mapping[str, str]] = {
        "workload-tracing": backends.workload_tracing,
        "charm-tracing": backends.charm_tracing,
    }
    for kind, receivers in tracing.items():
        for protocol, url in receivers.items():
            yield kind, protocol, partial(BackendURL.parse, url, _speaks_tls(receivers, tls))


def _worker_url(host: str, port: int, tls: bool) -> BackendURL:
    return BackendURL(check_host(host), check_port(port), tls, "/metrics")


def _speaks_tls(receivers: Mapping[str, str], tls: bool) -> bool:
    """Return whether a receiver whose URL has no scheme uses TLS: as its siblings do, or else as nginx."""
    schemes = {url.partition("://")[0] for url in receivers.values()}
    return "https" in schemes or (tls and "http" not in schemes)


def _remote_write_names(urls: Iterable[str]) -> list[tuple[str, str]]:
    """Return each unit's name in the path: the first label of the host, which is the unit's in Kubernetes.

    Of several URLs with the same label, such as behind an ingress, the first has it alone, and the others
    have a hash of the URL after a dot, which is in no label: so no URL can take the name of an earlier one.
    """
    names: dict[str, str] = {}
    for url in dict.fromkeys(urls):
        label = _first_label(url)
        digest = hashlib.sha256(url.encode()).hexdigest()[:_DIGEST_LENGTH]
        names[f"{label}.{digest}" if label in names else label] = url
    return list(names.items())


def _first_label(url: str) -> str:
    try:
        host = BackendURL.parse(url).host
    except NginxValueError:
        return "unknown"
    return re.sub("[.:]", "-", host) if is_ip(host) else host.partition(".")[0]


def _check_name(kind: TelemetryKind, name: str) -> str:
    if kind in ("metrics", "logging") and not _UNIT_NAME.fullmatch(name):
        raise NginxValueError("the name of a unit", name)
    if kind in ("charm-tracing", "workload-tracing") and name not in (*HTTP_PROTOCOLS, *GRPC_METHODS):
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
    if route.is_grpc and route.backend.path.strip("/"):
        raise NginxValueError(
            "a URL without a path, as gRPC has paths of its own", f"{route.backend.origin}…"
        )
    for path in route.paths:
        other = routes[path].backend if path in routes else route.backend
        if other != route.backend:
            needed = f"different from {other.authority}: gRPC clients send no path"
            raise NginxValueError(needed, route.backend.authority)
