"""Join a service mesh, and say who may reach what of a charm.

A charm that wants to be in a mesh declares, by its own relations, what each related application
may do. The charm that runs the mesh gathers these policies and makes them true.

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

An `AppPolicy` lets applications related over `catalogue` reach the application's Service, with
these requests and no others; a `UnitPolicy` lets a scraper reach each unit on a port. The pods
join the mesh by labels, for which the application must be trusted
(`juju trust APPLICATION --scope=cluster`). charmcraft.yaml has the endpoints:

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

The two of interface `cross_model_mesh` are for relations with other models, where Kubernetes knows
an application by other names than this model does: each application sends its own names over
`require-cmr-mesh` to those that are to let it in.

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
from ._cross_model import get_data_from_cmr_relation, is_of_another_model, name_here, read_cmr_data, stranger
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
from ._service_mesh import WAYPOINT_LABELS, ServiceMeshConsumer, is_mesh_published

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
    "is_mesh_published",
    "is_of_another_model",
    "label_configmap_name_template",
    "mesh_policy",
    "name_here",
    "read_cmr_data",
    "reconcile_charm_labels",
    "stranger",
]
