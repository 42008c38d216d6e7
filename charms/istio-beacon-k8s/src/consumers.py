"""The policies that related applications request, and those that they are granted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from charmlibs.interfaces.service_mesh import MeshPolicy, PolicyRequest, is_of_another_model, name_here
from istio_policies import APPLICATION_LABEL, describe_callers
from k8s_charm import Owner, kubernetes_problem
from model_services import ModelServices, ServicesUnknownError
from problems import Problem, ProblemKind, blocked, waiting

_LONGEST_QUOTE = 60
_NOT_LISTED = ModelServices(LookupError("not listed"))


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
    """The policies that the application may have."""
    refused: tuple[Denied, ...]
    """The policies that it may not have."""
    errors: tuple[str, ...]
    """The errors in its databag."""
    undecided: tuple[Denied, ...]
    """The policies that cannot be checked now."""

    @property
    def shown(self) -> str:
        """The name of the consumer in problems."""
        return f"{self.relation} with {self.app}"

    @property
    def keeps_policies(self) -> bool:
        """Return whether its requests are not known in full, so that it keeps the policies that it has."""
        return bool(self.errors or self.undecided)


def load(
    requests: Iterable[PolicyRequest],
    *,
    owner: Owner,
    services: ModelServices | None,
    allow_callers: bool = False,
) -> list[Consumer]:
    """Check the policies that each application requests.

    Args:
        requests: the policies that each requests.
        owner: the beacon.
        services: those of the beacon's model; None to grant every application what it requests.
        allow_callers: grant policies for callers that are no related application.
    """
    return [_consumer(request, owner, services, allow_callers=allow_callers) for request in requests]


def depend_on_services(requests: Iterable[PolicyRequest], model: str) -> bool:
    """Return whether it takes the Services of the model to check the policies.

    Nearly every policy is on the Service that is named after its application, which does not.
    """
    for request in requests:
        app = request.relation.app.name
        for policy in request.policies:
            try:
                _reason_to_refuse(policy, app, model, _NOT_LISTED)
            except ServicesUnknownError:
                return True
    return False


def problems(consumer: Consumer, beacon: str) -> Iterator[Problem]:
    """Yield what an operator should know of policies that are not granted, or not effective yet."""
    may = f"if it may have that, juju config {beacon} {{}}"
    for message in _invalid(consumer):
        yield blocked(message, ProblemKind.refused_policies)
    for denied in consumer.refused:
        remedy = may.format(denied.option)
        yield blocked(f"{consumer.shown} is refused {denied.reason}: {remedy}", ProblemKind.refused_policies)
    for message in _unchecked(consumer):
        yield blocked(message)
    for name in sorted({policy.source_app_name for policy in consumer.granted}):
        if is_of_another_model(name):
            yield waiting(
                f"{consumer.shown} is to let in {name_here(name)} of another model, which has not said over "
                f"cross_model_mesh who it is there: relate it to {consumer.app} over that, too",
                ProblemKind.pending_policies,
            )


def why_retained(consumer: Consumer) -> str:
    """Return why a consumer keeps the policies that it has; empty if it does not."""
    return "; ".join([*_invalid(consumer), *_unchecked(consumer)])


def _invalid(consumer: Consumer) -> Iterator[str]:
    for reason in consumer.errors:
        yield f"{consumer.shown} can't be read, its policies stay till its charm is mended: {reason}"


def _unchecked(consumer: Consumer) -> Iterator[str]:
    for reason in dict.fromkeys(denied.reason for denied in consumer.undecided):
        yield f"{consumer.shown} keeps the policies that it has: {reason}"


def callers(consumers: Iterable[Consumer]) -> list[str]:
    """Return the applications that callers without a relation may reach, and these callers."""
    found: set[str] = set()
    for consumer in consumers:
        for policy in consumer.granted:
            if policy.callers:
                found.add(f"{consumer.app} from {describe_callers(policy)}")
    return sorted(found)


def _consumer(
    request: PolicyRequest, owner: Owner, services: ModelServices | None, *, allow_callers: bool
) -> Consumer:
    app = request.relation.app.name
    granted: list[MeshPolicy] = []
    refused: list[Denied] = []
    undecided: list[Denied] = []
    for policy in request.policies:
        try:
            reason = services and _reason_to_refuse(policy, app, owner.model, services)
        except ServicesUnknownError as unknown:
            undecided.append(Denied(policy, kubernetes_problem(unknown.problem, app=owner.app)))
        else:
            if reason:
                refused.append(Denied(policy, reason))
            elif policy.callers and not allow_callers:
                reason = f"a policy for callers without a relation, {describe_callers(policy)}"
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


def _reason_to_refuse(policy: MeshPolicy, app: str, model: str, services: ModelServices) -> str | None:
    """Return why a policy is not one on the application itself; None if it is.

    Raises:
        ServicesUnknownError: if that depends on Services that are not known.
    """
    if policy.target_namespace != model:
        return f"a policy on namespace {_quoted(policy.target_namespace)}"
    if policy.target_app_name not in (None, app):
        return f"a policy on {_quoted(policy.target_app_name or '')}"
    pods = policy.target_selector_labels
    if pods is not None and pods.get(APPLICATION_LABEL) != app:
        return f"a policy on pods that are not selected by {APPLICATION_LABEL}={app}"
    service = policy.target_service
    if service and service != app and services.owner(service) != app:
        return f"a policy on Service {_quoted(service)}, which does not belong to it"
    return None


def _quoted(text: str) -> str:
    """Return a text from a relation in quotes, short and on one line."""
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…")
