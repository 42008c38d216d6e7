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

import dataclasses
import functools
import logging
import re
import socket
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import ops

from charmlibs.interfaces.service_mesh import WAYPOINT_LABELS, AppPolicy, UnitPolicy
from cos_interfaces import catalogue, loki_push_api, prometheus_scrape, s3
from cos_interfaces.s3 import S3ConnectionInfo, S3NotFoundError
from istio_policies import ClusterMesh
from k8s_charm import Deadline, ScaleDown
from relation_data import shown_name

from . import object_store, peers, service_mesh
from ._compatibility import (
    CONSOLIDATED_LOGS_ALERT_RULES_PATH,
    CONSOLIDATED_METRICS_ALERT_RULES_PATH,
    PEER_RELATION_DEFAULT_NAME,
    PublishedCoordinatorNames,
    can_connect,
)
from .certificate_names import WorkerNames, worker_names
from .coordinator_status import CoordinatorFindings, coordinator_statuses
from .endpoints import EndpointMapping, Endpoints
from .events import actions, reconciled_hooks
from .interfaces.cluster import ClusterProvider, RemoteWriteEndpoint
from .interfaces.provider import PublishedTLS
from .interfaces.unit_names import service_domain
from .kubernetes.access import KubernetesAccess
from .kubernetes.pod_labels import reconcile_charm_labels, take_over_labels
from .kubernetes.resources import KubernetesComputeResourcesPatch
from .models import TLSConfig
from .nginx import NginxConfig, NginxMappingOverrides, NginxPrometheusExporter, nginx_class
from .roles import ClusterRolesConfig, ClusterRolesConfigError
from .startup import Startup
from .telemetry import publishing
from .telemetry.log_forwarding import forward_logs
from .telemetry.proxy import ProxyServer, WorkerTelemetryProxy, proxy_telemetry
from .telemetry.routes import TelemetryBackends, WorkerTelemetryProxyConfig
from .telemetry.scrape_jobs import NginxExporter, WorkerUnit
from .telemetry.tracing import TracingRequirer
from .text import fitted
from .tls import Certificates

if TYPE_CHECKING:
    from .telemetry.datasource_exchange import DatasourceExchange

__all__ = [
    "CONSOLIDATED_LOGS_ALERT_RULES_PATH",
    "CONSOLIDATED_METRICS_ALERT_RULES_PATH",
    "PEER_RELATION_DEFAULT_NAME",
    "ClusterRolesConfig",
    "ClusterRolesConfigError",
    "Coordinator",
    "EndpointMapping",
    "S3ConnectionInfo",
    "S3NotFoundError",
]

logger = logging.getLogger(__name__)

# Only Juju gives a unit these.
_NOT_FOR_CHARMS = ("error", "unknown")


class Coordinator(PublishedCoordinatorNames, ops.Object):
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

    _default_active_message = ""
    _default_degraded_message = "degraded: fewer workers than recommended"

    def __init__(
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
        self._charm = charm
        self._roles_config = roles_config
        self._external_url = external_url
        self._worker_metrics_port = worker_metrics_port
        self._endpoints = Endpoints.load(charm, endpoints)
        self._nginx_config = nginx_config
        self._workers_config = workers_config
        self._override_coherency_checker = is_coherent
        self._override_recommended_checker = is_recommended
        self._remote_write_endpoints = remote_write_endpoints
        self._catalogue_item = catalogue_item
        self._proxy_config = worker_telemetry_proxy_config
        self._peer_relation = peer_relation
        self._problems: list[ops.StatusBase] = []
        self._keeps_status = False
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
            proxy_port=self._proxy_config.port(self.tls_available) if self._proxy_config else None,
            charm_policies=charm_mesh_policies or (),
        )
        self.resources_patch = self._patch_resources(
            container_name, resources_requests, resources_limit_options
        )
        self._follow_events()

    # What charms ask

    @property
    def is_coherent(self) -> bool:
        """Return whether the cluster has every role that it needs."""
        if self._override_coherency_checker:
            return self._override_coherency_checker(self.cluster, self._roles_config)
        return self._roles_config.is_coherent_with(self.cluster.gather_roles())

    @property
    def is_recommended(self) -> bool | None:
        """Return whether the cluster has all that production should have; None if nothing is recommended."""
        if self._override_recommended_checker:
            return self._override_recommended_checker(self.cluster, self._roles_config)
        advised = self._roles_config.recommended_deployment
        if not advised:
            return None
        roles = self.cluster.gather_roles()
        return all(roles.get(role, 0) >= units for role, units in advised.items())

    @property
    def missing_roles(self) -> set[str]:
        """The roles of the minimal deployment that no worker has."""
        return set(self._roles_config.minimal_deployment) - self.cluster.gather_roles().keys()

    @property
    def can_handle_events(self) -> bool:
        """Return whether the cluster can work: it is coherent, and has its object store if it uses one."""
        has_store = self.s3_ready or not self._endpoints.s3
        return self.cluster.has_workers and self.is_coherent and has_store

    @property
    def is_leaving(self) -> bool:
        """Return whether this unit is being removed while others stay: its relations are unreliable then."""
        return self._departure.is_under_way

    @functools.cached_property
    def hostname(self) -> str:
        """This unit's fully qualified domain name."""
        return socket.getfqdn()

    @staticmethod
    def app_hostname(hostname: str, app_name: str, model_name: str) -> str:
        """Return the address of an application's Service, behind which are all of its units.

        Args:
            hostname: the name of one of the units; comes back as it is if it is not a name of Kubernetes'.
            app_name: the application.
            model_name: the application's model.
        """
        domain = re.search(r"\.(svc(?:\..*)?)$", hostname)
        return f"{app_name}.{model_name}.{domain[1]}" if domain else hostname

    @property
    def tls_config(self) -> TLSConfig | None:
        """The certificate and its key, once there is one; in a mesh, which encrypts, there is none to use."""
        if self._is_in_mesh:
            return None
        return self._certificates.config or self._kept_tls_config

    @property
    def tls_available(self) -> bool:
        """Return whether the cluster uses TLS, as far as it can: see `serves_tls`."""
        return self.tls_config is not None

    @property
    def serves_tls(self) -> bool:
        """Return whether nginx uses TLS now, so that a published URL begins with `https`.

        It may have rejected the configuration for it; before it has one, this is as it is to be.
        """
        served = self.nginx.serves_tls
        return self.tls_available if served is None else served

    @property
    def s3_connection_info(self) -> S3ConnectionInfo:
        """Return the connection details of the bucket.

        Raises:
            S3NotFoundError: if there is none that can be used; the message has the reason.
        """
        if isinstance(self._s3, S3NotFoundError):
            raise self._s3
        return self._s3

    @property
    def s3_ready(self) -> bool:
        """Return whether there is a bucket that can be used."""
        return isinstance(self._s3, S3ConnectionInfo)

    @property
    def _s3_config(self) -> dict[str, Any]:
        """Return the connection details of the bucket, with the keys of the workloads' configuration.

        Raises:
            S3NotFoundError: if there is none that can be used; the message has the reason.
        """
        return object_store.workload_config(self.s3_connection_info)

    @property
    def loki_endpoints_by_unit(self) -> dict[str, str]:
        """Return the URLs that workers push logs to, by the name of the Loki unit."""
        return dict(self._telemetry.backends_for_workers.loki)

    @property
    def remote_write_endpoints(self) -> list[RemoteWriteEndpoint] | None:
        """Return the backends that workers push metrics to; None if the charm has no such backends."""
        if self._remote_write_endpoints is None:
            return None
        return [{"url": url} for url in self._telemetry.backends_for_workers.remote_write]

    @property
    def workload_tracing_receivers(self) -> dict[str, str]:
        """Return the receivers of the workloads' own traces, by protocol."""
        return dict(self._telemetry.backends_for_workers.workload_tracing)

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
    def cluster_mesh(self) -> ClusterMesh:
        """Return the known facts about the cluster in the mesh, for diagnostics."""
        return service_mesh.cluster_mesh(
            self._charm,
            mesh=self._mesh,
            mesh_endpoint=self._endpoints.mesh.service_mesh if self._endpoints.mesh else None,
            cluster_endpoint=self._endpoints.cluster,
        )

    # What subclasses change

    @property
    def _charm_tracing_receivers_urls(self) -> dict[str, str]:
        """Return the receivers of workers' charm traces, by protocol; Tempo's coordinator names itself."""
        return dict(self._telemetry.backends_for_workers.charm_tracing)

    @property
    def _workload_tracing_receivers_urls(self) -> dict[str, str]:
        """Return the receivers of workload traces, by protocol; Tempo's coordinator names itself."""
        return dict(self._telemetry.backends_for_workers.workload_tracing)

    # What is read

    @functools.cached_property
    def _s3(self) -> S3ConnectionInfo | S3NotFoundError:
        if not self._endpoints.s3:
            return S3NotFoundError("the charm has no relation for an object store")
        try:
            return s3.connection(self._charm, relation_name=self._endpoints.s3)
        except S3NotFoundError as error:
            return error

    @property
    def _kept_tls_config(self) -> TLSConfig | None:
        """The certificate that nginx has, where that stays in use without one from the authority."""
        served = self.nginx.tls_config if self._is_related(self._endpoints.certificates) else None
        return served if self._certificates.keeps(served) else None

    @functools.cached_property
    def _worker_names(self) -> WorkerNames:
        domain = service_domain(self.hostname)
        return worker_names(self._charm.model, domain, self.cluster.gather_unit_addresses())

    @property
    def _app_hostname(self) -> str:
        return self.app_hostname(self.hostname, self._charm.app.name, self._charm.model.name)

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

    @functools.cached_property
    def _telemetry(self) -> publishing.ClusterTelemetry:
        """Return the workers' telemetry as it is to be published; read only after nginx got its routes."""
        proxy = self._telemetry_proxy
        if proxy and self._proxy_config:
            tls = self.serves_tls
            proxy = dataclasses.replace(proxy, port=self._proxy_config.port(tls), tls=tls)
        return publishing.ClusterTelemetry(self._workers, self._worker_metrics_port, self._backends, proxy)

    @functools.cached_property
    def _telemetry_proxy(self) -> WorkerTelemetryProxy | None:
        """Return the routes that nginx is to have."""
        if self._proxy_config is None:
            return None
        tls = self.tls_available
        return proxy_telemetry(
            {worker.name: worker.address for worker in self._workers if worker.is_routable},
            self._backends,
            worker_metrics_port=self._worker_metrics_port,
            server=ProxyServer(self._app_hostname, self._proxy_config.port(tls), tls),
            own_hosts=self.cluster.own_hosts,
        )

    @functools.cached_property
    def _workers(self) -> list[WorkerUnit]:
        roles = self.cluster.gather_roles_by_unit()
        return [
            WorkerUnit(
                name=worker["unit"],
                application=worker["application"],
                charm_name=worker["charm_name"],
                address=worker["address"],
                roles=roles.get(worker["unit"], ""),
                is_routable=worker["address"] not in self.cluster.unroutable_addresses,
            )
            for worker in self.cluster.gather_topology()
        ]

    @property
    def _routable_addresses_by_role(self) -> dict[str, set[str]]:
        unroutable = self.cluster.unroutable_addresses
        by_role = self.cluster.gather_addresses_by_role()
        return {role: addresses - unroutable for role, addresses in by_role.items()}

    @property
    def _own_exporter(self) -> NginxExporter:
        return NginxExporter(self.hostname, "https" if self.tls_available else "http")

    @property
    def _mesh_problem(self) -> str | None:
        """Return the reason why the mesh is unusable; None if it is usable, or if there is none."""
        return self._mesh.unreadable if self._mesh else None

    @property
    def _pod_labels(self) -> dict[str, str]:
        """The labels of every pod of the cluster; while the mesh can't be followed, as workers know them."""
        if self._mesh_problem:
            mesh_labels = self.cluster.published_labels()
        else:
            mesh_labels = self._mesh.labels() if self._mesh else {}
        return {**mesh_labels, **service_mesh.solution_labels(self._charm.app.name)}

    # What is written

    def _patch_resources(
        self,
        container_name: str | None,
        requests: "Callable[[Coordinator], dict[str, str]] | None",
        limit_options: Mapping[str, str] | None,
    ) -> KubernetesComputeResourcesPatch | None:
        if requests is None:
            return None
        if container_name is None:
            raise ValueError("resources_requests without a container_name: whose resources?")
        return KubernetesComputeResourcesPatch(
            self._kubernetes, container_name, functools.partial(requests, self), limit_options
        )

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
        self._certificates.sync(self.cluster.relation_ids)
        self._setup_charm_tracing()
        self._run_containers()
        self.__dict__.pop("_telemetry", None)
        peers.publish(self._charm, self._peer_relation, self._own_exporter)
        self._publish_to_backends()
        if self.can_handle_events:
            self._publish_to_workers()
            self._certificates.remove_former_key()
        else:
            self.cluster.publish_labels(self._pod_labels)
        if self._mesh:
            self._mesh.update_service_mesh()
        is_upgrade = isinstance(event, ops.UpgradeCharmEvent)
        for write in self._writes_to_kubernetes(is_upgrade=is_upgrade):
            if self._deadline.is_over:
                slow = "Kubernetes is slow: the rest is done at the next event"
                self._problems.append(ops.WaitingStatus(slow))
                break
            self._problems += write()
        self._publish_to_scrapers()

    def _setup_charm_tracing(self) -> None:
        if not self._endpoints.charm_tracing or ops.tracing is None:
            return
        url = self.charm_tracing.get_endpoint("otlp_http")
        ca_cert = self.tls_config.ca_cert if self.tls_config else None
        ops.tracing.set_destination(f"{url.rstrip('/')}/v1/traces" if url else None, ca_cert)

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

    def _publish_to_backends(self) -> None:
        self.charm_tracing.request()
        self.workload_tracing.request()
        if self._is_related(name := self._endpoints.s3):
            s3.request(self._charm, relation_name=name)
        if self._is_related(name := self._endpoints.catalogue) and self._catalogue_item:
            catalogue.publish(self._charm, self._catalogue_item, relation_name=name)
        if self._is_related(name := self._endpoints.grafana_dashboards):
            publishing.publish_dashboards(self._charm, name)
        if self._is_related(name := self._endpoints.logging):
            publishing.publish_logs_rules(self._charm, self._telemetry, name)

    def _publish_to_scrapers(self) -> None:
        """Publish scrape jobs and rules, after all else: the rules have the number of problems."""
        if not self._is_related(name := self._endpoints.metrics):
            return
        own = publishing.CoordinatorMetrics(
            exporters=peers.exporters(self._charm, self._peer_relation, self._own_exporter),
            exporter_port=self.nginx_exporter.port,
            worker_scheme="https" if self.cluster.published_tls() else "http",
            problems=sum(not isinstance(status, ops.ActiveStatus) for status in self._statuses()),
            certificate=self._certificates.lifetime,
        )
        publishing.publish_metrics(self._charm, self._telemetry, own, name)

    def _publish_to_workers(self) -> None:
        if not self._charm.unit.is_leader():
            return
        tls = self._tls_for_workers()
        self.cluster.publish_data(
            worker_config=self._workers_config(self),
            secrets={"s3-secret-key": self.s3_connection_info.secret_key} if self.s3_ready else None,
            ca_cert=tls.ca_cert if tls else None,
            server_cert=tls.server_cert if tls else None,
            s3_tls_ca_chain=self.s3_connection_info.ca_cert if self.s3_ready else None,
            privkey_secret_id=tls.privkey_secret_id if tls else None,
            loki_endpoints=self.loki_endpoints_by_unit,
            charm_tracing_receivers=self._charm_tracing_receivers_urls,
            workload_tracing_receivers=self._workload_tracing_receivers_urls,
            remote_write_endpoints=self.remote_write_endpoints,
            worker_labels=self._pod_labels,
        )

    def _tls_for_workers(self) -> PublishedTLS | None:
        """Return the certificate and its key; those that workers have, while there are no others."""
        tls = self.tls_config
        if not tls:
            return None
        if tls == self._kept_tls_config:
            return self.cluster.published_tls()
        label = self._certificates.grantable_key(self.cluster.relation_ids)
        key_id = self.cluster.grant_privkey(label) if label else None
        return PublishedTLS(tls.ca_cert, tls.server_cert, key_id) if key_id else None

    def _writes_to_kubernetes(self, *, is_upgrade: bool) -> Iterator[Callable[[], list[ops.StatusBase]]]:
        """Yield the leader's steps for policies and labels; each returns its problems."""
        if not self._charm.unit.is_leader():
            return
        if self._mesh_problem:
            yield self._reconcile_resources
            return
        yield self._reconcile_cluster_internal_mesh_policies
        yield self._reconcile_charm_labels
        if self._mesh and is_upgrade:
            yield lambda: take_over_labels(
                self._kubernetes, self._pod_labels, not_on_service=self._not_on_service
            )

    def _reconcile_cluster_internal_mesh_policies(self) -> list[ops.StatusBase]:
        if not self._mesh:
            return []
        workers = service_mesh.worker_apps(self._charm, self._endpoints.cluster)
        return service_mesh.reconcile_cluster_policies(self._kubernetes, self._mesh, workers)

    def _reconcile_charm_labels(self) -> list[ops.StatusBase]:
        return reconcile_charm_labels(
            self._kubernetes,
            self._pod_labels,
            not_on_service=self._not_on_service,
            resources=self.resources_patch,
        )

    @functools.cached_property
    def _is_in_mesh(self) -> bool:
        if not self._endpoints.mesh:
            return False
        relations = self._charm.model.relations[self._endpoints.mesh.service_mesh]
        return service_mesh.is_in_mesh(relations, self.cluster.published_labels())

    @property
    def _not_on_service(self) -> Container[str]:
        """The labels to the waypoint, unless a policy is on the Service: for workers, or by a relation."""
        is_behind_waypoint = self.cluster.has_workers or bool(self._mesh and self._mesh.needs_waypoint)
        return () if is_behind_waypoint else WAYPOINT_LABELS

    def _reconcile_resources(self) -> list[ops.StatusBase]:
        if self.resources_patch:
            self.resources_patch.reconcile()
        return []

    def _on_remove(self, _: ops.RemoveEvent) -> None:
        # The last unit need not be the leader any more. The labels go with the pods.
        if self._mesh and self._charm.app.planned_units() == 0:
            service_mesh.delete_cluster_policies(self._kubernetes)

    def _on_action(self, _: ops.ActionEvent) -> None:
        self._keeps_status = True

    # Problems and remarks

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        # What Kubernetes and nginx answered is not known after an action, which changes nothing about it.
        for status in (self._charm.unit.status,) if self._keeps_status else self._statuses():
            if status.name not in _NOT_FOR_CHARMS:
                event.add_status(fitted(status))

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
            yield f"{name} is left out ({reason})"
        for refusal in self._telemetry_proxy.refused if self._telemetry_proxy else ():
            yield str(refusal)
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
            yield "the mesh encrypts, certificates are not used"
            return
        for name, address in self._worker_names.others.items():
            yield f"{name} is not in the certificate: {shown_name(address)} is not its own name"

    def _is_reachable(self, container: str) -> bool:
        return can_connect(self._charm.unit.get_container(container))

    def _is_related(self, endpoint: str | None) -> TypeGuard[str]:
        return endpoint is not None and bool(self._charm.model.relations[endpoint])
