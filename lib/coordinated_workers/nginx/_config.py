"""The configuration of a coordinator's nginx, in the terms of its charm."""

import copy
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from . import _layout
from ._checks import NginxValueError, Refusal, check_host, check_line, check_path, check_word
from ._foreign import converted, converted_upstream, unless_default
from ._page import Page
from ._parts import NginxLocationConfig, NginxMapConfig, NginxTracingConfig, NginxUpstream
from ._platform import NginxPlatform

logger = logging.getLogger(__name__)

_LARGEST_BODY = "100m"


@dataclass
class NginxConfig:
    """The configuration of a coordinator's nginx: its servers, one for each port, and their backends."""

    server_name: str
    upstream_configs: Sequence[NginxUpstream]
    server_ports_to_locations: Mapping[int, Sequence[NginxLocationConfig]]
    map_configs: Sequence[NginxMapConfig] | None = None
    enable_health_check: bool = False
    """Answer GET / with 200, on each port without a location of the charm for exactly that."""
    enable_status_page: bool = False
    """Show the numbers that the exporter reads at /status, on each port without a location of the charm for
    exactly that."""
    supported_tls_versions: Sequence[str] | None = None
    """None: those that are recommended today."""
    ssl_ciphers: Sequence[str] | None = None
    """None: those that are recommended today."""
    worker_processes: int = 5
    worker_connections: int = 4096
    proxy_read_timeout: int = 300
    """The number of seconds for which a backend may send nothing, or a client of gRPC."""
    proxy_connect_timeout: str = "5s"
    client_max_body_size: str | None = None
    """The largest body of a request, unless a location has another; None: 100 MB, about what Loki and Mimir
    take, and of gRPC any, as all messages of a stream are one body."""
    own_name: str = ""
    """The name of the server, such as `shop.model.UUID`: a request that returns to the port that passed it on
    is answered with 508 (Loop Detected), however many others it has come by. Empty: it goes round until no
    connection is left."""

    platform: ClassVar[NginxPlatform | None] = None
    """The nginx that configurations are rendered for; None: the nginx of this pod."""

    _here: NginxPlatform = field(default_factory=NginxPlatform.here, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, config: object) -> "NginxConfig":
        """Return a configuration, or parts of it, converted from another library's classes.

        Known are this package's classes and those of charmlibs-nginx-k8s.
        """
        own = converted(type(config) if isinstance(config, NginxConfig) else cls, config)
        return own.changed(
            upstream_configs=tuple(map(converted_upstream, own.upstream_configs)),
            server_ports_to_locations={
                port: tuple(converted(NginxLocationConfig, location) for location in locations)
                for port, locations in own.server_ports_to_locations.items()
            },
            map_configs=tuple(converted(NginxMapConfig, each) for each in own.map_configs or ()),
            supported_tls_versions=unless_default(
                own.supported_tls_versions, ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
            ),
            ssl_ciphers=unless_default(own.ssl_ciphers, ["HIGH:!aNULL:!MD5"]),  # codespell:ignore anull
        )

    def changed(self, **values: Any) -> "NginxConfig":
        """Return a copy with other values, also of a charm's subclass, whose constructor may be its own."""
        other = copy.copy(self)
        vars(other).update(values)
        return other

    def get_config(
        self,
        upstreams_to_addresses: Mapping[str, Collection[str]],
        listen_tls: bool,
        root_path: str | None = None,
        tracing_config: NginxTracingConfig | None = None,
    ) -> str:
        """Return the text of nginx.conf.

        The same arguments give the same text. An upstream without addresses is skipped, and with it the
        locations that need it; so is an invalid address (see `refusals`).

        Args:
            upstreams_to_addresses: Role to the hosts of its workers.
            listen_tls: Whether nginx speaks TLS, with the certificate that `Nginx.reconcile` writes.
            root_path: The folder of the files that nginx serves itself.
            tracing_config: Where nginx sends its spans; its image must have the OpenTelemetry module.

        Raises:
            NginxValueError: if a text of the charm is invalid at its place in nginx.conf.
        """
        for refusal in self.refusals(upstreams_to_addresses):
            logger.warning("ignored in nginx.conf: %s", refusal)
        platform = self.platform or self._here
        upstreams = _layout.upstreams(self.upstream_configs, upstreams_to_addresses, platform)
        backends = {upstream.name: upstream for upstream in upstreams}
        serving = _layout.Serving(backends, listen_tls, self.own_name, self._grpc_directives, platform)
        servers = [_layout.server(*each, serving) for each in self.server_ports_to_locations.items()]
        answers_itself = self.enable_health_check or self.enable_status_page
        page = Page(
            tracing=_layout.tracing(tracing_config) if tracing_config else None,
            worker_processes=self.worker_processes,
            worker_connections=self.worker_connections,
            directory=platform.directory,
            mime_types=platform.mime_types,
            access_log=platform.access_log,
            maps=_layout.maps(self.map_configs or ()),
            resolvers=platform.resolvers,
            ipv4_only=platform.resolve and not platform.ipv6,
            connect_timeout=self.proxy_connect_timeout,
            read_timeout=f"{self.proxy_read_timeout}s",
            client_max_body_size=check_word(self.client_max_body_size or _LARGEST_BODY, "a size"),
            http2_directive=platform.http2_directive,
            upstreams=upstreams,
            server_name=check_line(self.server_name, "a server's name"),
            root_path=root_path and check_path(root_path, "the path of a folder"),
            tls=_layout.tls(self.supported_tls_versions, self.ssl_ciphers, platform) if listen_tls else None,
            health_check=self.enable_health_check,
            status_page=self.enable_status_page and platform.stub_status,
            servers=tuple(server for server in servers if server.locations or answers_itself),
        )
        return page.render()

    @property
    def _grpc_directives(self) -> dict[str, tuple[str, ...]]:
        """The directives of gRPC: a stream may pause, and without a limit of the charm have any length."""
        pause = {"client_body_timeout": (f"{self.proxy_read_timeout}s",)}
        return pause if self.client_max_body_size else {**pause, "client_max_body_size": ("0",)}

    @staticmethod
    def refusals(upstreams_to_addresses: Mapping[str, Collection[str]]) -> list[Refusal]:
        """Return the addresses that `get_config` ignores, as nginx cannot look them up."""
        refused: list[Refusal] = []
        for role, addresses in sorted(upstreams_to_addresses.items()):
            for address in sorted(addresses):
                try:
                    check_host(address)
                except NginxValueError as error:
                    refused.append(Refusal(f"a worker with the role {role}", str(error)))
        return refused
