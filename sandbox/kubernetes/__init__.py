"""A Kubernetes API held in memory, as true to the real one as the project's contract tests ask for."""

from ._access import Access, Denial
from ._api import LoggedRequest
from ._controllers import Controller, Controllers
from ._kinds import KINDS, Kind
from ._ownership import Writer
from ._records import Change
from ._server import KubernetesServer
from ._store import Store

__all__ = [
    "KINDS",
    "Access",
    "Change",
    "Controller",
    "Controllers",
    "Denial",
    "Kind",
    "KubernetesServer",
    "LoggedRequest",
    "Store",
    "Writer",
]
