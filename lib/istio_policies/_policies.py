"""Mesh policies as Istio's AuthorizationPolicies: from requests to the changes in Kubernetes."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

from charmlibs.interfaces.service_mesh import MeshPolicy
from k8s_charm import (
    Changes,
    Client,
    Deadline,
    Failure,
    Json,
    Live,
    Owner,
    Resource,
    annotations,
    list_owned,
    manifest,
    metadata,
    plan,
    reference,
    subtree,
)

from ._audit import PURPOSE, allow_everything_on
from ._description import target_refs
from ._names import assign_names, first_name, policy_name
from ._object import policy_object
from ._rules import TRUST_DOMAIN, PolicyRule, rule_of_policy, rule_of_spec, spec

REQUESTED_BY = "charms.canonical.com/mesh.requested-by"
DRY_RUN = "istio.io/dry-run"
ROOT_NAMESPACE = "istio-system"
"""The root namespace of a mesh, unless its control plane runs in another one."""
_UNPROCESSABLE = 422
_TOO_WIDE = "in Istio's root namespace a policy on pods holds in all models"
_ANOTHER_MODEL = "use another model"


class PolicyRequestFrom(NamedTuple):
    """A policy with the applications that request it."""

    policy: MeshPolicy
    by: Collection[str] = ()
    trust_domain: str = TRUST_DOMAIN
    """The trust domain of the mesh."""


@dataclass(frozen=True)
class DesiredPolicies:
    """All policies that one owner is to write."""

    requests: Iterable[PolicyRequestFrom] = ()
    """The policies, with the applications that request them."""
    retain: Collection[str] = ()
    """Applications whose requests are not known in full; their policies are kept, and not overwritten."""
    dry_run: bool = False
    """True to have waypoints record what they would deny, and to allow everything on these targets."""


def list_policies(client: Client, labels: Mapping[str, str], owner: Owner, deadline: Deadline) -> Live:
    """List the AuthorizationPolicies of an owner, in all namespaces; see `list_owned`."""
    from ._kinds import AuthorizationPolicy

    return list_owned(client, [AuthorizationPolicy], labels, owner, deadline)


def plan_policies(
    live: Live,
    policies: DesiredPolicies,
    *,
    also: Iterable[Resource] = (),
    ignore_missing: bool = True,
    root_namespaces: Collection[str] = (ROOT_NAMESPACE,),
) -> Changes:
    """Plan the changes so that the owner's AuthorizationPolicies allow the requested traffic, and no more.

    Traffic that was allowed and is still requested stays allowed throughout: a changed policy is one update,
    and among several with the same target and source the new ones are created before one that is no longer
    requested is overwritten or deleted.

    Args:
        live: the owner's AuthorizationPolicies.
        policies: all policies.
        also: other AuthorizationPolicies to write, which no mesh policy can express.
        ignore_missing: see `plan`.
        root_namespaces: namespaces whose policies on pods hold in all namespaces. Requested policies on pods
            there are not written, and are in the result's `failed`.
    """
    extra = {reference(policy): policy for policy in also}
    named = [policy for policy in live if reference(policy) not in extra]
    desired = authorization_policies(policies, named, owner=live.owner)
    refs = {reference(policy) for policy in desired}
    retained = [policy for policy in named if _may_be_from(policy, policies.retain)]
    not_requested = (policy for policy in retained if reference(policy) not in refs)
    everything = [*desired, *_in_other_mode(not_requested, dry_run=policies.dry_run)]
    too_wide = {reference(each) for each in everything if holds_everywhere(each, root_namespaces)}
    changes = plan(
        live,
        [*(each for each in everything if reference(each) not in too_wide), *extra.values()],
        retain={reference(policy) for policy in retained if not holds_everywhere(policy, root_namespaces)},
        group=lambda policy: _group(policy, live.owner),
        fair_by=requested_by,
        ignore_missing=ignore_missing,
    )
    failures = (
        Failure(ref, "create", _UNPROCESSABLE, _TOO_WIDE, remedy=_ANOTHER_MODEL) for ref in sorted(too_wide)
    )
    return replace(changes, failed=(*changes.failed, *failures))


def holds_everywhere(policy: Resource, root_namespaces: Collection[str] = (ROOT_NAMESPACE,)) -> bool:
    """Return whether a policy holds for pods of all namespaces."""
    is_on_pods = not target_refs(subtree(manifest(policy), "spec"))
    return is_on_pods and metadata(policy)["namespace"] in root_namespaces


def authorization_policies(
    policies: DesiredPolicies, live: Iterable[Resource] = (), *, owner: Owner
) -> list[Resource]:
    """Return policies as AuthorizationPolicies, one for each distinct rule, sorted by name.

    The name of an object does not depend on its rule. A live object keeps its name as long as its rule is
    requested. Of the others, one for each target and source is overwritten if there is a new rule; every
    further new rule gets a new name.
    """
    requesters: defaultdict[PolicyRule, set[str]] = defaultdict(set)
    for policy, by, trust_domain in policies.requests:
        requesters[rule_of_policy(policy, trust_domain)].update(by)
    present = {_place(resource): resource for resource in live if PURPOSE not in annotations(resource)}
    reusable = {place for place, resource in present.items() if not _may_be_from(resource, policies.retain)}
    desired: list[Resource] = []
    for rule, name in assign_names(requesters.keys(), present, owner, reusable).items():
        by = requesters[rule]
        if holder := present.get((rule.key.namespace, name)):
            by |= requested_by(holder) & set(policies.retain)
        marks = {REQUESTED_BY: ",".join(sorted(by))} if by else {}
        if policies.dry_run:
            marks[DRY_RUN] = "true"
        own: Json = {"name": name, "namespace": rule.key.namespace, "annotations": marks}
        desired.append(policy_object(own, spec(rule)))
    if policies.dry_run:
        retained = [resource for resource in present.values() if _may_be_from(resource, policies.retain)]
        desired += allow_everything_on(owner, [*desired, *retained])
    return sorted(desired, key=_place)


def requested_by(resource: Resource) -> frozenset[str]:
    """Return the applications that requested an AuthorizationPolicy."""
    return frozenset(filter(None, annotations(resource).get(REQUESTED_BY, "").split(",")))


def requesters(live: Iterable[Resource]) -> Set[str]:
    """Return all applications that requested any of the AuthorizationPolicies."""
    return frozenset[str]().union(*map(requested_by, live))


def _in_other_mode(policies: Iterable[Resource], *, dry_run: bool) -> Iterator[Resource]:
    """Yield the policies that are in the other mode, changed to this one."""
    for policy in policies:
        if (annotations(policy).get(DRY_RUN) == "true") is not dry_run:
            namespace, name = _place(policy)
            marks = {key: value for key, value in annotations(policy).items() if key == REQUESTED_BY}
            own: Json = {"name": name, "namespace": namespace}
            own["annotations"] = marks | ({DRY_RUN: "true"} if dry_run else {})
            yield policy_object(own, subtree(manifest(policy), "spec"))


def _may_be_from(policy: Resource, apps: Collection[str]) -> bool:
    """Return whether one of the applications may have requested this: older revisions did not record it."""
    if not apps or PURPOSE in annotations(policy):
        return False
    by = requested_by(policy)
    return not by or not by.isdisjoint(apps)


def _place(resource: Resource) -> tuple[str, str]:
    own = metadata(resource)
    return own["namespace"], own["name"]


def _group(policy: Resource, owner: Owner) -> Hashable:
    namespace, name = _place(policy)
    rule = rule_of_spec(namespace, subtree(manifest(policy), "spec"))
    return namespace, policy_name(owner, rule.key) if rule else first_name(name)
