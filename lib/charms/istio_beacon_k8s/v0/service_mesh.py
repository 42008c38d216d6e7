"""The service mesh library under its published name.

Everything is explained where it lives: the relation in `charmlibs.interfaces.service_mesh`, the
objects in Kubernetes in `istio_policies`.
"""

from typing import Any

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    CallerKind,
    Callers,
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
    label_configmap_name_template,
    reconcile_charm_labels,
)
from istio_policies import PolicyResourceManager

LIBID = "3f40cb7e3569454a92ac2541c5ca0a0c"
LIBAPI = 0
LIBPATCH = 22
PYDEPS = ["istio-beacon-libs>=0.1"]

__all__ = [
    "AppPolicy",
    "CMRData",
    "CallerKind",
    "Callers",
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
    "label_configmap_name_template",
    "reconcile_charm_labels",
]


def __getattr__(name: str) -> Any:
    """Return what needs lightkube, which a hook that does not talk to Kubernetes need not import."""
    if name in ("AuthorizationPolicy", "POLICY_RESOURCE_TYPES"):
        from istio_policies import AuthorizationPolicy

        return AuthorizationPolicy if name == "AuthorizationPolicy" else {"istio": {AuthorizationPolicy}}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
