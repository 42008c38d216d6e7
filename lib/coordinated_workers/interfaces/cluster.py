"""The relation between a coordinator (`ClusterProvider`) and its workers (`ClusterRequirer`).

No side raises because of the other one's data: invalid data are ignored, and `refused()` names them.
"""

from .databags import (
    ClusterProviderAppData,
    ClusterRequirerAppData,
    ClusterRequirerUnitData,
    RemoteWriteEndpoint,
)
from .provider import DEFAULT_ENDPOINT_NAME, ClusterChangedEvent, ClusterProvider, ClusterProviderEvents
from .requirer import (
    ClusterError,
    ClusterRemovedEvent,
    ClusterRequirer,
    ClusterRequirerEvents,
    ConfigReceivedEvent,
    DatabagAccessPermissionError,
    TLSData,
)

__all__ = [
    "DEFAULT_ENDPOINT_NAME",
    "ClusterChangedEvent",
    "ClusterError",
    "ClusterProvider",
    "ClusterProviderAppData",
    "ClusterProviderEvents",
    "ClusterRemovedEvent",
    "ClusterRequirer",
    "ClusterRequirerAppData",
    "ClusterRequirerEvents",
    "ClusterRequirerUnitData",
    "ConfigReceivedEvent",
    "DatabagAccessPermissionError",
    "RemoteWriteEndpoint",
    "TLSData",
]
