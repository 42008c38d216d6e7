"""Policies of the beacon that no consumer requests."""

from collections.abc import Iterator, Sequence

from charmlibs.interfaces.service_mesh import MeshPolicy, PolicyTargetType
from consumers import Consumer
from desired_state import DesiredState
from istio_policies import APPLICATION_LABEL, audit_policies, describe_sources, policy_object
from k8s_charm import Json, Owner, Resource, manifest, subtree
from waypoint import Waypoint

_MODEL_OPERATORS = {
    "modeloperator": {"operator.juju.is/name": "modeloperator", "operator.juju.is/target": "model"},
    "modeloperator-legacy": {"juju-modeloperator": "modeloperator"},
}
"""The labels that Juju gives its model operator's pod today, and those that it gave it before."""


def additional_policies(
    owner: Owner,
    consumers: Sequence[Consumer],
    desired: DesiredState,
    model_operator: Sequence[Resource],
) -> list[Resource]:
    """Return the policies that no consumer requests, those for Juju's model operator among them.

    None of them is in audit mode: there they allow everything.
    """
    made = list(model_operator)
    if desired.is_audit:
        made += audit_policies(owner, _applications(owner, consumers))
    elif desired.config.close_unprotected:
        made += _closing_policies(owner, consumers)
    return made


def waypoint_access(waypoint: Waypoint, consumer: Consumer) -> Iterator[MeshPolicy]:
    """Yield the policies on pods that go with a consumer's policies on Services of the beacon's model.

    Without them, where istiod's PILOT_AUTO_ALLOW_WAYPOINT_POLICY is off, pods with policies would deny what
    the waypoint has allowed, and pods without policies would be open to sources that bypass it.
    """
    model = waypoint.owner.model
    apps = {
        policy.target_app_name or consumer.app
        for policy in consumer.granted
        if policy.target_type is PolicyTargetType.app and policy.target_namespace == model
    }
    for app in sorted(apps):
        yield MeshPolicy(
            source_namespace=model,
            source_app_name=waypoint.name,  # its service account has the same name
            target_namespace=model,
            target_app_name=app,
            target_type=PolicyTargetType.unit,
        )


def is_waypoint_access(policy: Resource, waypoint: Waypoint) -> bool:
    """Return whether an AuthorizationPolicy allows the beacon's waypoint, and no other source."""
    return describe_sources(subtree(manifest(policy), "spec")) == [f"{waypoint.owner.model}/{waypoint.name}"]


def _applications(owner: Owner, consumers: Sequence[Consumer]) -> set[tuple[str, str]]:
    """Return namespace and name of all applications that are in audit mode."""
    found = {(owner.model, consumer.app) for consumer in consumers}
    for consumer in consumers:
        for policy in consumer.granted:
            if policy.target_app_name:
                found.add((policy.target_namespace, policy.target_app_name))
    return found


def model_operator_policies(owner: Owner) -> list[Resource]:
    """Return the policies that allow all requests to Juju's model operator, by the labels of each form of it.

    They come from the API server, which has no identity in the mesh: in a hardened mesh, no application of
    the model could be created or changed without them.
    """
    return [
        policy_object(
            {"name": f"{owner.model}.{owner.app}.{name}", "namespace": owner.model},
            {"selector": {"matchLabels": labels}, "action": "ALLOW", "rules": [{}]},
        )
        for name, labels in _MODEL_OPERATORS.items()
    ]


def _closing_policies(owner: Owner, consumers: Sequence[Consumer]) -> list[Resource]:
    """Return policies that allow nothing, for the pods and Services of consumers on which there is none.

    A consumer whose requests are not known in full keeps what it has, and is not closed.
    """
    policies: list[Resource] = []
    for consumer in consumers:
        for name, target in () if consumer.keeps_policies else _open_targets(consumer):
            own = {"name": f"{owner.model}.{owner.app}.{consumer.app}.{name}", "namespace": owner.model}
            policies.append(policy_object(own, {"action": "ALLOW", **target}))
    return policies


def _open_targets(consumer: Consumer) -> Iterator[tuple[str, Json]]:
    targets = {policy.target_type for policy in consumer.granted}
    if not targets:
        yield "closed-pods", {"selector": {"matchLabels": {APPLICATION_LABEL: consumer.app}}}
    if PolicyTargetType.app not in targets:
        yield "closed-service", {"targetRefs": [{"group": "", "kind": "Service", "name": consumer.app}]}
