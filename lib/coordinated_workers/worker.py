"""A worker of a cluster: runs its services as the coordinator configures them.

For example::

    class StoreCharm(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            self.worker = Worker(
                self,
                name="store",
                pebble_layer=self._layer,
                endpoints={"cluster": "store-cluster"},
                readiness_check_endpoint=f"http://{socket.getfqdn()}:8080/ready",
            )

        def _layer(self, worker: Worker) -> ops.pebble.Layer:
            command = f"/bin/store --config={CONFIG_FILE} --roles={','.join(worker.roles)}"
            return ops.pebble.Layer({"services": {"store": {"override": "replace", "command": command}}})

charmcraft.yaml has the container `store`, the relation `store-cluster`, and a boolean config option
`role-NAME` for each role that the worker can take on.
"""

import functools
import logging
import socket
from collections.abc import Callable, Iterator
from typing import TypedDict

import ops

from cos_interfaces import tracing
from k8s_charm import Deadline, ScaleDown, Startup
from relation_data import Message

from ._compatibility import BASE_DIR, ROOT_CA_CERT_PATH
from ._compatibility import name_for_tests as __getattr__  # noqa: F401 - Python calls it
from .events import actions, reconciled_hooks
from .interfaces.cluster import ClusterRequirer
from .interfaces.cluster import TLSData as TLSData
from .kubernetes.access import KubernetesAccess
from .kubernetes.pod_labels import reconcile_charm_labels
from .kubernetes.resources import KubernetesComputeResourcesPatch
from .readiness import Readiness, ServiceEndpointStatus, probe
from .telemetry.log_forwarding import forward_logs
from .worker_ports import WorkerPorts
from .worker_status import running_status
from .worker_workload import WorkerWorkload
from .workload import (
    CERT_FILE,
    CLIENT_CA_FILE,
    CONFIG_FILE,
    KEY_FILE,
    ROOT_CA_CERT,
    S3_TLS_CA_CHAIN_FILE,
    WorkloadContainer,
)

__all__ = [
    "BASE_DIR",
    "CERT_FILE",
    "CLIENT_CA_FILE",
    "CONFIG_FILE",
    "KEY_FILE",
    "ROOT_CA_CERT",
    "ROOT_CA_CERT_PATH",
    "S3_TLS_CA_CHAIN_FILE",
    "EndpointMapping",
    "NoReadinessCheckEndpointConfiguredError",
    "ResourceLimitOptions",
    "ServiceEndpointStatus",
    "Worker",
    "WorkerError",
]

logger = logging.getLogger(__name__)

_PROBE_SECONDS = 3.0


class EndpointMapping(TypedDict):
    """The names of the worker's relations in charmcraft.yaml."""

    cluster: str


class ResourceLimitOptions(TypedDict, total=False):
    """The names of the config options that limit the container's resources."""

    cpu_limit: str
    memory_limit: str


class WorkerError(Exception):
    """The charm does not have what a worker needs."""


class NoReadinessCheckEndpointConfiguredError(Exception):
    """The readiness of the workload is unknown: no endpoint was given."""


class Worker(WorkerWorkload):
    """The part of a worker charm that runs its services in a cluster.

    Each hook ends with the state that the coordinator and the operator desire. The unit's status names any
    problem, and the next event tries again.

    A subclass may change the configuration that is written (by `_worker_config`), and when the worker is
    ready to run (by `is_ready`).

    Args:
        charm: the worker's charm.
        name: the workload's container.
        pebble_layer: gives the layer to run; called with this object.
        endpoints: `{"cluster": …}`, the name of the relation to the coordinator.
        readiness_check_endpoint: a URL that answers `ready` when the workload is, or what gives the URL when
            called with this object. Pebble checks it, as `ready`. Without one, services that run are ready.
        resources_limit_options: `cpu_limit` and `memory_limit` → the names of the config options, if others.
        resources_requests: gives the CPU and memory to request, as `{"cpu": "50m", "memory": "100Mi"}`;
            called with this object. Without it, neither requests nor limits are set.
        container_name: the container to set requests and limits of.
        takes_new_certificates: whether the services read a certificate and its key anew when the files
            change; otherwise they are restarted.

    Raises:
        ValueError: if there are `resources_requests` but no `container_name`.
        WorkerError: if charmcraft.yaml has no config option `role-NAME`.
    """

    def __init__(  # noqa: PLR0913 - published
        self,
        charm: ops.CharmBase,
        name: str,
        pebble_layer: Callable[["Worker"], ops.pebble.Layer],
        endpoints: EndpointMapping,
        readiness_check_endpoint: str | Callable[["Worker"], str] | None = None,
        resources_limit_options: ResourceLimitOptions | None = None,
        resources_requests: Callable[["Worker"], dict[str, str]] | None = None,
        container_name: str | None = None,
        takes_new_certificates: bool = False,
    ):
        super().__init__(charm, key="worker")
        if resources_requests and container_name is None:
            raise ValueError("resources_requests needs a container_name")
        self._charm = charm
        self._name = name
        self._pebble_layer = functools.partial(pebble_layer, self)
        self._endpoint = endpoints["cluster"]
        self._readiness_check_endpoint = (
            functools.partial(readiness_check_endpoint, self)
            if callable(readiness_check_endpoint)
            else readiness_check_endpoint
        )
        self._reread = (CERT_FILE, KEY_FILE) if takes_new_certificates else ()
        self._container = charm.unit.get_container(name)
        self._deadline = Deadline()
        self._kubernetes = KubernetesAccess(charm, self._deadline)
        self._departure = ScaleDown(charm, "worker-departure")
        self._startup = Startup(charm, "worker-startup")
        self._ports = WorkerPorts(charm)
        self._workload = WorkloadContainer(self._container, self._deadline)
        self._problems: list[ops.StatusBase] = []
        self._checks_pods = False
        if not self._role_options:
            raise WorkerError("charmcraft.yaml needs a boolean config option role-NAME for each role")

        self.cluster = ClusterRequirer(charm, endpoint=self._endpoint)
        self.resources_patch = (
            KubernetesComputeResourcesPatch(
                self._kubernetes, container_name, lambda: resources_requests(self), resources_limit_options
            )
            if resources_requests and container_name
            else None
        )
        """CPU and memory of the container; None if the charm requests none."""

        for event in (*reconciled_hooks(charm), *actions(charm)):
            self.framework.observe(event, self._on_hook)
        self.framework.observe(charm.on[name].pebble_ready, self._on_pebble_ready)
        self.framework.observe(charm.on.collect_unit_status, self._on_collect_status)
        # before the rest of the charm, which may open ports of its own while the coordinator names none
        if not (self.cluster.get_worker_ports() or self.cluster.data_error or self._departure.is_under_way):
            self._ports.reconcile(())

    @property
    def status(self) -> ServiceEndpointStatus:
        """Return the state of the services, by Pebble and by the readiness endpoint."""
        return self._readiness().status

    def check_readiness(self) -> ServiceEndpointStatus:
        """Return the readiness of the workload, by its readiness endpoint.

        Raises:
            NoReadinessCheckEndpointConfiguredError: if there is none.
        """
        return self._probe().status

    def _on_pebble_ready(self, _: ops.PebbleReadyEvent) -> None:
        if version := self.running_version():
            try:
                self._charm.unit.set_workload_version(version)
            except ops.ModelError as error:
                logger.warning("cannot set the workload's version: %s", str(error).strip())

    def _on_hook(self, event: ops.EventBase) -> None:
        # Its view of the coordinator is not reliable then; it serves until it is removed.
        if self._departure.is_under_way:
            return
        self._publish()
        tracing.trace_charm(*self._charm_tracing())
        forward_logs(self._charm, self.cluster.get_loki_endpoints())
        if (named := self.cluster.get_worker_ports()) and not self._data_problem:
            self._ports.reconcile(named if self._has_purpose else ())
        self._problems = []
        self._problems += self._reconcile_workload()
        self._checks_pods = isinstance(event, ops.UpdateStatusEvent)
        self._problems += self._reconcile_charm_labels()

    def _publish(self) -> None:
        """Publish the address of this unit, and as the leader the roles of the application."""
        try:
            self.cluster.publish_unit_address(socket.getfqdn())
            if self._charm.unit.is_leader():
                self.cluster.publish_app_roles(self.roles)
        except (ops.ModelError, ValueError) as error:
            # Before the install hook Juju may not let a unit write yet, nor know its name.
            logger.warning("cannot publish this unit to the coordinator: %s", error)

    def _reconcile_charm_labels(self) -> list[ops.StatusBase]:
        """Set labels, CPU and memory of the pods, and return the problems with labels."""
        if not self.cluster.data_error:
            labels = self.cluster.get_worker_labels()
            return reconcile_charm_labels(
                self._kubernetes, labels, with_pods=self._checks_pods, resources=self.resources_patch
            )
        if self.resources_patch:
            self.resources_patch.reconcile()
        return []

    def _probe(self) -> Readiness:
        url = self._readiness_url()
        if not url:
            raise NoReadinessCheckEndpointConfiguredError
        return probe(url, self._ca_cert, timeout=self._deadline.seconds(_PROBE_SECONDS))

    def _readiness(self) -> Readiness:
        try:
            down = self._services_down()
        except ops.pebble.Error as error:
            return Readiness(ServiceEndpointStatus.down, str(error))
        if down:
            return Readiness(ServiceEndpointStatus.down, down)
        return self._probe() if self._is_readiness_check_failing() else Readiness(ServiceEndpointStatus.up)

    def _is_readiness_check_failing(self) -> bool:
        """Return whether Pebble's readiness check has reached its threshold of failures."""
        if not self._readiness_check_endpoint:
            return False
        check = self._container.get_checks(self.readiness_check_name).get(self.readiness_check_name)
        return check is not None and check.status is ops.pebble.CheckStatus.DOWN

    def _on_collect_status(self, event: ops.CollectStatusEvent) -> None:
        statuses = [*self._missing(), *self._problems]
        if self.resources_patch and (status := self.resources_patch.get_status()).name != "active":
            statuses.insert(0, status)
        for status in statuses or [running_status(self._readiness(), self.roles, self.cluster.refused())]:
            event.add_status(status)

    def _missing(self) -> Iterator[ops.StatusBase]:
        """Return a status for each thing that the worker lacks and needs to run."""
        app, coordinators = self._charm.app.name, len(self.model.relations[self._endpoint])
        if coordinators == 0:
            command = f"juju integrate {app}:{self._endpoint} COORDINATOR"
            yield self._startup.status(Message("no coordinator", remedy=command))
        elif coordinators > 1:
            cause = f"{coordinators} coordinators over {self._endpoint}"
            yield Message(cause, remedy="keep only one").blocked()
        if not self.roles:
            command = f"juju config {app} {self._role_options[0]}=true"
            yield Message("no role set", remedy=command).blocked()
        if not self._container.can_connect():
            yield Message(f"waiting for container {self._name}").waiting()
        if coordinators and self._data_problem:
            yield Message("invalid data from the coordinator", self._data_problem).blocked()
        elif coordinators and not self._has_config:
            yield ops.WaitingStatus("waiting for the coordinator's configuration")
