"""A Kubernetes API in memory, as close to the real one as the project's contract tests require."""

from ._access import VERBS, Access, Denial
from ._api import ApiRequest, ApiResponse
from ._controllers import Controllers, KubernetesController
from ._kinds import KINDS, Kind
from ._ownership import Writer
from ._records import ObjectChange, Snapshot
from ._server import KubernetesServer, LoggedRequest
from ._store import ObjectStore

__all__ = [
    "KINDS",
    "VERBS",
    "Access",
    "ApiRequest",
    "ApiResponse",
    "Controllers",
    "Denial",
    "Kind",
    "KubernetesController",
    "KubernetesServer",
    "LoggedRequest",
    "ObjectChange",
    "ObjectStore",
    "Snapshot",
    "Writer",
]
