"""The imports of the measured charms, from this repository."""

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    Endpoint,
    MeshType,
    Method,
    ServiceMeshConsumer,
    ServiceMeshProvider,
    UnitPolicy,
)
from istio_policies import PolicyResourceManager
from k8s_charm import kubernetes_client

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
