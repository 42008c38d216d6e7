"""The AuthorizationPolicies that make true what consumers ask for."""

from collections.abc import Callable, Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charmlibs.interfaces.service_mesh import MeshPolicy
from consumers import Consumer
from istio_policies import Asked, reconcile_policies, requested_by
from k8s_charm import Owner, ReconcileResult

if TYPE_CHECKING:
    from lightkube import Client
    from lightkube.generic_resource import GenericNamespacedResource

    from k8s_charm import Resource

SCOPE = "istio-authorization-policy"
"""What the policies are for, in the labels by which they are found."""


def _nobody(_: Set[str]) -> Collection[str]:
    return ()


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
        leaving: Callable[[Set[str]], Collection[str]] = _nobody,
        admit_model_operator: bool = False,
        on_trial: bool = False,
        write: bool = True,
    ) -> ReconcileResult:
        """Make what these ask for so, and nothing else; what is not known in full leaves things as they are.

        Args:
            client: with a field manager.
            consumers: the related applications, with what they get.
            own: who may reach the beacon itself.
            leaving: tells, of applications that asked for policies once and are no longer related, which
                ones are to keep theirs for now.
            admit_model_operator: let every source reach Juju's model operator.
            on_trial: have waypoints record what the policies would refuse, and refuse nothing.
            write: False to have the result say what would be done, without doing it.
        """
        related = {consumer.app for consumer in consumers} | {self.owner.app}

        def not_known(askers: Set[str]) -> Collection[str]:
            gone = askers - related
            return {
                *(consumer.app for consumer in consumers if consumer.keeps),
                *(leaving(gone) if gone else ()),
            }

        return reconcile_policies(
            client,
            [
                *(Asked(policy, [consumer.app]) for consumer in consumers for policy in consumer.granted),
                *(Asked(policy, [self.owner.app]) for policy in own),
            ],
            # Never on trial: it refuses nobody, and without it a hardened mesh would have nothing deployed.
            also=[model_operator_policy(self.owner)] if admit_model_operator else [],
            labels=self.owner.labels(SCOPE),
            owner=self.owner,
            unreadable=not_known,
            dry_run=on_trial,
            write=write,
        )

    def asked_for(self, result: ReconcileResult) -> "list[Resource]":
        """The policies in Kubernetes that a consumer asked for."""
        return [policy for policy in result.live if requested_by(policy) - {self.owner.app}]


def model_operator_policy(owner: Owner) -> "GenericNamespacedResource":
    """Let anybody in to the pod that answers Kubernetes' admission requests for Juju.

    They come from the API server, which has no identity in the mesh: in a hardened mesh, no
    application of the model could be created or changed without this.
    """
    from istio_policies import AuthorizationPolicy

    name = f"{owner.model}.{owner.app}.modeloperator"
    return AuthorizationPolicy.from_dict(
        {
            "metadata": {"name": name, "namespace": owner.model},
            "spec": {
                "selector": {"matchLabels": {"juju-modeloperator": "modeloperator"}},
                "action": "ALLOW",
                "rules": [{}],
            },
        }
    )
