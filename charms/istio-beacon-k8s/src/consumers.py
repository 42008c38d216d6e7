"""What related applications ask of the mesh, and what of it they get."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import ops

from charmlibs.interfaces.service_mesh import MeshPolicy, PolicyRequest

_APPLICATION_LABEL = "app.kubernetes.io/name"
_LONGEST_QUOTE = 60


@dataclass(frozen=True)
class Consumer:
    """An application that is related over `service-mesh`."""

    app: str
    relation: str
    """Its name and id, as Juju shows them."""
    granted: tuple[MeshPolicy, ...]
    """The policies that it may have."""
    refused: tuple[str, ...]
    """Why it may not have each of the others."""
    unreadable: tuple[str, ...]
    """Why what it asks for is not known in full."""


def load(
    requests: Iterable[PolicyRequest], *, model: str, service_owner: Callable[[str], str | None] | None
) -> list[Consumer]:
    """Hold what each application asks for against what it may have.

    Args:
        requests: what each asks for.
        model: the beacon's model.
        service_owner: tells which application a Service of the model belongs to; None to let
            every application have what it asks for.
    """
    return [_consumer(request, model, service_owner) for request in requests]


def statuses(consumers: Sequence[Consumer]) -> list[ops.StatusBase]:
    """What an operator should know of policies that consumers do not get; nothing if they get all of them."""
    unreadable = [
        f"{consumer.relation} with {consumer.app} can't be read, its policies stay: {reason}"
        for consumer in consumers
        for reason in consumer.unreadable
    ]
    refused = [
        f"{consumer.relation} with {consumer.app} is refused {reason}"
        for consumer in consumers
        for reason in consumer.refused
    ]
    troubles = unreadable + refused
    if not troubles:
        return []
    more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
    remedy = "" if unreadable else ", see restrict-consumers"
    return [ops.BlockedStatus(f"{troubles[0]}{more}{remedy}")]


def refused(consumers: Iterable[Consumer]) -> int:
    """How many policies, or whole databags, are not made true because of what they say."""
    return sum(len(consumer.refused) + len(consumer.unreadable) for consumer in consumers)


def _consumer(
    request: PolicyRequest, model: str, service_owner: Callable[[str], str | None] | None
) -> Consumer:
    app = request.relation.app.name
    granted: list[MeshPolicy] = []
    refused: list[str] = []
    for policy in request.policies:
        reason = service_owner and _reason_to_refuse(policy, app, model, service_owner)
        if reason:
            refused.append(reason)
        else:
            granted.append(policy)
    relation = f"{request.relation.name}:{request.relation.id}"
    return Consumer(app, relation, tuple(granted), tuple(refused), tuple(request.errors))


def _reason_to_refuse(
    policy: MeshPolicy, app: str, model: str, service_owner: Callable[[str], str | None]
) -> str | None:
    """Why the policy is not one on the application itself."""
    if policy.target_namespace != model:
        return f"a policy on namespace {_quoted(policy.target_namespace)}"
    if policy.target_app_name not in (None, app):
        return f"a policy on {_quoted(policy.target_app_name or '')}"
    pods = policy.target_selector_labels
    if pods is not None and pods.get(_APPLICATION_LABEL) != app:
        return f"a policy on pods that are not selected by {_APPLICATION_LABEL}={app}"
    service = policy.target_service
    if service and service != app and service_owner(service) != app:
        return f"a policy on Service {_quoted(service)}, which does not belong to it"
    return None


def _quoted(text: str) -> str:
    """A text out of a relation, fit for a status: short and on one line."""
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…")
