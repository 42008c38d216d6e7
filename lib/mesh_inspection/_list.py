"""Policies as rows of a table: sources, targets and requests, with the relation and the enforcement."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from istio_policies import (
    describe_requests,
    describe_sources,
    describe_targets,
    has_unresolved_source,
    is_for_audit,
    requested_by,
    target_name,
    target_refs,
)
from k8s_charm import Client, ObjectRef, Resource, manifest, reference

from ._cluster import LivePolicy, read_pod, read_policy
from ._cluster import Pod as MeshPod
from ._control_plane import read_list
from ._view import RequestedPolicy, View

State: TypeAlias = Literal[
    "enforced", "not enforced", "unknown", "audit", "ignored", "not written", "rejected"
]
"""`unknown`: not yet reconciled by Istio. `audit`: waypoints record what they would deny. `ignored`: not even
that. `rejected`: the application that requests it may not have it."""

_IGNORED = (
    "in audit mode Istio ignores policies on pods, unless its experimental "
    "AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY is on"
)
_UNRESOLVED = (
    "waiting for the identity of an application of another model: integrate it with {} over cross_model_mesh"
)
_MOST_NAMES = 20


@dataclass(frozen=True)
class Row:
    """A row of the table: one policy in words."""

    sources: tuple[str, ...]
    """Allowed sources: applications as `model/application`."""
    targets: tuple[str, ...]
    """Targets: a Service as `model/service`, or units."""
    requests: tuple[str, ...]
    """Allowed requests: `GET /items on 8080`."""
    consumers: tuple[str, ...]
    """The applications that request it."""
    relations: tuple[str, ...]
    """The endpoints whose relations it follows from, as far as that is known."""
    policy: str
    """The AuthorizationPolicy's namespace and name; empty for a rejected request."""
    state: State
    reason: str
    """Reason that it is not enforced, allows nothing, or differs from the request; empty otherwise."""
    origins: tuple[str, ...] = ()
    """The consumers, each with its endpoint or relation: `catalogue:items`, `catalogue (service-mesh:3)`."""


@dataclass(frozen=True)
class Policies:
    """A charm's AuthorizationPolicies, live and desired."""

    live: tuple[Resource, ...]
    desired: tuple[Resource, ...]
    remarks: Mapping[ObjectRef, str]
    """The reason for each live policy that is not as desired."""
    without_pods: frozenset[ObjectRef] = frozenset()
    """Live policies that select no pod of the owner's model: Istio accepts them, and they have no effect."""

    @property
    def all(self) -> list[Resource]:
        """All live policies, and the desired ones that are not live, by namespace and name.

        Those that allow everything as long as others are in audit mode are omitted: the others show it.
        """
        live = {reference(each): each for each in self.live}
        missing = [each for each in self.desired if reference(each) not in live]
        found = [each for each in (*self.live, *missing) if not is_for_audit(each)]
        return sorted(found, key=reference)


def read_policies(client: Client, view: View) -> Policies:
    """Read a charm's AuthorizationPolicies, and the pods of its model.

    Raises:
        UnreadableClusterError: if Kubernetes does not return them.
    """
    from lightkube.resources.core_v1 import Pod

    from istio_policies import AuthorizationPolicy

    found = read_list(client, AuthorizationPolicy, labels=view.labels)
    live = tuple(each for each in found if view.owner.owns(each))
    retained = view.retained(set[str]().union(*map(requested_by, live)))
    desired = view.resources(live, retained)
    pods = [read_pod(manifest(pod), {}) for pod in read_list(client, Pod, view.owner.model)] if live else []
    return Policies(
        live,
        tuple(desired),
        dict(_remarks(live, desired, retained, view)),
        frozenset(reference(each) for each in live if pods and selects_none(read_policy(each), pods)),
    )


def selects_none(policy: LivePolicy, pods: Collection[MeshPod]) -> bool:
    """Return whether a policy applies at pods, and selects no existing pod of its namespace."""
    here = [pod for pod in pods if pod.namespace == policy.namespace]
    return policy.is_on_pods and bool(here) and not any(map(policy.selects, here))


def list_policies(policies: Policies, view: View) -> list[Row]:
    """Return a row for each policy, with its state; policies that belong to those on Services have none."""
    live = {reference(each) for each in policies.live}
    rows: list[Row] = []
    for resource in policies.all:
        ref = reference(resource)
        remark = policies.remarks.get(ref, "")
        policy = read_policy(resource)
        if ref in policies.without_pods:
            policy = replace(policy, enforced=False, problem="no pod has the labels that it selects")
        if view.allows_waypoint(policy):
            continue
        rows.append(_row(policy, view, is_live=ref in live, remark=remark))
    return [*rows, *_rejected(view)]


def matching(rows: Iterable[Row], source: str | None, target: str | None) -> list[Row]:
    """Return the rows with this source and target, each `app` or `model/app`; None is any."""
    return [row for row in rows if _is_among(source, row.sources) and _is_among(target, row.targets)]


def why_none(rows: Iterable[Row], source: str | None, target: str | None) -> str:
    """Return the reason that no row matches, with the known names; empty if there are no rows at all."""
    every = list(rows)
    sources = set[str]().union(*(row.sources for row in every))
    targets = {target_name(name) for name in set[str]().union(*(row.targets for row in every))}
    for chosen, wanted, names in (("source", source, sources), ("target", target, targets)):
        if names and not _is_among(wanted, sorted(names)):
            shown = sorted(names)[:_MOST_NAMES]
            more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
            return f"no policy has {chosen}={wanted}; there is {', '.join(shown)}{more}"
    either = "although some have one of them"
    return f"no policy has source={source} and target={target}, {either}" if every else ""


def concerns(policy: LivePolicy, source: str | None, target: str | None) -> bool:
    """Return whether a policy has this source and target; None is any."""
    sources, targets, _ = _in_words(policy)
    return _is_among(source, sources) and _is_among(target, targets)


def _remarks(
    live: Iterable[Resource], desired: Iterable[Resource], retained: Mapping[str, str], view: View
) -> Iterator[tuple[ObjectRef, str]]:
    """Yield the reason for each live policy that is not as desired; the next hook corrects it if it can."""
    desired_by_ref = {} if view.unwritten else {reference(each): read_policy(each) for each in desired}
    if_not = f", or see `{view.details_command}`" if view.details_command else ""
    for resource in live:
        ref = reference(resource)
        is_so = read_policy(resource)
        should = desired_by_ref.get(ref)
        if should is None:
            # An older revision did not record the requester.
            reasons = [retained[app] for app in sorted(is_so.requested_by or retained) if app in retained]
            yield ref, "; ".join(reasons) or f"no longer requested: deleted at the next hook{if_not}"
        elif (is_so.spec, is_so.dry_run) != (should.spec, should.dry_run):
            yield ref, f"differs from what is requested: corrected at the next hook{if_not}"


def _row(policy: LivePolicy, view: View, *, is_live: bool, remark: str) -> Row:
    requested = view.requests_behind(policy)
    state, reason = _state(policy, view) if is_live else ("not written", view.why_unwritten)
    if not reason and has_unresolved_source(policy.spec):
        reason = _UNRESOLVED.format(" or ".join(sorted(policy.requested_by)) or "its target")
    known = {each.by for each in requested}
    endpoints = {each.origin for each in requested if each.endpoint}
    return Row(
        *_in_words(policy),
        consumers=tuple(sorted(policy.requested_by | known)),
        origins=tuple(sorted({*map(_consumer, requested), *(policy.requested_by - known)})),
        relations=tuple(sorted(endpoints or {each.relation for each in requested} - {""})),
        policy=str(policy),
        state=state,
        reason="; ".join(filter(None, [reason, remark])),
    )


def _consumer(requested: RequestedPolicy) -> str:
    if requested.endpoint:
        return requested.origin
    return f"{requested.by} ({requested.relation})" if requested.relation else requested.by


def _state(policy: LivePolicy, view: View) -> tuple[State, str]:
    if policy.dry_run:
        if policy.enforced is False and not target_refs(policy.spec):
            return "ignored", _IGNORED
        meaning = "logged, not enforced"
        return "audit", policy.problem or ": ".join(filter(None, [meaning, view.enforce_command]))
    if policy.enforced is None:
        return "unknown", "not yet reconciled by Istio"
    return ("enforced", "") if policy.enforced else ("not enforced", policy.problem)


def _rejected(view: View) -> Iterator[Row]:
    for requested in view.requested:
        if requested.rejected:
            yield Row(
                *_in_words(view.as_policy(requested)),
                consumers=(requested.by,),
                origins=(_consumer(requested),),
                relations=(requested.origin,),
                policy="",
                state="rejected",
                reason=": ".join(filter(None, [requested.rejected, requested.command])),
            )


def _in_words(policy: LivePolicy) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the sources, the targets and the requests of a policy."""
    return (
        tuple(describe_sources(policy.spec)),
        tuple(describe_targets(policy.namespace, policy.spec)),
        tuple(describe_requests(policy.spec)),
    )


def _is_among(wanted: str | None, names: Sequence[str]) -> bool:
    """Return whether a name, with its model or without, is among the names; None is any."""
    return wanted is None or any(wanted in _forms(name) for name in names)


def _forms(name: str) -> Iterable[str]:
    plain = target_name(name)
    return name, plain, plain.partition("/")[2]
