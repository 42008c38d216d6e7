"""The beacon's knowledge of its policies, for its actions."""

from collections.abc import Iterator, Mapping, Sequence, Set

import consumers
from additional_policies import additional_policies, model_operator_policies, waypoint_access
from beacon_config import BeaconConfig, PolicyMode
from charmlibs.interfaces.service_mesh import PolicyRequest
from former_consumers import former_consumers
from k8s_charm import Client, Owner
from mesh_inspection import DeclaredPolicy, RequestedPolicy, View, endpoint_of
from model_objects import ModelObjects
from policy_step import SCOPE
from sources import SCRAPERS_MAY, Sources
from waypoint import Waypoint


def view(sources: Sources, client: Client, waypoint: Waypoint) -> View:
    """Return the policies that consumers request of the beacon, and how they are applied."""
    owner, config = waypoint.owner, sources.config
    desired = sources.desired_state(config.mode)
    declared = [DeclaredPolicy(owner.model, owner.app, SCRAPERS_MAY)]
    for relation, policies in sources.mesh.declared().items():
        declared += [DeclaredPolicy(owner.model, relation.app.name, policy) for policy in policies]
    model = ModelObjects(client, owner)
    known = consumers.load(desired, model)

    def retained(askers: Set[str]) -> Mapping[str, str]:
        gone = askers - {consumer.app for consumer in known} - {owner.app}
        former = former_consumers(model, gone, waypoint.name, desired.unnamed)
        return {
            **{
                consumer.app: consumers.why_retained(consumer)
                for consumer in known
                if consumer.keeps_policies
            },
            **former.reasons,
        }

    requested = [
        RequestedPolicy(policy, owner.app, endpoint=endpoint_of(policy, declared))
        for policy in desired.own_policies
    ]
    for request, consumer in zip(desired.requests, known, strict=True):
        requested += _requested(request, consumer, declared, owner)
        for policy in waypoint_access(waypoint, consumer):
            requested.append(RequestedPolicy(policy, consumer.app, relation=consumer.relation))
    is_off = config.mode is PolicyMode.off
    return View(
        owner,
        owner.labels(SCOPE),
        requested=requested,
        declared=declared,
        retained=retained,
        unwritten="policies are off" if is_off else "",
        write_command=_switch_on(config, owner) if is_off else "",
        details_command=f"juju run {owner.app}/leader plan",
        dry_run=desired.is_audit,
        enforce_command=f"juju config {owner.app} policy-mode=enforce",
        trust_domain=config.trust_domain,
        beacon=owner.app,
        waypoint=f"{owner.model}/{waypoint.name}",
        additional=additional_policies(
            owner, known, desired, model_operator_policies(owner) if config.model_on_mesh else ()
        ),
    )


def _switch_on(config: BeaconConfig, owner: Owner) -> str:
    options = [
        *([] if config.manage_authorization_policies else ["manage-authorization-policies=true"]),
        *(["policy-mode=enforce"] if config.policy_mode is PolicyMode.off else []),
    ]
    return f"juju config {owner.app} {' '.join(options)}"


def _requested(
    request: PolicyRequest, consumer: consumers.Consumer, declared: Sequence[DeclaredPolicy], owner: Owner
) -> Iterator[RequestedPolicy]:
    own_declared = [each for each in declared if each.app == consumer.app]
    refused = {id(denied.policy): denied for denied in consumer.refused}
    rejected = refused | {id(denied.policy): denied for denied in consumer.undecided}
    for policy in request.policies:
        yield RequestedPolicy(
            policy,
            consumer.app,
            relation=consumer.relation,
            endpoint=endpoint_of(policy, own_declared),
            rejected=rejected[id(policy)].reason if id(policy) in rejected else "",
            command=f"juju config {owner.app} {refused[id(policy)].option}" if id(policy) in refused else "",
        )
