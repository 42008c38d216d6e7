"""A coordinator's nginx, and the telemetry of its cluster: its destinations and routes."""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from cos_interfaces import loki_push_api
from cos_interfaces.alert_rules import WatchedApp

from .coordinator_facts import CoordinatorFacts
from .interfaces.cluster import RemoteWriteEndpoint
from .nginx import NginxConfig, NginxPrometheusExporter
from .telemetry.log_forwarding import forward_logs
from .telemetry.proxy import ProxyServer, WorkerTelemetryProxy, proxy_telemetry
from .telemetry.routes import TelemetryBackends, WorkerTelemetryProxyConfig
from .telemetry.scrape_jobs import ScrapedWorker
from .telemetry.tracing import TracingRequirer

if TYPE_CHECKING:
    from .telemetry.datasource_exchange import DatasourceExchange


class CoordinatorTelemetry(CoordinatorFacts):
    """The part of `Coordinator` that runs nginx, and routes metrics, logs and traces."""

    _nginx_config: NginxConfig
    _worker_metrics_port: int
    _proxy_config: WorkerTelemetryProxyConfig | None
    _remote_write_endpoints: Callable[[], list[RemoteWriteEndpoint]] | None
    charm_tracing: TracingRequirer
    workload_tracing: TracingRequirer
    nginx_exporter: NginxPrometheusExporter

    @property
    def loki_endpoints_by_unit(self) -> dict[str, str]:
        """Return the URLs that workers push logs to, by the name of the Loki unit."""
        return dict(self._backends_for_workers.loki)

    @property
    def remote_write_endpoints(self) -> list[RemoteWriteEndpoint] | None:
        """Return the backends that workers push metrics to; None if the charm has no such backends."""
        if self._remote_write_endpoints is None:
            return None
        return [{"url": url} for url in self._backends_for_workers.remote_write]

    @property
    def workload_tracing_receivers(self) -> dict[str, str]:
        """Return the receivers of the workloads' own traces, by protocol."""
        return dict(self._backends_for_workers.workload_tracing)

    @functools.cached_property
    def datasource_exchange(self) -> "DatasourceExchange":
        """Return the exchange of Grafana datasources between this application and others.

        Raises:
            cosl.interfaces.datasource_exchange.EndpointValidationError: if the charm has no relation for it.
        """
        from .telemetry.datasource_exchange import DatasourceExchange

        return DatasourceExchange(
            self._charm,
            provider_endpoint=self._endpoints.send_datasource,
            requirer_endpoint=self._endpoints.receive_datasource,
        )

    @property
    def _charm_tracing_receivers_urls(self) -> dict[str, str]:
        """Return the receivers of workers' charm traces, by protocol; Tempo's coordinator names itself."""
        return dict(self._backends_for_workers.charm_tracing)

    @property
    def _workload_tracing_receivers_urls(self) -> dict[str, str]:
        """Return the receivers of workload traces, by protocol; Tempo's coordinator names itself."""
        return dict(self._backends_for_workers.workload_tracing)

    @functools.cached_property
    def _backends(self) -> TelemetryBackends:
        """Return the backends of the cluster's telemetry."""
        logging_endpoint = self._endpoints.logging
        remote_write = self._remote_write_endpoints() if self._remote_write_endpoints else ()
        return TelemetryBackends(
            loki=loki_push_api.push_urls(self._charm, relation_name=logging_endpoint)
            if logging_endpoint
            else {},
            remote_write=tuple(endpoint["url"] for endpoint in remote_write),
            charm_tracing=self.charm_tracing.receivers,
            workload_tracing=self.workload_tracing.receivers,
        )

    @property
    def _backends_for_workers(self) -> TelemetryBackends:
        """Return the backends as workers know them: at the proxy, if there is one."""
        return self._served_proxy.backends if self._served_proxy else self._backends

    @functools.cached_property
    def _served_proxy(self) -> WorkerTelemetryProxy | None:
        """Return the routes as nginx serves them; read it only after nginx is configured."""
        if not (self._telemetry_proxy and self._proxy_config):
            return None
        server = self._proxy_server(self._proxy_config, self.serves_tls)
        return dataclasses.replace(self._telemetry_proxy, server=server)

    @functools.cached_property
    def _telemetry_proxy(self) -> WorkerTelemetryProxy | None:
        """Return the desired routes of nginx."""
        if self._proxy_config is None:
            return None
        return proxy_telemetry(
            {worker.name: worker.address for worker in self._workers if worker.is_routable},
            self._backends,
            worker_metrics_port=self._worker_metrics_port,
            server=self._proxy_server(self._proxy_config, self.tls_available),
            own_hosts=self.cluster.own_hosts,
        )

    def _proxy_server(self, config: WorkerTelemetryProxyConfig, tls: bool) -> ProxyServer:
        return ProxyServer(self._app_hostname, config.port(tls), tls)

    @functools.cached_property
    def _workers(self) -> list[ScrapedWorker]:
        units: list[ScrapedWorker] = []
        for unit in self.cluster.published_units:
            known_as, address = unit.data.juju_topology, unit.data.address
            names = (known_as.unit, known_as.application, known_as.charm_name)
            units.append(ScrapedWorker(*names, address, unit.role or "", unit.is_routable))
        return units

    @property
    def _worker_apps(self) -> list[WatchedApp]:
        """The worker applications, by name."""
        apps = {each.application: WatchedApp(each.application, each.charm_name) for each in self._workers}
        return [apps[name] for name in sorted(apps)]

    @property
    def _routable_addresses_by_role(self) -> dict[str, set[str]]:
        unroutable = self.cluster.unroutable_addresses
        by_role = self.cluster.gather_addresses_by_role()
        return {role: addresses - unroutable for role, addresses in by_role.items()}

    def _run_containers(self) -> None:
        if self._is_reachable("nginx"):
            model = self._charm.model
            own_name = f"{self._charm.app.name}.{model.name}.{model.uuid}"
            config = NginxConfig.of(self._nginx_config).changed(own_name=own_name)
            if self._telemetry_proxy:
                config = self._telemetry_proxy.added_to(config)
            text = config.get_config(self._routable_addresses_by_role, listen_tls=self.tls_available)
            self.nginx.reconcile(text, self.tls_config)
            if (served := self.nginx.serves_tls) != self._last_served.tls:
                self._last_served.tls = served
        if self._is_reachable(self.nginx_exporter.container_name):
            listened_ports = NginxConfig.of(self._nginx_config).server_ports_to_locations
            self.nginx_exporter.reconcile(
                self.tls_config,
                listened_ports,
                nginx_tls=self.serves_tls,
                keeps_target=self.nginx.problem is not None,
            )
        if self._endpoints.logging:
            forward_logs(self._charm, self._backends.loki)
