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
    from ._cluster import (
        Cluster,
        LivePolicy,
        Pod,
        Service,
        cluster_of,
        missing_waypoints,
        read_cluster,
        read_policy,
    )
    from ._control_plane import (
        ControlPlane,
        UnreadableClusterError,
        read_auto_allow,
        read_control_plane,
        read_list,
    )
    from ._evaluate import path_matches
    from ._explain import Explanation, PathStep, Verdict, explain
    from ._exposure import exposed
    from ._list import Row, State, selects_none
    from ._query import NODE, Question, UnclearQuestionError, Workload, read_question
    from ._render import Results, mermaid, numbered
    from ._view import CoordinatorInMesh, DeclaredPolicy, RequestedPolicy, View, endpoint_of

__all__ = [
    "NODE",
    "Cluster",
    "ControlPlane",
    "CoordinatorInMesh",
    "DeclaredPolicy",
    "Explanation",
    "LivePolicy",
    "MeshActions",
    "PathStep",
    "Pod",
    "Question",
    "RequestedPolicy",
    "Results",
    "Row",
    "Service",
    "State",
    "UnclearQuestionError",
    "UnreadableClusterError",
    "Verdict",
    "View",
    "Workload",
    "cluster_of",
    "endpoint_of",
    "explain",
    "exposed",
    "mermaid",
    "missing_waypoints",
    "numbered",
    "path_matches",
    "read_auto_allow",
    "read_cluster",
    "read_control_plane",
    "read_list",
    "read_policy",
    "read_question",
    "selects_none",
]

# Those of a hook come first: the others serve actions.
_MODULES = (
    "_cluster",
    "_control_plane",
    "_exposure",
    "_list",
    "_view",
    "_evaluate",
    "_query",
    "_render",
    "_explain",
)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in __all__:
        for module in (import_module(f".{each}", __name__) for each in _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
