"""The facts about a coordinator and its cluster, read from relations and containers."""

import functools
import logging
import socket
from collections.abc import Callable, Container
from typing import Any, TypeGuard, cast

import ops

from charmlibs.interfaces.service_mesh import WAYPOINT_LABELS, ServiceMeshConsumer
from cos_interfaces import s3
from cos_interfaces.s3 import S3ConnectionInfo, S3NotFoundError
from istio_policies import ClusterMesh

from . import service_mesh
from ._compatibility import PublishedCoordinatorNames, can_connect
from .certificate_names import SERVICE_DOMAIN, USUAL_DOMAIN, WorkerNames, pod_name, worker_names
from .endpoints import Endpoints
from .interfaces.cluster import ClusterProvider
from .interfaces.validation import is_host
from .kubernetes.pod_labels import NO_WAYPOINT
from .models import TLSConfig
from .nginx import Nginx
from .roles import ClusterRolesConfig
from .tls import Certificates
from .workload import S3_TLS_CA_CHAIN_FILE

logger = logging.getLogger(__name__)


class CoordinatorFacts(PublishedCoordinatorNames, ops.Object):
    """The part of `Coordinator` that reads, and changes nothing."""

    _last_served = ops.StoredState()
    _charm: ops.CharmBase
    _roles_config: ClusterRolesConfig
    _endpoints: Endpoints
    _override_coherency_checker: Callable[[ClusterProvider, ClusterRolesConfig], bool] | None
    _override_recommended_checker: Callable[[ClusterProvider, ClusterRolesConfig], bool] | None
    _certificates: Certificates
    _mesh: ServiceMeshConsumer | None
    _has_policy_on_service: bool | None
    """True if a policy inside the cluster is on the Service; None if that is not known."""
    cluster: ClusterProvider
    nginx: Nginx

    @property
    def is_coherent(self) -> bool:
        """Return whether the cluster has every role that it needs."""
        if self._override_coherency_checker:
            return self._override_coherency_checker(self.cluster, self._roles_config)
        return self._roles_config.is_coherent_with(self.cluster.gather_roles())

    @property
    def is_recommended(self) -> bool | None:
        """Return whether the cluster has the recommended deployment; None if the charm recommends none."""
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

    @functools.cached_property
    def hostname(self) -> str:
        """This unit's fully qualified domain name; its pod's, if the machine's is not a valid host name."""
        name = socket.getfqdn()
        return name if is_host(name) else pod_name(self._charm.unit.name, self._charm.model)

    @staticmethod
    def app_hostname(hostname: str, app_name: str, model_name: str) -> str:
        """Return the address of an application's Service, which has all of its units.

        Args:
            hostname: the name of one of the units; returned unchanged if it is not a name of Kubernetes. If
                it is not a valid host name, the usual domain of Kubernetes is used.
            app_name: the application.
            model_name: the application's model.
        """
        if not is_host(hostname):
            return f"{app_name}.{model_name}.{USUAL_DOMAIN}"
        domain = SERVICE_DOMAIN.search(hostname)
        return f"{app_name}.{model_name}.{domain[1]}" if domain else hostname

    @property
    def tls_config(self) -> TLSConfig | None:
        """The certificate and its key; None without a certificate, and in a mesh, which encrypts itself."""
        if self._is_in_mesh:
            return None
        return self._certificates.config or self._kept_tls_config

    @property
    def tls_available(self) -> bool:
        """Return whether there is a usable certificate; `serves_tls` is whether nginx uses it."""
        return self.tls_config is not None

    @property
    def serves_tls(self) -> bool:
        """Return whether nginx uses TLS now, so that a published URL begins with `https`.

        nginx may have rejected the configuration with it. While its container cannot be reached, this is what
        was last seen. Before its first configuration, this is `tls_available`.
        """
        is_known = self._is_reachable("nginx")
        served = self.nginx.serves_tls if is_known else cast("bool | None", self._last_served.tls)
        return self.tls_available if served is None else served

    @property
    def s3_connection_info(self) -> S3ConnectionInfo:
        """Return the connection details of the bucket.

        Raises:
            S3NotFoundError: if there is no usable one; the message has the reason.
        """
        if isinstance(self._s3, S3NotFoundError):
            raise self._s3
        return self._s3

    @property
    def s3_ready(self) -> bool:
        """Return whether there is a usable bucket."""
        return isinstance(self._s3, S3ConnectionInfo)

    @property
    def _s3_config(self) -> dict[str, Any]:
        """Return the connection details of the bucket, with the keys of the workloads' configuration.

        Raises:
            S3NotFoundError: if there is no usable one; the message has the reason.
        """
        info = self.s3_connection_info
        scheme, _, address = info.endpoint.rpartition("://")
        return {
            # workloads do not accept a path, and a URL may end with a slash
            "endpoint": address.rstrip("/"),
            "region": info.region,
            "access_key_id": info.access_key,
            "secret_access_key": info.secret_key,
            "bucket_name": info.bucket,
            "insecure": scheme != "https" and not info.tls_ca_chain,
            "tls_ca_path": S3_TLS_CA_CHAIN_FILE if info.tls_ca_chain else None,
        }

    @property
    def cluster_mesh(self) -> ClusterMesh:
        """Return the known facts about the cluster in the mesh, for diagnostics."""
        return service_mesh.cluster_mesh(self._charm, self._endpoints, self._mesh)

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
        """Return the certificate that stays in use without one from the authority; None if there is none.

        It is the one that nginx has, or that workers have: nginx's files go when its pod is replaced.
        """
        if not self._is_related(self._endpoints.certificates):
            return None
        served = self.nginx.tls_config or self._published_tls_config
        return served if self._certificates.keeps(served) else None

    @functools.cached_property
    def _published_tls_config(self) -> TLSConfig | None:
        """Return the certificate that workers have; None if there is none, or its key is another unit's."""
        published = self.cluster.published_tls()
        if not published:
            return None
        try:
            secret = self._charm.model.get_secret(id=published.privkey_secret_id)
            key = secret.peek_content()["private-key"]
        except (ops.ModelError, KeyError) as error:
            logger.warning("cannot read the private key that workers have: %s", type(error).__name__)
            return None
        return TLSConfig(published.server_cert, published.ca_cert, key)

    @property
    def _workers_keep_former_tls(self) -> bool:
        """Return whether workers have the certificate of a former leader, and this unit has none yet."""
        if self.tls_available or self._is_in_mesh or not self._is_related(self._endpoints.certificates):
            return False
        published = self.cluster.published_tls()
        # The key is that leader's own, and does not matter here.
        former = published and TLSConfig(published.server_cert, published.ca_cert, private_key="")
        return self._certificates.keeps(former)

    @functools.cached_property
    def _worker_names(self) -> WorkerNames:
        units = [unit for unit in self.cluster.published_units if unit.role]
        return worker_names(self._charm.model, self.hostname, units)

    @property
    def _app_hostname(self) -> str:
        return self.app_hostname(self.hostname, self._charm.app.name, self._charm.model.name)

    @functools.cached_property
    def _is_in_mesh(self) -> bool:
        if not self._endpoints.mesh:
            return False
        relations = self._charm.model.relations[self._endpoints.mesh.service_mesh]
        return service_mesh.is_in_mesh(relations, self.cluster.published_labels())

    @property
    def _mesh_problem(self) -> str | None:
        """Return the reason why the mesh is unusable; None if it is usable, or without a mesh."""
        return self._mesh.data_error if self._mesh else None

    @property
    def _pod_labels(self) -> dict[str, str]:
        """The labels of every pod of the cluster; the last published ones if the mesh has invalid data."""
        if self._mesh_problem:
            mesh_labels = self.cluster.published_labels()
        else:
            mesh_labels = self._mesh.labels() if self._mesh else {}
        return {**mesh_labels, **service_mesh.solution_labels(self._charm.app.name)}

    @property
    def _worker_labels(self) -> dict[str, str]:
        """The labels of workers' pods and Services; no policy is on these Services.

        Where the namespace leads all Services to the waypoint, one without a policy would be open there.
        """
        is_whole_model = not self._mesh_problem and self._mesh and self._mesh.waypoint()
        return {**(NO_WAYPOINT if is_whole_model else {}), **self._pod_labels}

    @property
    def _own_labels(self) -> dict[str, str]:
        """The labels of the coordinator's own pods and Service."""
        return self._pod_labels if self._is_behind_waypoint else self._worker_labels

    @property
    def _not_on_service(self) -> Container[str]:
        """Return the labels for the waypoint; none if a policy is on the Service."""
        return () if self._is_behind_waypoint else WAYPOINT_LABELS

    @property
    def _is_behind_waypoint(self) -> bool:
        """True if a policy is on the Service: for workers, or by a relation."""
        return bool(self._has_policy_on_service) or bool(self._mesh and self._mesh.needs_waypoint)

    def _is_reachable(self, container: str) -> bool:
        return can_connect(self._charm.unit.get_container(container))

    def _is_related(self, endpoint: str | None) -> TypeGuard[str]:
        return endpoint is not None and bool(self._charm.model.relations[endpoint])
