"""The policies that related applications request, and those that they are granted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from charmlibs.interfaces.service_mesh import MeshPolicy, PolicyRequest, is_cross_model_name, local_name
from desired_state import DesiredState
from istio_policies import APPLICATION_LABEL, describe_callers
from k8s_charm import kubernetes_errors, kubernetes_problem
from model_objects import ModelObjects
from problems import Problem, ProblemKind, blocked, waiting
from relation_data import Message, in_quotes


class Denied(NamedTuple):
    """A policy that is not granted."""

    policy: MeshPolicy
    reason: str
    option: str = "restrict-consumers=false"
    """The configuration that grants it."""


@dataclass(frozen=True)
class Consumer:
    """An application that is related over `service-mesh`."""

    app: str
    relation: str
    """The name and id of the relation, as Juju shows them."""
    granted: tuple[MeshPolicy, ...]
    """The policies that the application may set."""
    refused: tuple[Denied, ...]
    """The policies that it may not set."""
    errors: tuple[str, ...]
    """The errors in its databag."""
    undecided: tuple[Denied, ...]
    """The policies that cannot be checked now."""

    @property
    def shown(self) -> str:
        """The name of the consumer in problems."""
        return f"{self.app} ({self.relation})"

    @property
    def keeps_policies(self) -> bool:
        """True if its requests are not known in full, so that its previous policies are kept."""
        return bool(self.errors or self.undecided)


def load(desired: DesiredState, model: ModelObjects) -> list[Consumer]:
    """Check the policies that each application requests; some depend on the Services of the model."""
    return [_consumer(request, desired, model) for request in desired.requests]


def problems(consumer: Consumer, beacon: str) -> Iterator[Problem]:
    """Yield the problems of a consumer's policies that are not granted, or not effective yet."""
    for message in _invalid(consumer):
        yield blocked(message, ProblemKind.refused_policies)
    for denied in consumer.refused:
        command = f"juju config {beacon} {denied.option}"
        message = Message(f"{consumer.app} {denied.reason}", remedy=command, lead="; to allow it: ")
        yield blocked(message, ProblemKind.refused_policies)
    for message in _unchecked(consumer):
        yield blocked(message)
    for name in sorted({policy.source_app_name for policy in consumer.granted}):
        if is_cross_model_name(name):
            yield waiting(
                f"waiting for the identity of {local_name(name)}: "
                f"integrate it with {consumer.app} over cross_model_mesh",
                ProblemKind.pending_policies,
            )


def why_retained(consumer: Consumer) -> str:
    """Return the reason that a consumer's previous policies are kept; empty if they are not."""
    return "; ".join(map(str, (*_invalid(consumer), *_unchecked(consumer))))


def _invalid(consumer: Consumer) -> Iterator[Message]:
    for reason in consumer.errors:
        yield Message(f"{consumer.shown} sent invalid policies; keeping its previous ones", reason)


def _unchecked(consumer: Consumer) -> Iterator[Message]:
    for reason in dict.fromkeys(denied.reason for denied in consumer.undecided):
        yield Message(f"policies of {consumer.app} cannot be checked; keeping its previous ones", reason)


def callers(consumers: Iterable[Consumer]) -> list[str]:
    """Return the applications that callers without a relation may reach, and these callers."""
    found: set[str] = set()
    for consumer in consumers:
        for policy in consumer.granted:
            if policy.callers:
                found.add(f"{consumer.app} from {describe_callers(policy)}")
    return sorted(found)


def _consumer(request: PolicyRequest, desired: DesiredState, model: ModelObjects) -> Consumer:
    app = request.relation.app.name
    granted: list[MeshPolicy] = []
    refused: list[Denied] = []
    undecided: list[Denied] = []
    for policy in request.policies:
        try:
            reason = _rejection(policy, app, model) if desired.config.restrict_consumers else None
        except kubernetes_errors() as error:
            undecided.append(Denied(policy, str(kubernetes_problem(error, app=model.owner.app))))
        else:
            if reason:
                refused.append(Denied(policy, reason))
            elif policy.callers and not desired.config.allow_unrelated_callers:
                reason = f"may not allow callers without a relation: {describe_callers(policy)}"
                refused.append(Denied(policy, reason, "allow-unrelated-callers=true"))
            else:
                granted.append(policy)
    return Consumer(
        app,
        f"{request.relation.name}:{request.relation.id}",
        tuple(granted),
        tuple(refused),
        tuple(request.errors),
        tuple(undecided),
    )


def _rejection(policy: MeshPolicy, app: str, model: ModelObjects) -> str | None:
    """Return the reason that an application may not set a policy; None if it is on the application itself.

    Raises:
        Exception: one of `kubernetes_errors()`, if that depends on Services that cannot be listed.
    """
    if policy.target_namespace != model.name:
        return f"may not set policy on namespace {in_quotes(policy.target_namespace)}"
    if policy.target_app_name not in (None, app):
        return f"may not set policy on {in_quotes(policy.target_app_name or '')}"
    pods = policy.target_selector_labels
    if pods is not None and pods.get(APPLICATION_LABEL) != app:
        return f"may not set policy on pods without {APPLICATION_LABEL}={app}"
    service = policy.target_service
    if service and service != app and model.app_behind(service) != app:
        return f"may not set policy on Service {in_quotes(service)} of another application"
    return None
