"""The parts of nginx.conf on a platform, with all of their text checked.

Each function raises `NginxValueError` if a text is invalid at its place.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cos_interfaces import authority, is_ip

from ._checks import (
    BackendURL,
    NginxValueError,
    check_line,
    check_path,
    check_port,
    check_word,
    is_host,
)
from ._page import TLS, Location, Map, Mark, Server, Tracing, Upstream
from ._parts import NginxLocationConfig, NginxMapConfig, NginxTracingConfig, NginxUpstream
from ._paths import OTEL_MODULE_PATH
from ._platform import NginxPlatform, complete_names

# Mozilla's intermediate recommendation; without DHE, which needs parameters of its own
TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")
TLS_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)

_SMALLEST_ZONE, _ZONE_PER_POD, _ZONE_PER_NAME = 64, 4, 8192
"""Kilobytes: nginx does not start with less; two addresses; the 4,094 that fit into the longest answer."""

TENANT_HEADER = "X-Scope-OrgID"
TENANT = NginxMapConfig(
    "$http_x_scope_orgid",
    "$ensured_x_scope_orgid",
    {"default": ["$http_x_scope_orgid"], "": ["anonymous"]},
)
# Only WebSockets: by another protocol (h2c), further requests could bypass the rules of the location.
UPGRADE = NginxMapConfig("$http_upgrade", "$websocket", {"~*^websocket$": ["websocket"], "default": [""]})
CONNECTION = NginxMapConfig("$websocket", "$backend_connection", {"": ["close"], "default": ["upgrade"]})
LOGGABLE = NginxMapConfig("$status", "$loggable", {"~^[23]": ["0"], "default": ["1"]})
LOGGED_REQUEST = NginxMapConfig("$request", "$logged_request", {"default": ["$request"]})


@dataclass(frozen=True)
class Serving:
    """The circumstances that all servers of a configuration share."""

    backends: Mapping[str, Upstream]
    """The upstreams that have an address, by name."""
    tls: bool
    own_name: str
    """See `NginxConfig.own_name`."""
    grpc_directives: Mapping[str, tuple[str, ...]]
    """The directives of a location of gRPC without a limit of its own."""
    platform: NginxPlatform


def upstreams(
    declared: Iterable[NginxUpstream],
    upstreams_to_addresses: Mapping[str, Collection[str]],
    platform: NginxPlatform,
) -> tuple[Upstream, ...]:
    """Return the upstreams that have an address."""
    found = [_upstream(each, upstreams_to_addresses, platform) for each in declared]
    return tuple(upstream for upstream in found if upstream.servers)


def _upstream(
    upstream: NginxUpstream, upstreams_to_addresses: Mapping[str, Collection[str]], platform: NginxPlatform
) -> Upstream:
    if upstream.addresses:
        hosts = set(upstream.addresses)
    elif upstream.ignore_worker_role:
        hosts = set[str]().union(*upstreams_to_addresses.values())
    else:
        hosts = set(upstreams_to_addresses.get(upstream.worker_role, ()))
    servers: list[tuple[str, ...]] = []
    # in order, since a different text causes a reload
    for host in sorted(filter(is_host, hosts)):
        servers += _upstream_servers(host, check_port(upstream.port), platform)
    return Upstream(
        name=check_word(upstream.name, "an upstream's name"),
        servers=tuple(servers),
        zone_kilobytes=_SMALLEST_ZONE + sum(_kilobytes(server, platform) for server in servers),
        keepalive=upstream.keepalive,
    )


def _upstream_servers(host: str, port: int, platform: NginxPlatform) -> list[tuple[str, ...]]:
    """Return the servers of a host: of a short name, first the one that the search domains make of it."""
    if is_ip(host) or not platform.resolve:
        address = authority(host, port)
        return [(address, "resolve") if platform.resolve else (address,)]
    first, *others = complete_names(host, platform.search)
    return [(f"{first}:{port}", "resolve"), *((f"{other}:{port}", "resolve", "backup") for other in others)]


def _kilobytes(server: tuple[str, ...], platform: NginxPlatform) -> int:
    """Return the memory for all addresses of a server's name, so that no worker can use that of the others.

    A pod's own name has one or two; another name as many as an answer of DNS holds.
    """
    address, *words = server
    host = address.rpartition(":")[0].strip("[]")
    is_one = "resolve" not in words or is_ip(host) or platform.is_pod(host)
    return _ZONE_PER_POD if is_one else _ZONE_PER_NAME


def server(port: int, locations: Iterable[NginxLocationConfig], serving: Serving) -> Server:
    """Return the server of one port, without the locations whose backend has no address."""
    shown = [
        location for location in locations if not location.backend or location.backend in serving.backends
    ]
    check_port(port)
    mark = _mark(serving.own_name, port) if serving.own_name else None
    platform = serving.platform
    if platform.listen_address:
        listens = [authority(platform.listen_address, port)]
    else:
        listens = [str(port), f"[::]:{port}"] if platform.ipv6 else [str(port)]
    return Server(
        listens=tuple(listens),
        http2=any(location.is_grpc for location in shown),
        locations=tuple(_location(location, serving, mark) for location in shown),
        mark=mark,
    )


def _mark(own_name: str, port: int) -> Mark:
    """Return a server's mark on requests: its own header, which other servers pass on."""
    server = check_line(f"{own_name}:{port}", "a name")
    return Mark(f"X-Proxied-By-{hashlib.sha256(server.encode()).hexdigest()[:8]}", server)


def _location(location: NginxLocationConfig, serving: Serving, mark: Mark | None) -> Location:
    is_regex = location.modifier.startswith("~")
    check = check_line if is_regex else check_path
    path = check(location.path, "the path of a location")
    # with a directive set_header beside our own ones nginx would send a header twice
    directives = {
        check_word(name, "a directive"): tuple(args) for name, args in location.extra_directives.items()
    }
    more_headers = directives.pop("proxy_set_header", ())
    if location.is_grpc and "client_max_body_size" not in directives:
        directives = {**serving.grpc_directives, **directives}
    if location.backend and serving.backends[location.backend].keepalive and not location.is_grpc:
        directives = {"proxy_next_upstream": ("error", "timeout", "non_idempotent"), **directives}
    return Location(
        match=(location.modifier, path) if location.modifier else (path,),
        methods=tuple(check_word(method, "a method") for method in location.methods),
        rewrite=_line_each(location.rewrite or (), "an argument of rewrite"),
        directives=tuple(
            (name, *_line_each(args, f"an argument of {name}")) for name, args in directives.items()
        ),
        headers=_headers(location, more_headers, mark, serving) if location.backend else (),
        passed_by="grpc" if location.is_grpc else "proxy",
        backend=_backend(location, serving.tls),
        backend_path=_backend_path(location),
    )


def _backend(location: NginxLocationConfig, listen_tls: bool) -> str:
    if not location.backend:
        return ""
    tls = listen_tls if location.upstream_tls is None else location.upstream_tls
    return f"{'grpc' if location.is_grpc else 'http'}{'s' if tls else ''}://{location.backend}"


def _backend_path(location: NginxLocationConfig) -> str:
    if not (location.backend and location.backend_url):
        return ""
    if location.is_grpc:
        raise NginxValueError("for a gRPC backend, which has no paths to choose from", location.backend_url)
    # nginx replaces the whole path by it, without the query
    return check_path(location.backend_url, "the path of a backend") + "$is_args$args"


def _headers(
    location: NginxLocationConfig, more: tuple[str, ...], mark: Mark | None, serving: Serving
) -> tuple[tuple[str, str], ...]:
    """Return the headers for the backend; a request without a tenant is for `anonymous`."""
    headers = {TENANT_HEADER.lower(): (TENANT_HEADER, TENANT.target_variable)}
    if not location.is_grpc and serving.backends[str(location.backend)].keepalive:
        headers["connection"] = ("Connection", "")
    elif not location.is_grpc:
        headers["upgrade"] = ("Upgrade", UPGRADE.target_variable)
        headers["connection"] = ("Connection", CONNECTION.target_variable)
    given = [*location.headers.items(), *zip(more[::2], more[1::2], strict=True)]
    for name, value in given:
        check_word(name, "a header's name")
        headers[name.lower()] = (name, check_line(value, f"a value of the header {name}"))
    if mark:
        headers[mark.header.lower()] = (mark.header, mark.value)
    return tuple(headers.values())


def maps(declared: Iterable[NginxMapConfig]) -> tuple[Map, ...]:
    """Return the default maps, or the charm's own in their place, and the charm's others."""
    own = (TENANT, UPGRADE, CONNECTION, LOGGABLE, LOGGED_REQUEST)
    by_target = {each.target_variable: each for each in (*own, *declared)}
    return tuple(map(_map, by_target.values()))


def _map(each: NginxMapConfig) -> Map:
    return Map(
        variables=_line_each((each.source_variable, each.target_variable), "a variable"),
        mappings=tuple(
            _line_each((value, *targets), "a value of a map")
            for value, targets in each.value_mappings.items()
        ),
    )


def tls(versions: Sequence[str] | None, ciphers: Sequence[str] | None, platform: NginxPlatform) -> TLS:
    """Return the settings of TLS; None stands for today's recommendation."""
    return TLS(
        certificate=platform.certificate,
        private_key=platform.private_key,
        versions=_line_each(versions or TLS_VERSIONS, "a version of TLS"),
        ciphers=check_line(":".join(ciphers or TLS_CIPHERS), "a list of ciphers"),
    )


def tracing(declared: NginxTracingConfig) -> Tracing:
    """Return the destination of nginx's own spans."""
    BackendURL.parse(declared.endpoint)
    return Tracing(
        module=OTEL_MODULE_PATH,
        endpoint=declared.endpoint,
        service_name=check_line(declared.service_name, "the name of a service"),
        attributes=tuple(
            _line_each(attribute, "a resource attribute")
            for attribute in declared.resource_attributes.items()
        ),
    )


def _line_each(texts: Sequence[str], needed: str) -> tuple[str, ...]:
    return tuple(check_line(text, needed) for text in texts)
