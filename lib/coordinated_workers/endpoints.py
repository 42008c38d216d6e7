"""The relations of a coordinator, by purpose."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import ops

logger = logging.getLogger(__name__)

EndpointMapping = Mapping[str, str | None]
"""Purpose of a relation → its name in charmcraft.yaml; None or a missing key turns it off.

The keys: cluster, certificates, grafana-dashboards, logging, metrics, charm-tracing, workload-tracing, s3,
send-datasource, receive-datasource, catalogue, service-mesh, service-mesh-provide-cmr-mesh,
service-mesh-require-cmr-mesh. The cluster cannot be off, and the last three go together.
"""

_MESH_KEYS = ("service-mesh", "service-mesh-provide-cmr-mesh", "service-mesh-require-cmr-mesh")


@dataclass(frozen=True)
class MeshEndpoints:
    """The relations by which a coordinator joins a mesh."""

    service_mesh: str
    provide_cmr_mesh: str
    require_cmr_mesh: str


@dataclass(frozen=True)
class Endpoints:
    """The names of a coordinator's relations in charmcraft.yaml; None is off."""

    cluster: str
    certificates: str | None = None
    grafana_dashboards: str | None = None
    logging: str | None = None
    metrics: str | None = None
    charm_tracing: str | None = None
    workload_tracing: str | None = None
    s3: str | None = None
    send_datasource: str | None = None
    receive_datasource: str | None = None
    catalogue: str | None = None
    mesh: MeshEndpoints | None = None

    @classmethod
    def load(cls, charm: ops.CharmBase, mapping: EndpointMapping) -> "Endpoints":
        """Read a mapping.

        Raises:
            ValueError: if charmcraft.yaml does not have one of the relations, or the cluster or only some of
                the mesh's relations are off.
        """
        named = {key: name for key, name in mapping.items() if name}
        for key, name in named.items():
            if name not in charm.meta.relations:
                raise ValueError(f"endpoint {key!r} is {name!r}, which is not in charmcraft.yaml")
        mesh = _mesh_endpoints({key: named.pop(key) for key in _MESH_KEYS if key in named})
        fields = {key.replace("-", "_"): name for key, name in named.items()}
        if "cluster" not in fields:
            raise ValueError("a coordinator needs the endpoint 'cluster'")
        for key in fields.keys() - cls.__dataclass_fields__.keys():
            logger.warning("ignored unknown endpoint %r of a coordinator", key)
            del fields[key]
        return cls(**fields, mesh=mesh)


def _mesh_endpoints(named: Mapping[str, str]) -> MeshEndpoints | None:
    if not named:
        return None
    if missing := [key for key in _MESH_KEYS if key not in named]:
        raise ValueError(f"the mesh needs all of its endpoints; missing: {', '.join(missing)}")
    return MeshEndpoints(*(named[key] for key in _MESH_KEYS))
