"""Who may do what, and whether the mesh sees to it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from istio_policies import requested_by
from k8s_charm import reference

from ._cluster import Policy, read_list, read_policy
from ._view import View, Wish
from ._way import target_refs
from ._words import is_of_nobody_yet, plain, requests_of, sources_of, targets_of

if TYPE_CHECKING:
    from lightkube import Client

    from k8s_charm import ObjectRef, Resource

State: TypeAlias = Literal[
    "enforced", "not enforced", "unknown", "audit", "left out", "not written", "refused"
]
"""`unknown`: Istio has not said anything yet. `audit`: waypoints record what they would refuse. `left out`:
not even that. `refused`: the charm that asks may not have it."""

_LEFT_OUT = (
    "Istio does not even record what a policy on pods would do, unless its experimental "
    "AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY is on"
)
_NOBODY_YET = "it lets in nobody until an application of another model says over cross_model_mesh who it is"
_MOST_NAMES = 20


@dataclass(frozen=True)
class Row:
    """A policy, in words."""

    sources: tuple[str, ...]
    """Who is let in: applications as `model/application`."""
    targets: tuple[str, ...]
    """To what: a Service as `model/service`, or units."""
    requests: tuple[str, ...]
    """With what: `GET /items on 8080`."""
    consumers: tuple[str, ...]
    """The applications that ask for it."""
    relations: tuple[str, ...]
    """The endpoints whose relations it follows from, as far as that is known."""
    policy: str
    """The AuthorizationPolicy's namespace and name; empty if there is to be none."""
    state: State
    reason: str
    """Why it is not enforced, lets in nobody or is not what is asked for; empty if none of that is so."""
    askers: tuple[str, ...] = ()
    """The consumers, each with its endpoint or relation: `catalogue:items`, `catalogue (service-mesh:3)`."""


@dataclass(frozen=True)
class Policies:
    """A charm's AuthorizationPolicies, as they are and as they should be."""

    live: "tuple[Resource, ...]"
    wanted: "tuple[Resource, ...]"
    remarks: "Mapping[ObjectRef, str]"
    """Of those that there are and that are not as they should be, why that is so."""

    @property
    def all(self) -> "list[Resource]":
        """Those that there are, and those that there should be besides; by namespace and name."""
        live = {reference(each): each for each in self.live}
        missing = [each for each in self.wanted if reference(each) not in live]
        return sorted([*self.live, *missing], key=reference)


def read_policies(client: "Client", view: View) -> Policies:
    """Read a charm's AuthorizationPolicies, in one request.

    Raises:
        UnreadableClusterError: if Kubernetes does not tell them.
    """
    from istio_policies import AuthorizationPolicy

    found = read_list(client, AuthorizationPolicy, labels=view.labels)
    live = tuple(each for each in found if view.owner.owns(each))
    kept = view.kept({asker for each in live for asker in requested_by(each)})
    wanted = view.resources(live, kept)
    return Policies(live, tuple(wanted), dict(_remarks(live, wanted, kept, view)))


def list_policies(policies: Policies, view: View) -> list[Row]:
    """Say of each policy what it means and whether it is enforced.

    Args:
        policies: what there is and should be.
        view: what the charm knows of them.
    """
    present = {reference(each) for each in policies.live}

    def row(resource: "Resource") -> Row:
        ref = reference(resource)
        return _row(read_policy(resource), view, written=ref in present, remark=policies.remarks.get(ref, ""))

    return [*map(row, policies.all), *_refused(view)]


def chosen(rows: Iterable[Row], source: str | None, target: str | None) -> list[Row]:
    """Those for an application, `app` or `model/app`, and about another or its Service; None is any."""
    return [row for row in rows if _is_among(source, row.sources) and _is_among(target, row.targets)]


def why_none(rows: Iterable[Row], source: str | None, target: str | None) -> str:
    """Why nothing is left of all policies, with what there is; empty if there was nothing in the first place.

    Args:
        rows: all policies.
        source: what was asked for.
        target: the same.
    """
    every = list(rows)
    sources = {name for row in every for name in row.sources}
    targets = {plain(name) for row in every for name in row.targets}
    for filtered, wanted, names in (("source", source, sources), ("target", target, targets)):
        if names and not _is_among(wanted, sorted(names)):
            shown = sorted(names)[:_MOST_NAMES]
            more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
            return f"no policy has {filtered}={wanted}; there is {', '.join(shown)}{more}"
    either = "though some have the one or the other"
    return f"no policy has source={source} and target={target}, {either}" if every else ""


def concerns(policy: Policy, source: str | None, target: str | None) -> bool:
    """Whether a policy is for an application and about another; None is any."""
    return _is_among(source, sources_of(policy)) and _is_among(target, targets_of(policy))


def _remarks(
    live: "Iterable[Resource]", wanted: "Iterable[Resource]", kept: Mapping[str, str], view: View
) -> "Iterator[tuple[ObjectRef, str]]":
    """Say of what there is why it is not as it should be, which the charm's next hook sees to if it can."""
    wanted_by_ref = {} if view.unwritten else {reference(each): each for each in wanted}
    if_not = f", or {view.look_at}" if view.look_at else ""
    for resource in live:
        ref = reference(resource)
        is_so = read_policy(resource)
        should = wanted_by_ref.get(ref)
        if should is None:
            # An older revision did not note who asked.
            reasons = [kept[app] for app in sorted(is_so.asked_by or kept) if app in kept]
            yield ref, "; ".join(reasons) or f"not asked for any more: it goes at the next hook{if_not}"
        elif _is_other(is_so, read_policy(should)):
            yield ref, f"differs from what is asked for: it is put right at the next hook{if_not}"


def _is_other(one: Policy, other: Policy) -> bool:
    return (one.spec, one.dry_run) != (other.spec, other.dry_run)


def _row(policy: Policy, view: View, *, written: bool, remark: str) -> Row:
    wishes = view.wishes_behind(policy)
    state, reason = _state(policy, view, written=written)
    if not reason and is_of_nobody_yet(policy):
        consumer = " or ".join(sorted(policy.asked_by)) or "what it asks"
        reason = f"{_NOBODY_YET}: relate it to {consumer} over that, too"
    askers = {_asker(wish) for wish in wishes} | (policy.asked_by - {wish.by for wish in wishes})
    endpoints = {f"{wish.by}:{wish.endpoint}" for wish in wishes if wish.endpoint}
    return Row(
        sources=tuple(sources_of(policy)),
        targets=tuple(targets_of(policy)),
        requests=tuple(requests_of(policy)),
        consumers=tuple(sorted(policy.asked_by | {wish.by for wish in wishes})),
        askers=tuple(sorted(askers)),
        relations=tuple(sorted(endpoints)) or tuple(sorted({wish.relation for wish in wishes} - {""})),
        policy=str(policy),
        state=state,
        reason="; ".join(filter(None, [reason, remark])),
    )


def _asker(wish: Wish) -> str:
    if wish.endpoint:
        return f"{wish.by}:{wish.endpoint}"
    return f"{wish.by} ({wish.relation})" if wish.relation else wish.by


def _state(policy: Policy, view: View, *, written: bool) -> tuple[State, str]:
    if not written:
        return "not written", view.why_unwritten
    if policy.dry_run:
        return _on_trial(policy, view)
    if policy.enforced is None:
        return "unknown", "Istio has not said anything of it yet"
    return ("enforced", "") if policy.enforced else ("not enforced", policy.problem)


def _on_trial(policy: Policy, view: View) -> tuple[State, str]:
    if policy.enforced is False and not target_refs(policy):
        return "left out", _LEFT_OUT
    meaning = "it is recorded what it would do; it refuses nobody and lets in nobody"
    return "audit", policy.problem or ": ".join(filter(None, [meaning, view.enforce]))


def _refused(view: View) -> Iterator[Row]:
    for wish in view.wishes:
        if wish.refused:
            policy = view.as_policy(wish)
            yield Row(
                sources=tuple(sources_of(policy)),
                targets=tuple(targets_of(policy)),
                requests=tuple(requests_of(policy)),
                consumers=(wish.by,),
                askers=(_asker(wish),),
                relations=(f"{wish.by}:{wish.endpoint}" if wish.endpoint else wish.relation,),
                policy="",
                state="refused",
                reason=wish.refused,
            )


def _is_among(wanted: str | None, names: Sequence[str]) -> bool:
    """Whether one of the names is the wanted one, with its model or without; None is any."""
    return wanted is None or any(wanted in _forms(name) for name in names)


def _forms(name: str) -> Iterable[str]:
    place = plain(name)
    return name, place, place.partition("/")[2]
