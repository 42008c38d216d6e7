"""The service mesh library under its published name.

The documentation is at the definitions: `charmlibs.interfaces.service_mesh` for the relation,
`istio_policies` for the objects in Kubernetes.
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
    """Return a name whose import needs lightkube, so that other hooks do not import it."""
    if name in ("AuthorizationPolicy", "POLICY_RESOURCE_TYPES", "RESOURCE_TYPES"):
        from istio_policies import AuthorizationPolicy

        return {
            "AuthorizationPolicy": AuthorizationPolicy,
            "POLICY_RESOURCE_TYPES": {"istio": {AuthorizationPolicy}},
            "RESOURCE_TYPES": {"AuthorizationPolicy": AuthorizationPolicy},  # versions 0.10 to 0.15
        }[name]
    if name == "Client":  # tests of charms patch it
        from lightkube import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
