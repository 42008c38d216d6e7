"""AuthorizationPolicies that close consumers which no policy closes yet."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from charmlibs.interfaces.service_mesh import PolicyTargetType
from consumers import Consumer
from istio_policies import APPLICATION_LABEL
from k8s_charm import Json, Owner

if TYPE_CHECKING:
    from lightkube.generic_resource import GenericNamespacedResource


def closing_policies(owner: Owner, consumers: Sequence[Consumer]) -> "list[GenericNamespacedResource]":
    """Return policies that allow nothing, for the pods and Services of consumers on which there is none.

    A consumer whose requests are not known in full keeps what it has, and is not closed.
    """
    from istio_policies import AuthorizationPolicy

    policies: list[GenericNamespacedResource] = []
    for consumer in consumers:
        for name, target in () if consumer.keeps_policies else _open_targets(consumer):
            own = {"name": f"{owner.model}.{owner.app}.{consumer.app}.{name}", "namespace": owner.model}
            spec = {"action": "ALLOW", **target}
            policies.append(AuthorizationPolicy.from_dict({"metadata": own, "spec": spec}))
    return policies


def _open_targets(consumer: Consumer) -> Iterator[tuple[str, Json]]:
    targets = {policy.target_type for policy in consumer.granted}
    if not targets:
        yield "closed-pods", {"selector": {"matchLabels": {APPLICATION_LABEL: consumer.app}}}
    if PolicyTargetType.app not in targets:
        yield "closed-service", {"targetRefs": [{"group": "", "kind": "Service", "name": consumer.app}]}
