"""The relation between a charm and its service mesh: both sides of `service_mesh`, and the policies.

A charm in a mesh declares, for each of its own relations, what a related application may do. The charm
that runs the mesh collects these policies and applies them.

A consumer::

    import ops
    from charmlibs.interfaces.service_mesh import (
        AppPolicy, Endpoint, Method, ServiceMeshConsumer, UnitPolicy,
    )

    class Catalogue(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            self.mesh = ServiceMeshConsumer(
                self,
                policies=[
                    AppPolicy(
                        relation="catalogue",
                        endpoints=[Endpoint(ports=[80], methods=[Method.get], paths=["/items"])],
                    ),
                    UnitPolicy(relation="metrics-endpoint", ports=[9100]),
                ],
            )

An `AppPolicy` allows applications related over `catalogue` these requests to the application's Service,
and no others; a `UnitPolicy` allows a scraper to reach each unit on a port. The pods
join the mesh by labels, for which the application must be trusted
(`juju trust APPLICATION --scope=cluster`). charmcraft.yaml declares the endpoints:

.. code-block:: yaml

    requires:
      service-mesh:
        interface: service_mesh
        limit: 1
        optional: true
      require-cmr-mesh:
        interface: cross_model_mesh
        optional: true
    provides:
      provide-cmr-mesh:
        interface: cross_model_mesh
        optional: true

The endpoints of interface `cross_model_mesh` are for relations with other models, where Kubernetes knows
an application by other names than this model does: each application sends its own names over
`require-cmr-mesh` to those whose policies allow it.

A provider::

    import logging

    import ops
    from charmlibs.interfaces.service_mesh import ServiceMeshProvider

    logger = logging.getLogger(__name__)

    class Mesh(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            self.mesh = ServiceMeshProvider(self, labels={"istio.io/dataplane-mode": "ambient"})
            framework.observe(self.on["service-mesh"].relation_changed, self._on_changed)

        def _on_changed(self, _: ops.EventBase):
            for policy in self.mesh.mesh_info():
                logger.info("%s may reach %s", policy.source_app_name, policy.target_app_name)
"""

from k8s_charm import reconcile_charm_labels

from ._build import build_mesh_policies, mesh_policy
from ._compatibility import label_configmap_name_template
from ._cross_model import (
    get_data_from_cmr_relation,
    is_cross_model_name,
    local_name,
    read_cmr_data,
    unresolved_name,
)
from ._identities import CrossModelIdentities, Identities
from ._models import (
    MESH_LABELS,
    AppPolicy,
    CallerKind,
    Callers,
    CMRData,
    Endpoint,
    MeshPolicy,
    MeshType,
    Method,
    Policy,
    PolicyTargetType,
    ServiceMeshProviderAppData,
    UnitPolicy,
    check_label,
)
from ._provider import PolicyRequest, ServiceMeshProvider
from ._published_mesh import WAYPOINT_LABELS, is_mesh_published
from ._service_mesh import ServiceMeshConsumer

__all__ = [
    "MESH_LABELS",
    "WAYPOINT_LABELS",
    "AppPolicy",
    "CMRData",
    "CallerKind",
    "Callers",
    "CrossModelIdentities",
    "Endpoint",
    "Identities",
    "MeshPolicy",
    "MeshType",
    "Method",
    "Policy",
    "PolicyRequest",
    "PolicyTargetType",
    "ServiceMeshConsumer",
    "ServiceMeshProvider",
    "ServiceMeshProviderAppData",
    "UnitPolicy",
    "build_mesh_policies",
    "check_label",
    "get_data_from_cmr_relation",
    "is_cross_model_name",
    "is_mesh_published",
    "label_configmap_name_template",
    "local_name",
    "mesh_policy",
    "read_cmr_data",
    "reconcile_charm_labels",
    "unresolved_name",
]
