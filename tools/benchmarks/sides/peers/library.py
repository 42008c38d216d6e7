"""The imports of the measured charms, as they are published."""

import logging

from canonical_service_mesh.k8s.resource_manager import PolicyResourceManager
from lightkube import Client

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    Endpoint,
    MeshType,
    Method,
    ServiceMeshConsumer,
    ServiceMeshProvider,
    UnitPolicy,
)

kubernetes_client = Client

# Otherwise each line that the HTTP library logs is a call of a hook tool. Charms can do that themselves, so
# it does not count against the peers.
for _talkative in ("httpcore", "httpcore2", "httpx", "httpx2"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)

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
