"""The statuses of a coordinator's unit, the most severe of which Juju shows."""

import functools
from collections.abc import Iterator

import ops

from cos_interfaces import loki_push_api, prometheus_scrape
from cos_interfaces.s3 import S3NotFoundError
from k8s_charm import Startup
from relation_data import Message, in_short, shown_name

from .coordinator_telemetry import CoordinatorTelemetry
from .kubernetes.resources import KubernetesComputeResourcesPatch
from .telemetry import alert_rules, dashboards


class CoordinatorProblems(CoordinatorTelemetry):
    """The part of `Coordinator` that reports problems and remarks."""

    _default_active_message = ""
    _default_degraded_message = "degraded: fewer workers than recommended"

    _problems: list[ops.StatusBase]
    _startup: Startup
    resources_patch: KubernetesComputeResourcesPatch | None

    def _statuses(self) -> Iterator[ops.StatusBase]:
        """Return a status for each problem, and an active one with the remarks."""
        app = self._charm.app.name
        if not self.cluster.has_workers:
            command = f"juju integrate {app}:{self._endpoints.cluster} WORKER"
            yield self._startup.status(Message("no workers", remedy=command))
        elif not self.is_coherent:
            missing = ", ".join(sorted(self.missing_roles))
            cause = f"no worker has the role {missing}" if missing else "the cluster is not coherent"
            yield self._startup.status(Message(cause))
        if (store := self._endpoints.s3) and not self._is_related(store):
            command = f"juju integrate {app}:{store} STORE"
            yield self._startup.status(Message("no object store", remedy=command))
        elif store and isinstance(self._s3, S3NotFoundError):
            yield self._startup.status(Message("s3", str(self._s3)))
        if problem := self._certificates.problem:
            yield problem.blocked()
        elif self._workers_keep_former_tls:
            yield Message("waiting for a certificate: workers keep that of the former leader").waiting()
        if self._mesh_problem:
            yield Message("invalid data from the mesh", self._mesh_problem).blocked()
        if self.resources_patch and (status := self.resources_patch.get_status()).name != "active":
            yield status
        yield from self._problems
        for container in ("nginx", self.nginx_exporter.container_name):
            if not self._is_reachable(container):
                yield Message(f"waiting for container {container}").waiting()
        for service in (self.nginx, self.nginx_exporter):
            if service.problem:
                yield Message("nginx", service.problem).blocked()
        is_degraded = self.is_recommended is False
        message = self._default_degraded_message if is_degraded else self._default_active_message
        yield ops.ActiveStatus(in_short(list(filter(None, (message, *self._remarks())))))

    def _remarks(self) -> Iterator[str]:
        for name, reason in self.cluster.refused().items():
            yield f"ignored {name}: {reason}"
        if proxy := self._telemetry_proxy:
            yield from map(str, proxy.refused)
            for backend in proxy.renamed:
                yield f"remote-write: another backend has the name of {backend}"
        if self._is_related(self._endpoints.certificates):
            yield from self._certificate_remarks()
        yield from self._invalid_files()
        for name, error in self._rejected_rules.items():
            yield f"{name} rejected alert rules: {error}"

    def _invalid_files(self) -> Iterator[str]:
        endpoints = (self._endpoints.metrics, self._endpoints.logging, self._endpoints.grafana_dashboards)
        if self._charm.unit.is_leader() and any(map(self._is_related, endpoints)):
            files = {**alert_rules.invalid_files(self._charm), **dashboards.invalid_files(self._charm)}
            for name, reason in files.items():
                yield f"invalid file {name} is not sent: {reason}"

    @functools.cached_property
    def _rejected_rules(self) -> dict[str, str]:
        scrapers, logs = self._endpoints.metrics, self._endpoints.logging
        return {
            **(prometheus_scrape.rejections(self._charm, relation_name=scrapers) if scrapers else {}),
            **(loki_push_api.rejections(self._charm, relation_name=logs) if logs else {}),
        }

    def _certificate_remarks(self) -> Iterator[str]:
        if self._is_in_mesh:
            yield "certificates are not used: the mesh encrypts"
            return
        for name, address in self._worker_names.others.items():
            yield f"certificate does not include {name}: {shown_name(address)} is not its own name"
