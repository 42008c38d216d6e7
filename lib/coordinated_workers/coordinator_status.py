"""The statuses of a coordinator's unit, the most severe of which Juju shows."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import ops

from cos_interfaces import loki_push_api, prometheus_scrape
from cos_interfaces.s3 import S3NotFoundError
from relation_data import in_short, shown_name

from .coordinator_containers import CoordinatorContainers
from .kubernetes.resources import KubernetesComputeResourcesPatch
from .startup import Startup
from .telemetry import publishing


@dataclass(frozen=True)
class CoordinatorFindings:
    """The findings of a hook that a coordinator's status depends on."""

    cluster_endpoint: str
    has_workers: bool
    is_coherent: bool
    missing_roles: Iterable[str]
    store_problem: str | None
    """The reason why there is no object store; None if there is one, or the charm uses none."""
    certificate_problem: str | None
    mesh_problem: str | None
    resources: ops.StatusBase
    problems: Iterable[ops.StatusBase]
    """The statuses of the requests to Kubernetes that failed."""
    containers: Mapping[str, bool]
    """Container → whether it can be reached."""
    nginx_problems: Iterable[str]
    remarks: Iterable[str]
    """Remarks that are not the coordinator's own problems, shown when there are no problems."""


def coordinator_statuses(
    found: CoordinatorFindings, startup: Startup, *, default_message: str
) -> Iterator[ops.StatusBase]:
    """Return a status for each finding, and an active one with the default message and the remarks."""
    if not found.has_workers:
        yield startup.status(f"no workers: integrate a worker over {found.cluster_endpoint!r}")
    elif not found.is_coherent:
        missing = ", ".join(sorted(found.missing_roles))
        yield startup.status(
            f"no worker has the role {missing}" if missing else "the cluster is not coherent"
        )
    if found.store_problem:
        yield startup.status(f"s3: {found.store_problem}")
    if found.certificate_problem:
        yield ops.BlockedStatus(found.certificate_problem)
    if found.mesh_problem:
        yield ops.BlockedStatus(f"invalid data from the mesh: {found.mesh_problem}")
    if not isinstance(found.resources, ops.ActiveStatus):
        yield found.resources
    yield from found.problems
    for container, is_reachable in found.containers.items():
        if not is_reachable:
            yield ops.WaitingStatus(f"waiting for container {container}")
    for problem in found.nginx_problems:
        yield ops.BlockedStatus(f"nginx: {problem}")
    yield ops.ActiveStatus(in_short([text for text in (default_message, *found.remarks) if text]))


class CoordinatorProblems(CoordinatorContainers):
    """The part of `Coordinator` that reports problems and remarks."""

    _default_active_message = ""
    _default_degraded_message = "degraded: fewer workers than recommended"

    _problems: list[ops.StatusBase]
    _startup: Startup
    resources_patch: KubernetesComputeResourcesPatch | None

    def _statuses(self) -> Iterator[ops.StatusBase]:
        has_no_store = self._endpoints.s3 and isinstance(self._s3, S3NotFoundError)
        found = CoordinatorFindings(
            cluster_endpoint=self._endpoints.cluster,
            has_workers=self.cluster.has_workers,
            is_coherent=self.cluster.has_workers and self.is_coherent,
            missing_roles=self.missing_roles,
            store_problem=str(self._s3) if has_no_store else None,
            certificate_problem=self._certificates.problem,
            mesh_problem=self._mesh_problem,
            resources=self.resources_patch.get_status() if self.resources_patch else ops.ActiveStatus(),
            problems=self._problems,
            containers={
                name: self._is_reachable(name) for name in ("nginx", self.nginx_exporter.container_name)
            },
            nginx_problems=[
                service.problem for service in (self.nginx, self.nginx_exporter) if service.problem
            ],
            remarks=self._remarks(),
        )
        is_degraded = self.is_recommended is False
        message = self._default_degraded_message if is_degraded else self._default_active_message
        return coordinator_statuses(found, self._startup, default_message=message)

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
            for name, reason in publishing.invalid_files(self._charm).items():
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
