"""Join a service mesh, and say who may reach what of a charm."""

from ._models import (
    AppPolicy,
    CMRData,
    Endpoint,
    MeshPolicy,
    MeshType,
    Method,
    Policy,
    PolicyTargetType,
    ServiceMeshProviderAppData,
    UnitPolicy,
)

__all__ = [
    "AppPolicy",
    "CMRData",
    "Endpoint",
    "MeshPolicy",
    "MeshType",
    "Method",
    "Policy",
    "PolicyTargetType",
    "ServiceMeshProviderAppData",
    "UnitPolicy",
]
