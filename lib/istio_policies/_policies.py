"""Mesh policies as Istio's AuthorizationPolicies."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from charmlibs.interfaces.service_mesh import MeshPolicy
from k8s_charm import Json, Owner, ReconcileResult, annotations, manifest, metadata, reconcile

from ._names import first_name, names, policy_name
from ._rules import Access, Pair, access_of_policy, access_of_spec, spec

if TYPE_CHECKING:
    from lightkube import Client
    from lightkube.generic_resource import GenericNamespacedResource

    from k8s_charm import Resource

_Place: TypeAlias = tuple[str, str]
_Unreadable: TypeAlias = Collection[str] | Callable[[Set[str]], Collection[str]]

REQUESTED_BY = "charms.canonical.com/mesh.requested-by"
DRY_RUN = "istio.io/dry-run"


class Asked(NamedTuple):
    """A policy, and the applications that ask for it."""

    policy: MeshPolicy
    by: Collection[str] = ()


def reconcile_policies(
    client: "Client",
    asked: Iterable[Asked],
    *,
    labels: Mapping[str, str],
    owner: Owner,
    also: "Iterable[GenericNamespacedResource]" = (),
    unreadable: _Unreadable = (),
    dry_run: bool = False,
    force: bool = True,
    ignore_missing: bool = True,
    write: bool = True,
    timeout: float = 20.0,
) -> ReconcileResult:
    """Make the owner's AuthorizationPolicies allow what is asked for, and nothing else.

    What was allowed and is still asked for is allowed at each moment: a policy that changed is one update,
    and of several of the same target and source the new ones are there before one that is not asked for any
    more is overwritten or deleted.

    Args:
        client: with a field manager, for server-side apply.
        asked: all policies, and by whom each is asked for.
        labels: select the owner's AuthorizationPolicies; see `Owner.labels`.
        owner: whose they are.
        also: AuthorizationPolicies that are wanted too, which say what no policy can.
        unreadable: applications whose wishes can't be read now: what they last asked for stays. Or what
            tells these, given all applications that asked for what there is.
        dry_run: have waypoints record what they would refuse, and refuse nothing.
        force: as in `reconcile`, like all that follow.
        ignore_missing: see `reconcile`.
        write: see `reconcile`.
        timeout: see `reconcile`.
    """
    from ._kinds import AuthorizationPolicy

    asked_by = _asked_by(asked)
    also_there = {_place(resource): resource for resource in also}
    stays: Collection[str] = ()

    def wanted(live: "Sequence[Resource]") -> "Iterator[Resource]":
        nonlocal stays
        stays = _of(unreadable, live)
        present = {place: resource for resource in live if (place := _place(resource)) not in also_there}
        rest = dict(present)
        for policy in _authorization_policies(asked_by, owner, present, stays, dry_run=dry_run):
            rest.pop(_place(policy), None)
            yield policy
        yield from also_there.values()
        staying = (resource for resource in rest.values() if _may_be_asked_by(resource, stays))
        yield from _in_other_mode(staying, dry_run=dry_run)

    return reconcile(
        client,
        wanted,
        owned_by_labels=labels,
        kinds=[AuthorizationPolicy],
        owner=owner,
        keep=lambda resource: _may_be_asked_by(resource, stays),
        group=lambda resource: _group(resource, owner),
        for_whom=requested_by,
        force=force,
        ignore_missing=ignore_missing,
        write=write,
        timeout=timeout,
    )


def authorization_policies(
    asked: Iterable[Asked],
    *,
    owner: Owner,
    live: "Iterable[Resource]" = (),
    unreadable: Collection[str] = (),
    dry_run: bool = False,
) -> "list[GenericNamespacedResource]":
    """Turn policies into AuthorizationPolicies, one for all that say the same; sorted by namespace and name.

    Which name a policy gets does not hang on what it allows. A live object keeps its name as long as what
    it allows is asked for; of the others one for each target and source is overwritten, if there is
    something new to allow; the rest of what is new gets new names.

    Args:
        asked: the policies, and by whom each is asked for.
        owner: whose the objects will be; names start with it.
        live: the owner's objects as they are.
        unreadable: applications whose wishes can't be read now: what they last asked for is not overwritten.
        dry_run: mark the objects so that waypoints record what they would refuse, and refuse nothing.
    """
    present = {_place(resource): resource for resource in live}
    return sorted(
        _authorization_policies(_asked_by(asked), owner, present, unreadable, dry_run=dry_run),
        key=_place,
    )


def _of(unreadable: _Unreadable, live: "Iterable[Resource]") -> Collection[str]:
    if not callable(unreadable):
        return unreadable
    return unreadable({asker for resource in live for asker in requested_by(resource)})


def _asked_by(asked: Iterable[Asked]) -> dict[Access, set[str]]:
    result: defaultdict[Access, set[str]] = defaultdict(set)
    for policy, by in asked:
        result[access_of_policy(policy)].update(by)
    return result


def _authorization_policies(
    asked_by: Mapping[Access, Set[str]],
    owner: Owner,
    present: "Mapping[_Place, Resource]",
    unreadable: Collection[str],
    *,
    dry_run: bool,
) -> "Iterator[GenericNamespacedResource]":
    from ._kinds import AuthorizationPolicy

    for access, name in _named(asked_by.keys(), present, owner, unreadable).items():
        by = set(asked_by[access])
        if holder := present.get((access.pair.namespace, name)):
            by |= requested_by(holder) & set(unreadable)
        marks = {REQUESTED_BY: ",".join(sorted(by))} if by else {}
        if dry_run:
            marks[DRY_RUN] = "true"
        own: Json = {"name": name, "namespace": access.pair.namespace, "annotations": marks}
        yield AuthorizationPolicy.from_dict({"metadata": own, "spec": spec(access)})


def _in_other_mode(
    resources: "Iterable[Resource]", *, dry_run: bool
) -> "Iterator[GenericNamespacedResource]":
    """Turn what stays and is not in that mode into what it is in that mode."""
    from ._kinds import AuthorizationPolicy

    for resource in resources:
        if (annotations(resource).get(DRY_RUN) == "true") is not dry_run:
            namespace, name = _place(resource)
            marks = {key: value for key, value in annotations(resource).items() if key == REQUESTED_BY}
            own: Json = {"name": name, "namespace": namespace}
            own["annotations"] = marks | ({DRY_RUN: "true"} if dry_run else {})
            yield AuthorizationPolicy.from_dict(
                {"metadata": own, "spec": manifest(resource).get("spec") or {}}
            )


def requested_by(resource: "Resource") -> frozenset[str]:
    """Return the applications that asked for what an AuthorizationPolicy allows."""
    return frozenset(filter(None, annotations(resource).get(REQUESTED_BY, "").split(",")))


def _named(
    wanted: Set[Access],
    present: "Mapping[_Place, Resource]",
    owner: Owner,
    unreadable: Collection[str],
) -> dict[Access, str]:
    # Nearly always, what is there is what would be written, and need not be read.
    written = {(access.pair.namespace, repr(spec(access))): access for access in wanted}
    allowed = {
        place: written.get((place[0], repr(manifest(resource).get("spec")))) or _access(resource)
        for place, resource in sorted(present.items(), key=itemgetter(0))
    }
    holders: defaultdict[Access, list[str]] = defaultdict(list)
    for (_, name), access in allowed.items():
        if access and access in wanted:
            holders[access].append(name)
    # Where several objects allow the same, the one under a name of its own stays. Nearly always it is one.
    chosen = {
        access: held[0]
        if len(held) == 1
        else min(held, key=lambda name: first_name(name) != policy_name(owner, access.pair))
        for access, held in holders.items()
    }
    homeless = sorted(wanted - chosen.keys())

    own_names = {access.pair: policy_name(owner, access.pair) for access in homeless}
    pairs = {(pair.namespace, name): pair for pair, name in own_names.items()}
    used = {(access.pair.namespace, name) for access, name in chosen.items()}
    spare: defaultdict[Pair, list[str]] = defaultdict(list)
    for place, access in allowed.items():
        namespace, name = place
        pair = pairs.get((namespace, first_name(name))) or (access and access.pair)
        if pair and place not in used and not _may_be_asked_by(present[place], unreadable):
            spare[pair].append(name)

    used |= present.keys()
    for access in homeless:
        namespace = access.pair.namespace
        # Only one is overwritten, after all others are there: what it allows may be part of what they allow.
        if left := spare.pop(access.pair, None):
            chosen[access] = left[0]
        else:
            free = (name for name in names(own_names[access.pair]) if (namespace, name) not in used)
            chosen[access] = next(free)
            used.add((namespace, chosen[access]))
    return chosen


def _place(resource: "Resource") -> "_Place":
    own = metadata(resource)
    return own["namespace"], own["name"]


def _access(resource: "Resource") -> Access | None:
    plain = manifest(resource)
    return access_of_spec(plain["metadata"]["namespace"], plain.get("spec") or {})


def _may_be_asked_by(resource: "Resource", unreadable: Collection[str]) -> bool:
    """Tell whether one of the applications may want this; an older revision did not note who asked."""
    by = requested_by(resource)
    return bool(unreadable) and (not by or not by.isdisjoint(unreadable))


def _group(resource: "Resource", owner: Owner) -> Hashable:
    namespace, name = _place(resource)
    access = _access(resource)
    return namespace, policy_name(owner, access.pair) if access else first_name(name)
