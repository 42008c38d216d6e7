"""What a coordinator's nginx is to do, in the terms of its charm."""

import dataclasses
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

from ._checks import NginxValueError, Refusal, check_host
from ._platform import NginxPlatform

logger = logging.getLogger(__name__)

NginxLocationModifier = Literal["", "=", "~", "~*", "^~"]
"""How a location's path is compared: as a prefix, exactly, as a regular expression with or without regard to
case, or as a prefix that goes before regular expressions."""


@dataclass(frozen=True)
class NginxLocationConfig:
    """What happens to the requests for one path."""

    path: str
    backend: str | None = None
    """The name of the upstream that gets the requests; None: nginx answers them itself, from files say."""
    backend_url: str = ""
    """The path that is asked for at the backend, in place of the whole path of the request."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers that the backend gets, by name; the value may use nginx's variables."""
    modifier: NginxLocationModifier = ""
    is_grpc: bool = False
    upstream_tls: bool | None = None
    """Whether the backend speaks TLS; None: if nginx itself does."""
    rewrite: Sequence[str] | None = None
    """The arguments of a `rewrite` directive, such as `["^/auth(/.*)$", "$1", "break"]`."""
    extra_directives: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """More directives of the location: name to arguments."""
    methods: Sequence[str] = ()
    """The only HTTP methods that are let through; none: all are. GET lets HEAD through too."""


@dataclass(frozen=True)
class NginxUpstream:
    """Servers that share the requests for one backend."""

    name: str
    port: int
    worker_role: str
    """Whose addresses the servers have, as a key of `upstreams_to_addresses`."""
    ignore_worker_role: bool = False
    """Take the addresses of all roles."""
    addresses: Sequence[str] = ()
    """The hosts themselves, where they are none of the roles'."""


@dataclass(frozen=True)
class NginxMapConfig:
    """A variable whose value follows from another one's."""

    source_variable: str
    target_variable: str
    value_mappings: Mapping[str, Sequence[str]]
    """Value of the source, `default` or `~REGEX` to the arguments that follow it: the value of the target."""


@dataclass(frozen=True)
class NginxTracingConfig:
    """Where nginx sends spans of its own, if its image has the OpenTelemetry module."""

    endpoint: str
    """An OTLP/gRPC receiver: `host:port`, or a URL."""
    service_name: str
    resource_attributes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class NginxConfig:
    """A coordinator's nginx: its servers, a port each, and the backends they share requests between."""

    server_name: str
    upstream_configs: Sequence[NginxUpstream]
    server_ports_to_locations: Mapping[int, Sequence[NginxLocationConfig]]
    map_configs: Sequence[NginxMapConfig] | None = None
    enable_health_check: bool = False
    """Answer GET / with 200, on each port."""
    enable_status_page: bool = False
    """Show the numbers that the exporter reads at /status, on each port."""
    supported_tls_versions: Sequence[str] | None = None
    """None: those that are recommended today."""
    ssl_ciphers: Sequence[str] | None = None
    """None: those that are recommended today."""
    worker_processes: int = 5
    worker_connections: int = 4096
    proxy_read_timeout: int = 300
    """How many seconds a backend may be silent."""
    proxy_connect_timeout: str = "5s"
    own_name: str = ""
    """Who serves, such as `shop.model.UUID`: a request that comes back to the port that it was passed on from
    is answered with 508 (Loop Detected), however many others it has come by. Empty: it goes round until no
    connection is left."""

    platform: ClassVar[NginxPlatform | None] = None
    """What configurations are rendered for; None: the nginx of this pod."""

    @classmethod
    def of(cls, config: object) -> "NginxConfig":
        """Take a configuration, or parts of it, made of another library's classes for what it says.

        Known are this package's classes and those of charmlibs-nginx-k8s.
        """
        own = _taken_as(type(config) if isinstance(config, NginxConfig) else cls, config)
        return dataclasses.replace(
            own,
            upstream_configs=tuple(map(_upstream, own.upstream_configs)),
            server_ports_to_locations={
                port: tuple(_taken_as(NginxLocationConfig, location) for location in locations)
                for port, locations in own.server_ports_to_locations.items()
            },
            map_configs=tuple(_taken_as(NginxMapConfig, each) for each in own.map_configs or ()),
            supported_tls_versions=_chosen(
                own.supported_tls_versions, ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
            ),
            ssl_ciphers=_chosen(own.ssl_ciphers, ["HIGH:!aNULL:!MD5"]),  # codespell:ignore anull
        )

    def get_config(
        self,
        upstreams_to_addresses: Mapping[str, Collection[str]],
        listen_tls: bool,
        root_path: str | None = None,
        tracing_config: NginxTracingConfig | None = None,
    ) -> str:
        """The text of nginx.conf.

        The same arguments give the same text. An upstream without addresses is left out, and with it
        the locations that need it; so is an address that is none (see `refusals`).

        Args:
            upstreams_to_addresses: Role to the hosts of its workers.
            listen_tls: Whether nginx speaks TLS, with the certificate that `Nginx.reconcile` writes.
            root_path: The folder of the files that nginx serves itself.
            tracing_config: Where nginx sends its spans; its image must have the OpenTelemetry module.

        Raises:
            NginxValueError: if the charm's own part of it is not something that can stand in nginx.conf.
        """
        from ._layout import lay_out  # which knows these classes

        for refusal in self.refusals(upstreams_to_addresses):
            logger.warning("left out of nginx.conf: %s", refusal)
        return lay_out(
            self,
            upstreams_to_addresses,
            listen_tls=listen_tls,
            root_path=root_path,
            tracing=tracing_config,
            platform=self.platform or NginxPlatform.here(),
        ).render()

    @staticmethod
    def refusals(upstreams_to_addresses: Mapping[str, Collection[str]]) -> list[Refusal]:
        """The addresses that `get_config` leaves out, as nginx can't look them up."""
        refused: list[Refusal] = []
        for role, addresses in sorted(upstreams_to_addresses.items()):
            for address in sorted(addresses):
                try:
                    check_host(address)
                except NginxValueError as error:
                    refused.append(Refusal(f"a worker with the role {role}", str(error)))
        return refused


_T = TypeVar("_T", NginxConfig, NginxUpstream, NginxLocationConfig, NginxMapConfig)


def _taken_as(cls: type[_T], other: object) -> _T:
    """What another class's object says, possibly in private attributes, as an object of `cls`."""
    if isinstance(other, cls):
        return other
    names = [each.name for each in dataclasses.fields(cls)]
    said: dict[str, Any] = {
        name: getattr(other, attribute)
        for name in names
        for attribute in (f"_{name}", name)
        if hasattr(other, attribute)
    }
    return cls(**said)


def _upstream(other: Any) -> NginxUpstream:
    if isinstance(other, NginxUpstream) or hasattr(other, "worker_role"):
        return _taken_as(NginxUpstream, other)
    key: str | None = getattr(other, "address_lookup_key", None)
    return NginxUpstream(
        name=other.name,
        port=other.port,
        worker_role=key or "",
        ignore_worker_role=key is None or getattr(other, "ignore_address_lookup_key", False),
    )


def _chosen(values: Sequence[str] | None, default_elsewhere: Sequence[str]) -> Sequence[str] | None:
    """None for what another library falls back on, which is nobody's choice."""
    return None if values is not None and list(values) == list(default_elsewhere) else values
