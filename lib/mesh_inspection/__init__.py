"""Answers what an operator asks of a mesh: who may reach whom, by what, and what stands in the way.

A charm has the four actions with one line, and says what it knows of its policies; a coordinator
says it by itself::

    self.mesh_actions = MeshActions(self, lambda client: View(owner, labels, wishes=...))
    self.mesh_actions = MeshActions.of_coordinator(self, self.coordinator)

Nothing is written to Kubernetes, and importing this imports nothing but `ops`.
"""

from typing import TYPE_CHECKING, Any

from ._actions import MeshActions

if TYPE_CHECKING:
    from ._cluster import Cluster, Pod, Policy, Service, UnreadableClusterError, read_cluster
    from ._explain import Explanation, Step, Verdict, explain
    from ._export import export_policy
    from ._graph import graphviz, mermaid
    from ._listing import Policies, Row, State, list_policies, read_policies
    from ._question import Place, Question, UnclearQuestionError, question
    from ._view import CoordinatorInMesh, Door, View, Wish, cluster_view, endpoint_of

__all__ = [
    "Cluster",
    "CoordinatorInMesh",
    "Door",
    "Explanation",
    "MeshActions",
    "Place",
    "Pod",
    "Policies",
    "Policy",
    "Question",
    "Row",
    "Service",
    "State",
    "Step",
    "UnclearQuestionError",
    "UnreadableClusterError",
    "Verdict",
    "View",
    "Wish",
    "cluster_view",
    "endpoint_of",
    "explain",
    "export_policy",
    "graphviz",
    "list_policies",
    "mermaid",
    "question",
    "read_cluster",
    "read_policies",
]

_MODULES = {
    "_cluster": ("Cluster", "Pod", "Policy", "Service", "UnreadableClusterError", "read_cluster"),
    "_explain": ("Explanation", "Step", "Verdict", "explain"),
    "_export": ("export_policy",),
    "_graph": ("graphviz", "mermaid"),
    "_listing": ("Policies", "Row", "State", "list_policies", "read_policies"),
    "_question": ("Place", "Question", "UnclearQuestionError", "question"),
    "_view": ("CoordinatorInMesh", "Door", "View", "Wish", "cluster_view", "endpoint_of"),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
