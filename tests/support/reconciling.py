"""Observe, plan and apply in one call."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from lightkube import Client
from lightkube.generic_resource import GenericNamespacedResource

from istio_policies import DesiredPolicies, PolicyRequestFrom, list_policies, plan_policies
from k8s_charm import Deadline, Owner, ReconcileResult, Resource, apply, list_owned, plan
from tests.support.policies import LABELS, OWNER


def reconcile(
    client: Client,
    desired: Iterable[Resource],
    kinds: Iterable[type[Resource]],
    *,
    labels: Mapping[str, str] = LABELS,
    namespaces: Iterable[str] | None = None,
    force: bool = True,
    **options: Any,
) -> ReconcileResult:
    """Make these the owned objects; `options` are those of `plan`."""
    deadline = Deadline()
    live = list_owned(client, kinds, labels, OWNER, deadline, namespaces=namespaces)
    return apply(client, plan(live, desired, **options), deadline, force=force)


def reconcile_policies(
    client: Client,
    requests: Iterable[PolicyRequestFrom],
    *,
    labels: Mapping[str, str] = LABELS,
    owner: Owner = OWNER,
    retain: Collection[str] = (),
    dry_run: bool = False,
    also: Iterable[GenericNamespacedResource] = (),
    seconds: float | None = None,
) -> ReconcileResult:
    """Make these the owner's policies."""
    deadline = Deadline(seconds)
    live = list_policies(client, labels, owner, deadline)
    changes = plan_policies(live, DesiredPolicies(requests, retain, dry_run), also=also)
    return apply(client, changes, deadline)
