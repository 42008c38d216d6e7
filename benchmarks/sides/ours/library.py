"""What the measured charms import, from this repository."""

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    Endpoint,
    MeshType,
    Method,
    ServiceMeshConsumer,
    ServiceMeshProvider,
    UnitPolicy,
    kubernetes_client,
)
from mesh_resources import PolicyResourceManager

__all__ = [
    "AppPolicy",
    "Endpoint",
    "MeshType",
    "Method",
    "PolicyResourceManager",
    "ServiceMeshConsumer",
    "ServiceMeshProvider",
    "UnitPolicy",
    "kubernetes_client",
]
