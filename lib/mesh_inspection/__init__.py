"""Answers for operators of a mesh: who may reach whom, and why a request is allowed or denied.

A charm adds the four actions in one line, and passes its knowledge of its policies; a coordinator has that
itself::

    self.mesh_actions = MeshActions(self, lambda client: View(owner, labels, requested=...))
    self.mesh_actions = MeshActions.of_coordinator(self, self.coordinator)

Nothing is written to Kubernetes, and importing this imports nothing but `ops`.
"""

from typing import TYPE_CHECKING, Any

from ._actions import MeshActions

if TYPE_CHECKING:
    from ._cluster import Cluster, LivePolicy, Pod, Service, read_cluster, read_model, read_policy
    from ._control_plane import UnreadableClusterError, read_root_namespaces
    from ._evaluate import path_matches
    from ._explain import Explanation, PathStep, Verdict, explain
    from ._exposure import exposed
    from ._list import Row, State, selects_none
    from ._query import NODE, Question, UnclearQuestionError, Workload, read_question
    from ._render import mermaid
    from ._view import CoordinatorInMesh, DeclaredPolicy, RequestedPolicy, View, endpoint_of

_MODULES = {
    "_cluster": (
        "Cluster",
        "Pod",
        "LivePolicy",
        "Service",
        "read_cluster",
        "read_model",
        "read_policy",
    ),
    "_control_plane": ("UnreadableClusterError", "read_root_namespaces"),
    "_evaluate": ("path_matches",),
    "_exposure": ("exposed",),
    "_explain": ("Explanation", "PathStep", "Verdict", "explain"),
    "_list": ("Row", "State", "selects_none"),
    "_query": ("NODE", "Question", "UnclearQuestionError", "Workload", "read_question"),
    "_render": ("mermaid",),
    "_view": (
        "CoordinatorInMesh",
        "DeclaredPolicy",
        "RequestedPolicy",
        "View",
        "endpoint_of",
    ),
}

__all__ = [
    "NODE",
    "Cluster",
    "CoordinatorInMesh",
    "DeclaredPolicy",
    "Explanation",
    "LivePolicy",
    "MeshActions",
    "PathStep",
    "Pod",
    "Question",
    "RequestedPolicy",
    "Row",
    "Service",
    "State",
    "UnclearQuestionError",
    "UnreadableClusterError",
    "Verdict",
    "View",
    "Workload",
    "endpoint_of",
    "explain",
    "exposed",
    "mermaid",
    "path_matches",
    "read_cluster",
    "read_model",
    "read_policy",
    "read_question",
    "read_root_namespaces",
    "selects_none",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
