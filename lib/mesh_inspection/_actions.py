"""The actions of a charm about its mesh."""

from collections.abc import Callable

import ops

from k8s_charm import Client, Owner

from ._view import CoordinatorInMesh, View, cluster_view

_ACTIONS = ("list-policies", "explain", "export-policies", "mesh-graph")


class MeshActions(ops.Object):
    """The actions `list-policies`, `explain`, `export-policies` and `mesh-graph` of a charm, on any unit.

    Only the actions that charmcraft.yaml declares are observed. Nothing is written, and nothing is read
    before one of them is run.

    Args:
        charm: the charm.
        view: returns the charm's view of its policies, given a client for reading Kubernetes.
    """

    def __init__(self, charm: ops.CharmBase, view: Callable[[Client], View]):
        super().__init__(charm, "mesh-actions")
        self._charm = charm
        self._view = view
        for name in _ACTIONS:
            if name in charm.meta.actions:
                self.framework.observe(charm.on[name].action, self._on_action)

    @classmethod
    def of_coordinator(cls, charm: ops.CharmBase, coordinator: CoordinatorInMesh) -> "MeshActions":
        """Return the actions of a coordinator, about the policies inside its cluster."""
        return cls(charm, lambda _: cluster_view(Owner(charm.app.name, charm.model.name), coordinator))

    def _on_action(self, event: ops.ActionEvent) -> None:
        from ._answers import give

        give(event, self._charm, self._view)
