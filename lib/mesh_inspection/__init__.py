"""Answers for operators of a mesh: the allowed requests, and why a request is allowed or denied.

A charm adds the four actions in one line, with a view of its policies; a coordinator has one itself::

    self.mesh_actions = MeshActions(self, lambda client: View(owner, labels, requested=...))
    self.mesh_actions = MeshActions.of_coordinator(self, self.coordinator)

Nothing is written to Kubernetes, and importing this does not import lightkube.
"""

from ._actions import MeshActions
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
