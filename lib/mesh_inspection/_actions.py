"""The actions with which a charm answers questions about its mesh."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import ops

if TYPE_CHECKING:
    from lightkube import Client

    from ._view import CoordinatorInMesh, View


class MeshActions(ops.Object):
    """The actions `list-policies`, `explain`, `export-policies` and `mesh-graph` of a charm, on any unit.

    Only the actions that charmcraft.yaml declares are observed. Nothing is written, and nothing is imported
    or read before one of them is run.

    Args:
        charm: the charm.
        view: returns the charm's own knowledge of its policies, given a client for what only Kubernetes has.
    """

    def __init__(self, charm: ops.CharmBase, view: "Callable[[Client], View]"):
        super().__init__(charm, "mesh-actions")
        self._charm = charm
        self._view = view
        handlers = {
            "list-policies": self._on_list_policies,
            "explain": self._on_explain,
            "export-policies": self._on_export_policies,
            "mesh-graph": self._on_mesh_graph,
        }
        for name, handler in handlers.items():
            if name in charm.meta.actions:
                self.framework.observe(charm.on[name].action, handler)

    @classmethod
    def of_coordinator(cls, charm: ops.CharmBase, coordinator: "CoordinatorInMesh") -> "MeshActions":
        """Return the actions of a coordinator, about the policies inside its cluster."""

        def view(_: "Client") -> "View":
            from k8s_charm import Owner

            from ._view import cluster_view

            return cluster_view(Owner(charm.app.name, charm.model.name), coordinator)

        return cls(charm, view)

    def _on_list_policies(self, event: ops.ActionEvent) -> None:
        from . import _answers

        _answers.give(_answers.listing, event, self._charm, self._view)

    def _on_explain(self, event: ops.ActionEvent) -> None:
        from . import _answers

        _answers.give(_answers.explanation, event, self._charm, self._view)

    def _on_export_policies(self, event: ops.ActionEvent) -> None:
        from . import _answers

        _answers.give(_answers.exported, event, self._charm, self._view)

    def _on_mesh_graph(self, event: ops.ActionEvent) -> None:
        from . import _answers

        _answers.give(_answers.graph, event, self._charm, self._view)
