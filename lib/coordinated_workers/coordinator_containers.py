"""The containers of a coordinator: nginx, its exporter, and the logs of both."""

import dataclasses

from .coordinator_telemetry import CoordinatorTelemetry
from .nginx import NginxConfig, NginxPrometheusExporter
from .telemetry.log_forwarding import forward_logs


class CoordinatorContainers(CoordinatorTelemetry):
    """The part of `Coordinator` that runs nginx."""

    _nginx_config: NginxConfig
    nginx_exporter: NginxPrometheusExporter

    def _run_containers(self) -> None:
        if self._is_reachable("nginx"):
            model = self._charm.model
            own_name = f"{self._charm.app.name}.{model.name}.{model.uuid}"
            config = dataclasses.replace(NginxConfig.of(self._nginx_config), own_name=own_name)
            if self._telemetry_proxy:
                config = self._telemetry_proxy.added_to(config)
            text = config.get_config(self._routable_addresses_by_role, listen_tls=self.tls_available)
            self.nginx.reconcile(text, self.tls_config)
        if self._is_reachable(self.nginx_exporter.container_name):
            listened_ports = NginxConfig.of(self._nginx_config).server_ports_to_locations
            self.nginx_exporter.reconcile(self.tls_config, listened_ports, nginx_tls=self.serves_tls)
        if self._endpoints.logging:
            forward_logs(self._charm, self._backends.loki)
