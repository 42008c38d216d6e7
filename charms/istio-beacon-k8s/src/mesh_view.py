"""What the beacon knows of its policies, for those who ask by its actions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING

import consumers
from beacon_config import BadOption, BeaconConfig, PolicyMode
from beacon_policies import SCOPE, model_operator_policy
from charmlibs.interfaces.service_mesh import MeshPolicy, PolicyRequest, ServiceMeshProvider, UnitPolicy
from k8s_charm import Owner
from leaving import Leaving
from mesh_inspection import Door, UnclearQuestionError, View, Wish, endpoint_of
from model_services import ModelServices
from waypoint import Waypoint

if TYPE_CHECKING:
    from lightkube import Client


def view(
    config: BeaconConfig | BadOption,
    client: "Client",
    *,
    owner: Owner,
    mesh: ServiceMeshProvider,
    own: Iterable[MeshPolicy],
    own_doors: Iterable[UnitPolicy],
) -> View:
    """What consumers ask of the beacon, and what becomes of it.

    Args:
        config: the beacon's configuration.
        client: asks which Services are whose, as far as that decides.
        owner: whose the policies are.
        mesh: what consumers ask.
        own: who may reach the beacon itself.
        own_doors: by which relations that is.

    Raises:
        UnclearQuestionError: if the configuration makes no sense.
    """
    if isinstance(config, BadOption):
        raise UnclearQuestionError(str(config))
    doors = [
        *(
            Door(owner.model, each.app.name, policy)
            for each, all_ in mesh.declared().items()
            for policy in all_
        ),
        *(Door(owner.model, owner.app, policy) for policy in own_doors),
    ]
    requests = mesh.requests()
    services = ModelServices(client, owner.model)
    known = consumers.load(requests, owner=owner, services=services if config.restrict_consumers else None)

    def kept(askers: Set[str]) -> Mapping[str, str]:
        gone = askers - {consumer.app for consumer in known} - {owner.app}
        return {
            **{consumer.app: consumers.why_kept(consumer) for consumer in known if consumer.keeps},
            **(Leaving(owner.app, Waypoint(owner).name, services).of(gone) if gone else {}),
        }

    wishes = [
        *(
            wish
            for request, consumer in zip(requests, known, strict=True)
            for wish in _wishes(request, consumer, doors, owner.app)
        ),
        *(Wish(policy, owner.app, endpoint=endpoint_of(policy, doors)) for policy in own),
    ]
    return View(
        owner,
        owner.labels(SCOPE),
        wishes=wishes,
        doors=doors,
        kept=kept,
        unwritten=f"policies are off: {_switch_on(config, owner)}" if config.mode is PolicyMode.off else "",
        look_at=f"see `juju run {owner.app}/leader plan`",
        dry_run=config.mode is PolicyMode.audit,
        enforce=f"juju config {owner.app} policy-mode=enforce",
        beacon=owner.app,
        also=[model_operator_policy(owner)] if config.model_on_mesh else [],
    )


def _switch_on(config: BeaconConfig, owner: Owner) -> str:
    options = [
        *([] if config.manage_authorization_policies else ["manage-authorization-policies=true"]),
        *(["policy-mode=enforce"] if config.policy_mode is PolicyMode.off else []),
    ]
    return f"juju config {owner.app} {' '.join(options)}"


def _wishes(
    request: PolicyRequest, consumer: consumers.Consumer, doors: Sequence[Door], beacon: str
) -> Iterator[Wish]:
    own_doors = [door for door in doors if door.app == consumer.app]
    reasons = {
        **{
            id(policy): f"{reason}: juju config {beacon} restrict-consumers=false"
            for policy, reason in consumer.refused
        },
        **{id(policy): reason for policy, reason in consumer.undecided},
    }
    for policy in request.policies:
        endpoint = endpoint_of(policy, own_doors)
        yield Wish(policy, consumer.app, consumer.relation, endpoint, reasons.get(id(policy), ""))
