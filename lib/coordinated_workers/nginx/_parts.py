"""The parts of a configuration of nginx, as a charm declares them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

NginxLocationModifier = Literal["", "=", "~", "~*", "^~"]
"""The comparison of a location's path: as a prefix, exactly, as a regular expression with or without regard
to case, or as a prefix that goes before regular expressions."""


@dataclass
class NginxLocationConfig:
    """The handling of requests for one path."""

    path: str
    backend: str | None = None
    """The name of the upstream that gets the requests; None: nginx answers them itself, as from files."""
    backend_url: str = ""
    """The path that is asked for at the backend, in place of the whole path of the request."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers that the backend gets, by name; the value may use nginx's variables."""
    modifier: NginxLocationModifier = ""
    is_grpc: bool = False
    upstream_tls: bool | None = None
    """True if the backend uses TLS; None: if nginx itself does."""
    rewrite: Sequence[str] | None = None
    """The arguments of a `rewrite` directive, such as `["^/auth(/.*)$", "$1", "break"]`."""
    extra_directives: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """More directives of the location: name to arguments."""
    methods: Sequence[str] = ()
    """The allowed HTTP methods; none: all are. GET allows HEAD too."""


@dataclass
class NginxUpstream:
    """Servers that share the requests for one backend."""

    name: str
    port: int
    worker_role: str
    """The role whose addresses the servers have, a key of `upstreams_to_addresses`."""
    ignore_worker_role: bool = False
    """Take the addresses of all roles."""
    addresses: Sequence[str] = ()
    """The hosts themselves, where they are none of the roles'."""
    keepalive: bool = False
    """Keep connections open. A request that meets a connection which its server is closing is sent again, of
    any method: so this is for requests that may arrive twice, not for WebSockets, and not for gRPC, of which
    nginx sends nothing again."""


@dataclass
class NginxMapConfig:
    """A variable whose value follows from another one."""

    source_variable: str
    target_variable: str
    value_mappings: Mapping[str, Sequence[str]]
    """Value of the source, `default` or `~REGEX` to the arguments that follow it: the value of the target."""


@dataclass
class NginxTracingConfig:
    """The receiver of nginx's own spans, if its image has the OpenTelemetry module."""

    endpoint: str
    """An OTLP/gRPC receiver: `host:port`, or a URL."""
    service_name: str
    resource_attributes: Mapping[str, str] = field(default_factory=dict[str, str])
