"""The libraries of the same content that PyPI has."""

from canonical_service_mesh.enums import PolicyTargetType
from canonical_service_mesh.k8s.resource_manager import PolicyResourceManager
from canonical_service_mesh.utils.istio import reconcile_charm_labels

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    Endpoint,
    MeshPolicy,
    Method,
    ServiceMeshConsumer,
    UnitPolicy,
)

__all__ = [
    "AppPolicy",
    "Endpoint",
    "MeshPolicy",
    "Method",
    "PolicyResourceManager",
    "PolicyTargetType",
    "ServiceMeshConsumer",
    "UnitPolicy",
    "reconcile_charm_labels",
]
