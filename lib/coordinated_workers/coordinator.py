"""The coordinator of a cluster: it connects its workers and represents them to other charms.

For example::

    class ShopCharm(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            self.coordinator = Coordinator(
                self,
                roles_config=ClusterRolesConfig(
                    roles={"all", "api", "store"},
                    meta_roles={"all": {"api", "store"}},
                    minimal_deployment={"api", "store"},
                ),
                external_url="http://shop.example",
                worker_metrics_port=8080,
                endpoints={"cluster": "shop-cluster", "s3": "s3", "metrics": "metrics-endpoint"},
                nginx_config=NginxConfig(
                    "shop.example",
                    upstream_configs=[NginxUpstream("api", port=8080, worker_role="api")],
                    server_ports_to_locations={80: [NginxLocationConfig("/", backend="api")]},
                ),
                workers_config=self._workers_config,
            )

        def _workers_config(self, coordinator: Coordinator) -> str:
            stores = coordinator.cluster.gather_addresses_by_role()["store"]
            return yaml.safe_dump({"stores": sorted(stores), "bucket": coordinator.s3_connection_info.bucket})

charmcraft.yaml has these relations, and the containers `nginx` and `nginx-prometheus-exporter`.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import ops

from charmlibs.interfaces.service_mesh import AppPolicy, UnitPolicy
from cos_interfaces import catalogue
from cos_interfaces.s3 import S3ConnectionInfo, S3NotFoundError
from k8s_charm import Deadline, ScaleDown, Startup, planned_units

from . import peers, service_mesh
from ._compatibility import (
    CONSOLIDATED_LOGS_ALERT_RULES_PATH,
    CONSOLIDATED_METRICS_ALERT_RULES_PATH,
    NGINX_ORIGINAL_METRICS_ALERT_RULES_PATH,
    ORIGINAL_LOGS_ALERT_RULES_PATH,
    PEER_RELATION_DEFAULT_NAME,
    WORKER_ORIGINAL_METRICS_ALERT_RULES_PATH,
)
from ._compatibility import name_for_tests as __getattr__  # noqa: F401 - Python calls it
from .coordinator_publishing import CoordinatorPublishing
from .endpoints import EndpointMapping, Endpoints
from .events import actions, reconciled_hooks
from .interfaces.cluster import ClusterProvider, RemoteWriteEndpoint
from .kubernetes.access import KubernetesAccess
from .kubernetes.pod_labels import reconcile_charm_labels, take_over_labels
from .kubernetes.resources import KubernetesComputeResourcesPatch
from .models import TLSConfig as TLSConfig
from .nginx import NginxConfig, NginxMappingOverrides, NginxPrometheusExporter, nginx_class
from .roles import ClusterRolesConfig, ClusterRolesConfigError
from .telemetry.routes import WorkerTelemetryProxyConfig
from .telemetry.tracing import TracingRequirer
from .tls import Certificates

__all__ = [
    "CONSOLIDATED_LOGS_ALERT_RULES_PATH",
    "CONSOLIDATED_METRICS_ALERT_RULES_PATH",
    "NGINX_ORIGINAL_METRICS_ALERT_RULES_PATH",
    "ORIGINAL_LOGS_ALERT_RULES_PATH",
    "PEER_RELATION_DEFAULT_NAME",
    "WORKER_ORIGINAL_METRICS_ALERT_RULES_PATH",
    "ClusterRolesConfig",
    "ClusterRolesConfigError",
    "Coordinator",
    "EndpointMapping",
    "S3ConnectionInfo",
    "S3NotFoundError",
]

# Only Juju sets these.
_NOT_FOR_CHARMS = ("error", "unknown")


class Coordinator(CoordinatorPublishing):
    """The part of a coordinator charm that is the same for every cluster.

    Every event ends in one reconcile, which reads all relations and applies the desired state: nginx's
    configuration, data for workers and observability charms, labels and policies in Kubernetes.
    The unit's status reports what is missing. The charm itself opens ports and follows its own relations.

    Args:
        charm: the coordinator's charm.
        roles_config: the roles of the cluster.
        external_url: where users reach the coordinator: at an ingress if there is one.
        worker_metrics_port: the port at which each worker serves /metrics.
        endpoints: the names of the charm's relations; see `EndpointMapping`.
        nginx_config: what nginx serves; this package's or that of charmlibs-nginx-k8s.
        workers_config: called with the coordinator, gives the text of the workers' configuration. It is
            called only when the cluster is coherent and has its object store.
        worker_ports: role → the ports that a worker of the role opens.
        nginx_options: ports of nginx and its exporter that are not the usual ones.
        is_coherent: called with `cluster` and `roles_config`, decides in place of the minimal deployment.
        is_recommended: likewise, in place of the recommended deployment.
        resources_limit_options: the names of the config options that limit the container's resources;
            `cpu_limit` and `memory_limit` if None.
        resources_requests: called with the coordinator, gives what the container asks for: `{"cpu": "50m"}`.
        container_name: the container that limits and requests are for; goes with `resources_requests`.
        remote_write_endpoints: gives the backends that workers may push metrics to.
        workload_tracing_protocols: the protocols in which workers send traces.
        catalogue_item: what the catalogue shows of this application.
        worker_telemetry_proxy_config: the port at which the coordinator proxies its workers' telemetry;
            None: the workers get the addresses of the backends themselves.
        charm_mesh_policies: who else may reach the coordinator: `AppPolicy` and `UnitPolicy`, also those of
            another library.
        peer_relation: the name of the peer relation; a charm of one unit may be without.

    Raises:
        ValueError: if `endpoints` names a relation that charmcraft.yaml does not have, or some endpoints of
            the mesh but not all, or if there are `resources_requests` without a `container_name`.
    """

    def __init__(  # noqa: PLR0913 - published
        self,
        charm: ops.CharmBase,
        roles_config: ClusterRolesConfig,
        external_url: str,
        worker_metrics_port: int,
        endpoints: EndpointMapping,
        nginx_config: NginxConfig,
        workers_config: "Callable[[Coordinator], str]",
        worker_ports: Callable[[str], Sequence[int]] | None = None,
        nginx_options: NginxMappingOverrides | None = None,
        is_coherent: Callable[[ClusterProvider, ClusterRolesConfig], bool] | None = None,
        is_recommended: Callable[[ClusterProvider, ClusterRolesConfig], bool] | None = None,
        resources_limit_options: Mapping[str, str] | None = None,
        resources_requests: "Callable[[Coordinator], dict[str, str]] | None" = None,
        container_name: str | None = None,
        remote_write_endpoints: Callable[[], list[RemoteWriteEndpoint]] | None = None,
        workload_tracing_protocols: Sequence[str] | None = None,
        catalogue_item: catalogue.Item | None = None,
        worker_telemetry_proxy_config: WorkerTelemetryProxyConfig | None = None,
        charm_mesh_policies: Sequence[AppPolicy | UnitPolicy] | None = None,
        peer_relation: str = PEER_RELATION_DEFAULT_NAME,
    ):
        super().__init__(charm, key="coordinator")
        self._last_served.set_default(tls=None)
        self._charm = charm
        self._roles_config = roles_config
        self._external_url = external_url
        self._worker_metrics_port = worker_metrics_port
        self._endpoints = Endpoints.load(charm, endpoints)
        self._nginx_config = nginx_config
        self._workers_config_getter = functools.partial(workers_config, self)
        self._override_coherency_checker = is_coherent
        self._override_recommended_checker = is_recommended
        self._remote_write_endpoints = remote_write_endpoints
        self._catalogue_item = catalogue_item
        self._proxy_config = worker_telemetry_proxy_config
        self._peer_relation = peer_relation
        self._problems: list[ops.StatusBase] = []
        self._keeps_status = False
        self._checks_pods = False
        self._has_policy_on_service = False
        self._deadline = Deadline()
        self._kubernetes = KubernetesAccess(charm, self._deadline)
        self._departure = ScaleDown(charm, "coordinator-departure")
        self._startup = Startup(charm, "coordinator-startup")

        self.cluster = ClusterProvider(
            charm,
            frozenset(roles_config.roles),
            roles_config.meta_roles,
            endpoint=self._endpoints.cluster,
            worker_ports=worker_ports,
        )
        self.nginx = nginx_class(nginx_config)(charm, options=nginx_options, deadline=self._deadline)
        self.nginx_exporter = NginxPrometheusExporter(charm, options=nginx_options)
        self.charm_tracing = TracingRequirer(charm, self._endpoints.charm_tracing, ("otlp_http",))
        self.workload_tracing = TracingRequirer(
            charm, self._endpoints.workload_tracing, workload_tracing_protocols or ()
        )
        hosts = {self.hostname, self._app_hostname}
        if self._is_related(self._endpoints.certificates):
            hosts |= self._worker_names.own
        self._certificates = Certificates(charm, self._endpoints.certificates, hosts)
        self._mesh = self._endpoints.mesh and service_mesh.join(
            charm,
            self._endpoints.mesh,
            metrics_endpoint=self._endpoints.metrics,
            exporter_port=self.nginx_exporter.port,
            proxy_ports=sorted({*map(self._proxy_config.port, (True, False))}) if self._proxy_config else (),
            charm_policies=charm_mesh_policies or (),
        )
        if resources_requests and container_name is None:
            raise ValueError("resources_requests needs a container_name")
        self.resources_patch = (
            KubernetesComputeResourcesPatch(
                self._kubernetes, container_name, lambda: resources_requests(self), resources_limit_options
            )
            if resources_requests and container_name
            else None
        )
        self._follow_events()

    @property
    def is_leaving(self) -> bool:
        """Return whether this unit is being removed while others stay: its relations are unreliable then."""
        return self._departure.is_under_way

    def _follow_events(self) -> None:
        for action in actions(self._charm):
            self.framework.observe(action, self._on_action)
        for hook in reconciled_hooks(self._charm):
            self.framework.observe(hook, self._on_hook)
        self.framework.observe(self._charm.on.remove, self._on_remove)
        self.framework.observe(self._charm.on.collect_unit_status, self._on_collect_unit_status)

    def _on_hook(self, event: ops.HookEvent) -> None:
        if self.is_leaving:
            return
        self._certificates.sync(self.cluster.unit_names)
        self._setup_charm_tracing()
        self._run_containers()
        self.__dict__.pop("_served_proxy", None)  # the charm may have read it before nginx had its routes
        peers.publish(self._charm, self._peer_relation, self._own_exporter)
        self._publish_to_backends()
        if self.can_handle_events:
            self._publish_to_workers()
            self._certificates.remove_former_key()
        else:
            self.cluster.publish_labels(self._worker_labels)
        if self._mesh:
            self._mesh.update_service_mesh()
        self._checks_pods = isinstance(event, ops.UpdateStatusEvent)
        for write in self._writes_to_kubernetes(is_upgrade=isinstance(event, ops.UpgradeCharmEvent)):
            if self._deadline.is_over:
                slow = "Kubernetes is slow: continuing at the next event"
                self._problems.append(ops.WaitingStatus(slow))
                break
            self._problems += write()
        self._publish_to_scrapers()

    def _writes_to_kubernetes(self, *, is_upgrade: bool) -> Iterator[Callable[[], list[ops.StatusBase]]]:
        """Yield the leader's steps for policies and labels; each returns its problems."""
        if not self._charm.unit.is_leader():
            return
        if self._mesh_problem:
            yield self._reconcile_resources
            return
        yield self._reconcile_cluster_internal_mesh_policies
        if self._has_policy_on_service is None:
            yield self._reconcile_resources
            return
        yield self._reconcile_charm_labels
        if self._mesh and is_upgrade:
            yield lambda: take_over_labels(
                self._kubernetes, self._pod_labels, not_on_service=self._not_on_service
            )

    def _reconcile_cluster_internal_mesh_policies(self) -> list[ops.StatusBase]:
        if not self._mesh:
            return []
        cluster = self._endpoints.cluster
        written = service_mesh.reconcile_cluster_policies(self._kubernetes, self._mesh, cluster)
        self._has_policy_on_service = written.on_service
        return written.problems

    def _reconcile_charm_labels(self) -> list[ops.StatusBase]:
        return reconcile_charm_labels(
            self._kubernetes,
            self._own_labels,
            not_on_service=self._not_on_service,
            with_pods=self._checks_pods,
            resources=self.resources_patch,
        )

    def _reconcile_resources(self) -> list[ops.StatusBase]:
        if self.resources_patch:
            self.resources_patch.reconcile()
        return []

    def _on_remove(self, _: ops.RemoveEvent) -> None:
        # The last unit may not be the leader. The labels are removed with the pods.
        if self._mesh and planned_units(self._charm) == 0:
            service_mesh.delete_cluster_policies(self._kubernetes)

    def _on_action(self, _: ops.ActionEvent) -> None:
        self._keeps_status = True

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        # After an action, the answers of Kubernetes and nginx are unknown, and unchanged.
        for status in (self._charm.unit.status,) if self._keeps_status else self._statuses():
            if status.name not in _NOT_FOR_CHARMS:
                event.add_status(status)
