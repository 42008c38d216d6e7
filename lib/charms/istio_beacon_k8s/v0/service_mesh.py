"""The service mesh library under its published name.

Everything is explained where it lives: the relation in `charmlibs.interfaces.service_mesh`, the
objects in Kubernetes in `istio_policies`.
"""

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    CMRData,
    Endpoint,
    MeshPolicy,
    MeshType,
    Method,
    Policy,
    PolicyRequest,
    PolicyTargetType,
    ServiceMeshConsumer,
    ServiceMeshProvider,
    ServiceMeshProviderAppData,
    UnitPolicy,
    build_mesh_policies,
    get_data_from_cmr_relation,
    reconcile_charm_labels,
)
from istio_policies import PolicyResourceManager

LIBID = "7470269523294e989779ed36b1ebdcc5"
LIBAPI = 0
LIBPATCH = 16
PYDEPS = ["istio-beacon-libs>=0.1"]

__all__ = [
    "AppPolicy",
    "CMRData",
    "Endpoint",
    "MeshPolicy",
    "MeshType",
    "Method",
    "Policy",
    "PolicyRequest",
    "PolicyResourceManager",
    "PolicyTargetType",
    "ServiceMeshConsumer",
    "ServiceMeshProvider",
    "ServiceMeshProviderAppData",
    "UnitPolicy",
    "build_mesh_policies",
    "get_data_from_cmr_relation",
    "reconcile_charm_labels",
]
