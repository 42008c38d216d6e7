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
import re
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypedDict

import ops
import yaml

from k8s_charm import Deadline, ScaleDown

from . import pebble
from ._compatibility import BASE_DIR, PublishedWorkerNames
from .events import actions, reconciled_hooks
from .interfaces.cluster import ClusterRequirer
from .kubernetes.access import KubernetesAccess
from .kubernetes.pod_labels import reconcile_charm_labels
from .kubernetes.resources import KubernetesComputeResourcesPatch
from .readiness import Readiness, ServiceEndpointStatus, probe
from .startup import Startup
from .telemetry.log_forwarding import forward_logs
from .text import fitted
from .worker_layer import complete_layer
from .worker_ports import WorkerPorts
from .worker_publishing import publish_worker
from .worker_status import WorkerFindings, missing_statuses, running_status
from .workload import (
    CERT_FILE,
    CLIENT_CA_FILE,
    CONFIG_FILE,
    KEY_FILE,
    ROOT_CA_CERT,
    S3_TLS_CA_CHAIN_FILE,
    WorkloadContainer,
)

if TYPE_CHECKING:
    from cosl import JujuTopology

__all__ = [
    "BASE_DIR",
    "CERT_FILE",
    "CLIENT_CA_FILE",
    "CONFIG_FILE",
    "KEY_FILE",
    "ROOT_CA_CERT",
    "S3_TLS_CA_CHAIN_FILE",
    "EndpointMapping",
    "NoReadinessCheckEndpointConfiguredError",
    "ResourceLimitOptions",
    "ServiceEndpointStatus",
    "Worker",
    "WorkerError",
]

logger = logging.getLogger(__name__)

_ROLE_OPTION = "role-"
_PROBE_SECONDS = 3.0
_VERSION_SECONDS = 10.0


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


class _NotYetError(Exception):
    """The workload can't be brought up to date now; what runs, runs on."""

    def __init__(self, status: ops.StatusBase):
        super().__init__(status.message)
        self.status = status


class Worker(PublishedWorkerNames, ops.Object):
    """The part of a worker charm that runs its services in a cluster.

    At the end of each hook everything is made as the coordinator and the operator want it; what stands in
    the way is in the unit's status, and is tried again at the next event.

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

    def __init__(
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
            raise ValueError("resources_requests needs a container_name: whose requests are they?")
        self._charm = charm
        self._name = name
        self._pebble_layer = pebble_layer
        self._endpoint = endpoints["cluster"]
        self._readiness_check_endpoint = readiness_check_endpoint
        self._taken_by_itself = (CERT_FILE, KEY_FILE) if takes_new_certificates else ()
        self._container = charm.unit.get_container(name)
        self._deadline = Deadline()
        self._kubernetes = KubernetesAccess(charm, self._deadline)
        self._departure = ScaleDown(charm, "worker-departure")
        self._startup = Startup(charm, "worker-startup")
        self._ports = WorkerPorts(charm, "worker-ports")
        self._workload = WorkloadContainer(self._container, self._deadline)
        self._problems: list[ops.StatusBase] = []
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

    @functools.cached_property
    def topology(self) -> "JujuTopology":
        """Return the Juju topology of this unit, for labels on telemetry."""
        from cosl import JujuTopology

        return JujuTopology.from_charm(self._charm)

    @property
    def roles(self) -> list[str]:
        """The roles that the operator has given to this application, in the order of its configuration."""
        return [
            option.removeprefix(_ROLE_OPTION)
            for option, value in self._charm.config.items()
            if option.startswith(_ROLE_OPTION) and value is True
        ]

    @property
    def _role_options(self) -> list[str]:
        options = {*self._charm.meta.config, *self._charm.config}
        return sorted(option for option in options if option.startswith(_ROLE_OPTION))

    @property
    def pebble_layer(self) -> ops.pebble.Layer | None:
        """The charm's layer for the services; None if the charm fails to give one, which is logged."""
        try:
            return self._pebble_layer(self)
        except Exception:  # an error in the charm's code must not stop the rest
            logger.exception("the charm fails to give the Pebble layer")
            return None

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

    def is_ready(self) -> bool:
        """Return whether the worker has all that it needs to run: container, role and configuration."""
        return self._container.can_connect() and self._has_purpose

    def restart(self) -> bool:
        """Restart the services of the layer, or start those that do not run.

        Returns:
            Whether they were started. They may not be ready yet: see `status`.
        """
        layer = self.pebble_layer
        if not layer or not layer.services or not self.roles:
            return False
        try:
            if self._running_worker_config() is None:
                return False
            self._container.restart(*layer.services)
        except ops.pebble.Error as error:
            self._problems.append(self._container_status(error))
            return False
        return True

    def stop(self) -> None:
        """Stop all services of the container.

        Raises:
            ops.pebble.Error: if the container can't be reached.
        """
        self._workload.stop()

    def running_version(self) -> str | None:
        """Return the workload's version, as `/bin/NAME -version` prints it; None if it does not."""
        try:
            command = [f"/bin/{self._name}", "-version"]
            output = pebble.run(self._container, command, self._deadline, at_most=_VERSION_SECONDS)
        except ops.pebble.Error as error:
            logger.info("can't tell the workload's version: %s", _in_one_line(error))
            return None
        match = re.search(r"[Vv]ersion:?\s*(\S+)", output)
        return match[1] if match else None

    def charm_tracing_config(self) -> tuple[str | None, str | None]:
        """Return the endpoint of this charm's traces, OTLP over HTTP, and the path of the CA to trust there.

        There is no CA for plain HTTP, and for HTTPS no endpoint without a CA.
        """
        endpoint, ca_cert = self._charm_tracing()
        if not ca_cert:
            return endpoint, None
        file = self._charm.charm_dir / "charm-tracing-ca.crt"
        file.write_text(ca_cert)
        return endpoint, str(file)

    @property
    def _worker_config(self) -> dict[str, Any]:
        """The configuration to write; a subclass may change the coordinator's."""
        return self.cluster.get_worker_config()

    @property
    def _changes_config(self) -> bool:
        """Return whether a subclass changes the configuration."""
        return type(self)._worker_config is not Worker._worker_config

    @property
    def _has_purpose(self) -> bool:
        """Return whether there is something to run: a role and a configuration for it."""
        return bool(self.roles) and self._has_config

    @property
    def _has_config(self) -> bool:
        return bool(self._worker_config if self._changes_config else self.cluster.get_worker_config_text())

    @property
    def _not_understood(self) -> str | None:
        """Return the reason why the coordinator's databag is unusable; None if it is usable, or empty."""
        return self.cluster.unreadable or (
            self.cluster.config_problem
            if self._changes_config and not self.cluster.get_worker_config()
            else None
        )

    def _config_text(self) -> str:
        """Return the text to write: the coordinator's own, unless a subclass changes it."""
        if self._changes_config:
            return yaml.safe_dump(self._worker_config)
        return self.cluster.get_worker_config_text() or ""

    def _on_pebble_ready(self, _: ops.PebbleReadyEvent) -> None:
        if version := self.running_version():
            self._charm.unit.set_workload_version(version)

    def _on_hook(self, _: ops.EventBase) -> None:
        # Its view of the coordinator is not reliable then; it serves until it is removed.
        if self._departure.is_under_way:
            return
        publish_worker(self._charm, self.cluster, socket.getfqdn(), self.roles)
        self._setup_charm_tracing()
        forward_logs(self._charm, self.cluster.get_loki_endpoints())
        if not self._not_understood:
            self._ports.reconcile(self.cluster.get_worker_ports() or () if self._has_purpose else ())
        self._problems = []
        self._problems += self._reconcile_workload()
        self._problems += self._reconcile_charm_labels()

    def _setup_charm_tracing(self) -> None:
        if ops.tracing is None:
            return
        endpoint, ca_cert = self._charm_tracing()
        url = f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None
        ops.tracing.set_destination(url=url, ca=ca_cert)

    def _charm_tracing(self) -> tuple[str | None, str | None]:
        """Return the endpoint, and the CA that is to be trusted there as PEM text."""
        endpoint = self.cluster.get_charm_tracing_receivers().get("otlp_http", "")
        if endpoint.startswith("http://"):
            return endpoint, None
        if endpoint.startswith("https://") and self._ca_cert:
            return endpoint, self._ca_cert
        return None, None

    @property
    def _ca_cert(self) -> str | None:
        tls = self.cluster.get_tls_data(allow_none=True)
        return tls.ca_cert if tls else None

    def _reconcile_workload(self) -> list[ops.StatusBase]:
        """Apply the desired state to the container, and return the problems."""
        if not self._container.can_connect() or self._not_understood:
            return []
        try:
            if self.is_ready():
                self._run_workload()
            else:
                self._workload.clear()
        except _NotYetError as error:
            return [error.status]
        except ops.pebble.Error as error:
            return [self._container_status(error)]
        return []

    def _container_status(self, error: ops.pebble.Error) -> ops.StatusBase:
        problem = f"container {self._name}: {_in_one_line(error)}"
        logger.warning(problem)
        return ops.WaitingStatus(problem)

    def _run_workload(self) -> None:
        files, layer = self._files(), self._whole_layer()
        if self._workload.reconcile(files, layer, taken_by_itself=self._taken_by_itself):
            self.restart()

    def _reconcile_charm_labels(self) -> list[ops.StatusBase]:
        """Set labels, CPU and memory of the pods, and return the problems with labels."""
        if not self.cluster.unreadable:
            labels = self.cluster.get_worker_labels()
            return reconcile_charm_labels(self._kubernetes, labels, resources=self.resources_patch)
        if self.resources_patch:
            self.resources_patch.reconcile()
        return []

    def _files(self) -> dict[str, str | None]:
        """Path → text of each file that the workload may have; None: it is not to be there."""
        files: dict[str, str | None] = {CONFIG_FILE: self._config_text()}
        if tls := self.cluster.get_tls_data(allow_none=True):
            key = self._private_key(tls.privkey_secret_id) if tls.privkey_secret_id else None
            files |= {
                CLIENT_CA_FILE: tls.ca_cert,
                ROOT_CA_CERT: tls.ca_cert,
                CERT_FILE: tls.server_cert,
                KEY_FILE: key,
                S3_TLS_CA_CHAIN_FILE: tls.s3_tls_ca_chain,
            }
        return files

    def _private_key(self, secret_id: str) -> str:
        try:
            return self.model.get_secret(id=secret_id).get_content(refresh=True)["private-key"]
        except (ops.ModelError, KeyError) as error:
            # neither its id nor the error's text, in which it is: it may be any text
            logger.warning("can't read the secret with the private key: %s", type(error).__name__)
            status = ops.WaitingStatus("waiting for the coordinator to grant the secret with the private key")
            raise _NotYetError(status) from error

    def _whole_layer(self) -> ops.pebble.Layer:
        """Return the charm's layer, with the readiness check and the model's proxies."""
        charm_layer = self.pebble_layer
        if charm_layer is None:
            raise _NotYetError(ops.BlockedStatus("the charm fails to say what to run: see juju debug-log"))
        return complete_layer(charm_layer, self._readiness_url(), self.readiness_check_name)

    def _readiness_url(self) -> str | None:
        if callable(self._readiness_check_endpoint):
            return self._readiness_check_endpoint(self)
        return self._readiness_check_endpoint

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
        """Return whether Pebble's readiness check has failed as often as it may."""
        if not self._readiness_check_endpoint:
            return False
        check = self._container.get_checks(self.readiness_check_name).get(self.readiness_check_name)
        return check is not None and check.status is ops.pebble.CheckStatus.DOWN

    def _running_worker_config(self) -> str | None:
        """Return the configuration that the workload has, as text; None if it has none."""
        try:
            return self._container.pull(CONFIG_FILE).read()
        except ops.pebble.PathError:
            return None

    def _services_down(self) -> str:
        """Return the reason why the workload can't answer yet; empty if there is none."""
        if not self._container.can_connect():
            return f"container {self._name} is not up yet"
        if self._running_worker_config() is None:
            return "there is no configuration"
        layer = self.pebble_layer
        if layer is None:
            return "the charm fails to say what to run"
        down = self._workload.services_down(layer)
        return f"not running: {', '.join(down)}" if down else ""

    def _on_collect_status(self, event: ops.CollectStatusEvent) -> None:
        statuses = [*self._missing(), *self._problems]
        if self.resources_patch and (status := self.resources_patch.get_status()).name != "active":
            statuses.insert(0, status)
        for status in statuses or [running_status(self._readiness(), self.roles, self.cluster.refused())]:
            event.add_status(fitted(status))

    def _missing(self) -> Iterator[ops.StatusBase]:
        found = WorkerFindings(
            app=self._charm.app.name,
            endpoint=self._endpoint,
            coordinators=len(self.model.relations[self._endpoint]),
            roles=self.roles,
            role_option=self._role_options[0],
            container=self._name,
            is_reachable=self._container.can_connect(),
            invalid=self._not_understood,
            has_config=self._has_config,
        )
        return missing_statuses(found, self._startup)


def _in_one_line(error: ops.pebble.Error) -> str:
    # The text of a ChangeError goes on with what the services printed, which may be private.
    text = error.err if isinstance(error, ops.pebble.ChangeError) else str(error)
    return text.strip().rpartition("\n")[2].removeprefix("- ")[:150]
