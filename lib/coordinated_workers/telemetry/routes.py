"""The routes of the workers' telemetry: from a path at the coordinator to a backend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..nginx import BackendURL

TelemetryKind = Literal["metrics", "logging", "remote-write", "charm-tracing", "workload-tracing"]

PROXY_WORKER_TELEMETRY_PATHS: dict[TelemetryKind, str] = {
    "metrics": "/proxy/worker/{unit}/metrics",
    "logging": "/proxy/loki/{unit}/push",
    "remote-write": "/proxy/remote-write/{unit}/write",
    "charm-tracing": "/proxy/charm-tracing/{protocol}/",
    "workload-tracing": "/proxy/workload-tracing/{protocol}/",
}
"""The path of each kind of telemetry at nginx; in a unit's name `-` stands for `/`."""

HTTP_PROTOCOLS = ("otlp_http", "jaeger_thrift_http", "zipkin")
GRPC_METHODS = {
    "otlp_grpc": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "jaeger_grpc": "/jaeger.api_v2.CollectorService/PostSpans",
}


@dataclass
class WorkerTelemetryProxyConfig:
    """The port that the coordinator proxies its workers' telemetry on."""

    http_port: int
    https_port: int
    """The port if nginx speaks TLS; may be the same."""

    def port(self, tls: bool) -> int:
        """Return the port that is in use."""
        return self.https_port if tls else self.http_port


@dataclass(frozen=True)
class TelemetryBackends:
    """The destinations of a cluster's telemetry."""

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
        """Return whether requests are gRPC calls."""
        return self.is_tracing and self.name in GRPC_METHODS

    @property
    def is_tracing(self) -> bool:
        """Return whether it takes traces, of the protocol of its name."""
        return self.kind in ("charm-tracing", "workload-tracing")

    @property
    def path(self) -> str:
        """Return the path at which nginx serves it."""
        name = self.name.replace("/", "-")
        return PROXY_WORKER_TELEMETRY_PATHS[self.kind].format(unit=name, protocol=name)

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths that lead to the backend: gRPC clients send only the path of their method."""
        return (self.path, GRPC_METHODS[self.name]) if self.is_grpc else (self.path,)
