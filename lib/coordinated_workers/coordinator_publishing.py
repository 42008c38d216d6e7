"""The data that a coordinator publishes: to backends of telemetry, scrapers, and its workers."""

import dataclasses
import logging
from collections.abc import Callable

import ops

from cos_interfaces import catalogue, loki_push_api, prometheus_scrape, s3, tracing

from . import peers
from .coordinator_status import CoordinatorProblems
from .interfaces.provider import PublishedTLS
from .telemetry import alert_rules, dashboards, scrape_jobs
from .telemetry.scrape_jobs import NginxExporter

logger = logging.getLogger(__name__)


class CoordinatorPublishing(CoordinatorProblems):
    """The part of `Coordinator` that writes databags."""

    _catalogue_item: catalogue.Item | None
    _peer_relation: str
    _workers_config_getter: Callable[[], str]

    def _setup_charm_tracing(self) -> None:
        if self._endpoints.charm_tracing:
            ca_cert = self.tls_config.ca_cert if self.tls_config else None
            tracing.trace_charm(self.charm_tracing.get_endpoint("otlp_http"), ca_cert)

    def _publish_to_backends(self) -> None:
        self.charm_tracing.request()
        self.workload_tracing.request()
        if self._is_related(name := self._endpoints.s3):
            s3.request(self._charm, relation_name=name)
        if self._is_related(name := self._endpoints.catalogue) and self._catalogue_item:
            catalogue.publish(self._charm, self._catalogue_item, relation_name=name)
        if self._is_related(name := self._endpoints.grafana_dashboards):
            dashboards.publish(self._charm, name)
        if self._is_related(name := self._endpoints.logging) and self._charm.unit.is_leader():
            proxied = self._served_proxy is not None
            rules = alert_rules.logs_rules(self._charm, self._worker_apps, proxied=proxied)
            loki_push_api.publish(self._charm, rules, relation_name=name)

    def _publish_to_scrapers(self) -> None:
        """Publish scrape jobs and rules, after everything else: the rules have the number of problems."""
        if not self._is_related(name := self._endpoints.metrics):
            return
        of_workers = scrape_jobs.worker_jobs(
            self._charm,
            self._workers,
            metrics_port=self._worker_metrics_port,
            scheme="https" if self.cluster.published_tls() else "http",
            proxy=self._served_proxy,
        )
        exporters = peers.exporters(self._charm, self._peer_relation, self._own_exporter)
        of_nginx = scrape_jobs.nginx_jobs(self._charm, exporters, exporter_port=self.nginx_exporter.port)
        prometheus_scrape.publish(
            self._charm,
            [*of_workers, *of_nginx],
            self._metrics_rules() if self._charm.unit.is_leader() else None,
            relation_name=name,
            address=self.hostname,
        )

    def _metrics_rules(self) -> dict[str, object]:
        return alert_rules.metrics_rules(
            self._charm,
            self._worker_apps,
            problems=sum(not isinstance(status, ops.ActiveStatus) for status in self._statuses()),
            certificate=self._certificates.lifetime,
            proxied=self._served_proxy is not None,
        )

    def _publish_to_workers(self) -> None:
        if not self._charm.unit.is_leader():
            return
        if self._workers_keep_former_tls:
            logger.info("workers keep what the former leader sent: waiting for a certificate of this unit")
            return
        tls = self._tls_for_workers()
        self.cluster.publish_data(
            worker_config=self._workers_config_getter(),
            secrets={"s3-secret-key": self.s3_connection_info.secret_key} if self.s3_ready else None,
            s3_tls_ca_chain=self.s3_connection_info.ca_cert if self.s3_ready else None,
            loki_endpoints=self.loki_endpoints_by_unit,
            charm_tracing_receivers=self._charm_tracing_receivers_urls,
            workload_tracing_receivers=self._workload_tracing_receivers_urls,
            remote_write_endpoints=self.remote_write_endpoints,
            worker_labels=self._worker_labels,
            **(dataclasses.asdict(tls) if tls else {}),
        )

    def _tls_for_workers(self) -> PublishedTLS | None:
        """Return the certificate and its key; without a new one, those that workers have."""
        tls = self.tls_config
        if not tls:
            return None
        if tls == self._kept_tls_config:
            return self.cluster.published_tls()
        label = self._certificates.grantable_key(self.cluster.unit_names)
        key_id = self.cluster.grant_privkey(label) if label else None
        return PublishedTLS(tls.ca_cert, tls.server_cert, key_id) if key_id else None

    @property
    def _own_exporter(self) -> NginxExporter:
        return NginxExporter(self.hostname, "https" if self.tls_available else "http")
