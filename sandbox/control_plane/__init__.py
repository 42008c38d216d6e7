"""The real Kubernetes API server and the real istiod, built from source once and started on this machine."""

from ._connection import ApiAnswer, Connection
from ._controller_manager import GARBAGE, STATEFUL_SETS, ControllerManager
from ._errors import ControlPlaneError, NotAvailableError
from ._istiod import Istiod
from ._kubernetes import (
    ExistingKubernetes,
    RealKubernetes,
    StartedKubernetes,
    named_kubeconfig,
    real_kubernetes,
)
from ._processes import Process, free_port
from ._programs import (
    ETCD,
    ISTIOD,
    KUBE_APISERVER,
    KUBE_CONTROLLER_MANAGER,
    LOKI,
    PILOT_AGENT,
    POLICY_COMPILER,
    GoProgram,
)
from ._sources import module_folders
from ._together import started_control_plane
from ._waypoints import Waypoints

__all__ = [
    "ETCD",
    "GARBAGE",
    "ISTIOD",
    "KUBE_APISERVER",
    "KUBE_CONTROLLER_MANAGER",
    "LOKI",
    "PILOT_AGENT",
    "POLICY_COMPILER",
    "STATEFUL_SETS",
    "ApiAnswer",
    "Connection",
    "ControlPlaneError",
    "ControllerManager",
    "ExistingKubernetes",
    "GoProgram",
    "Istiod",
    "NotAvailableError",
    "Process",
    "RealKubernetes",
    "StartedKubernetes",
    "Waypoints",
    "free_port",
    "module_folders",
    "named_kubeconfig",
    "real_kubernetes",
    "started_control_plane",
]
