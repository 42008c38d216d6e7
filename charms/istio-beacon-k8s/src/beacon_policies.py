"""The AuthorizationPolicies that make true what consumers ask for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mesh_history
from charmlibs.interfaces.service_mesh import MeshPolicy
from consumers import Consumer
from mesh_resources import Asked, Owner, ReconcileResult, reconcile_policies, requested_by

if TYPE_CHECKING:
    from lightkube import Client
    from lightkube.generic_resource import GenericNamespacedResource

SCOPE = "istio-authorization-policy"
"""What the policies are for, in the labels by which they are found."""


@dataclass(frozen=True)
class BeaconPolicies:
    """The policies of one beacon in Kubernetes."""

    owner: Owner

    def reconcile(
        self,
        client: "Client",
        *,
        consumers: Sequence[Consumer] = (),
        own: Iterable[MeshPolicy] = (),
        admit_model_operator: bool = False,
    ) -> ReconcileResult:
        """Make what these ask for so, and nothing else; what can't be read leaves things as they are.

        Args:
            client: with a field manager.
            consumers: the related applications, with what they get.
            own: who may reach the beacon itself.
            admit_model_operator: let every source reach Juju's model operator.
        """
        result = reconcile_policies(
            client,
            [
                *(Asked(policy, [consumer.app]) for consumer in consumers for policy in consumer.granted),
                *(Asked(policy, [self.owner.app]) for policy in own),
            ],
            also=[self._model_operator()] if admit_model_operator else [],
            labels=self.owner.labels(SCOPE),
            owner=self.owner,
            unreadable=[consumer.app for consumer in consumers if consumer.unreadable],
        )
        if result.changed:
            mesh_history.record(result.before, result.live)
        return result

    def count(self, result: ReconcileResult) -> int:
        """How many of the policies in Kubernetes a consumer asked for."""
        return sum(bool(requested_by(policy) - {self.owner.app}) for policy in result.live)

    def _model_operator(self) -> "GenericNamespacedResource":
        """Let anybody in to the pod that answers Kubernetes' admission requests for Juju.

        They come from the API server, which has no identity in the mesh: in a hardened mesh, no
        application of the model could be created or changed without this.
        """
        from mesh_resources import AuthorizationPolicy

        name = f"{self.owner.model}.{self.owner.app}.modeloperator"
        return AuthorizationPolicy.from_dict(
            {
                "metadata": {"name": name, "namespace": self.owner.model},
                "spec": {
                    "selector": {"matchLabels": {"juju-modeloperator": "modeloperator"}},
                    "action": "ALLOW",
                    "rules": [{}],
                },
            }
        )
