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

LIBID = "3f40cb7e3569454a92ac2541c5ca0a0c"
LIBAPI = 0
LIBPATCH = 21
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
