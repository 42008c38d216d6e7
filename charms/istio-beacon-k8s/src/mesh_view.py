"""What the beacon knows of its policies, for those who ask by its actions."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import ops

import beacon_config
import consumers
from beacon_policies import SCOPE
from charmlibs.interfaces.service_mesh import MeshPolicy, PolicyRequest, ServiceMeshProvider, UnitPolicy
from mesh_inspection import Door, UnclearQuestionError, View, Wish, endpoint_of
from mesh_resources import Owner
from service_owners import ServiceOwners

if TYPE_CHECKING:
    from lightkube import Client


def view(
    charm: ops.CharmBase,
    client: "Client",
    *,
    owner: Owner,
    mesh: ServiceMeshProvider,
    own: Iterable[MeshPolicy],
    own_doors: Iterable[UnitPolicy],
) -> View:
    """What consumers ask of the beacon, and what becomes of it.

    Args:
        charm: the beacon.
        client: asks which Services are whose, as far as that decides.
        owner: whose the policies are.
        mesh: what consumers ask.
        own: who may reach the beacon itself.
        own_doors: by which relations that is.

    Raises:
        UnclearQuestionError: if the configuration makes no sense.
    """
    try:
        config = beacon_config.load(charm)
    except beacon_config.BadOptionError as bad:
        raise UnclearQuestionError(str(bad)) from None
    doors = [
        *(
            Door(owner.model, each.app.name, policy)
            for each, all_ in mesh.declared().items()
            for policy in all_
        ),
        *(Door(owner.model, owner.app, policy) for policy in own_doors),
    ]
    requests = mesh.requests()
    known = consumers.load(
        requests,
        model=owner.model,
        service_owner=ServiceOwners(client, owner.model) if config.restrict_consumers else None,
    )
    wishes = [
        *(
            wish
            for request, consumer in zip(requests, known, strict=True)
            for wish in _wishes(request, consumer, doors, owner.app)
        ),
        *(Wish(policy, owner.app, endpoint=endpoint_of(policy, doors)) for policy in own),
    ]
    managed = config.manage_authorization_policies
    return View(
        owner,
        owner.labels(SCOPE),
        wishes=wishes,
        doors=doors,
        unreadable=[consumer.app for consumer in known if consumer.unreadable],
        unwritten=""
        if managed
        else f"policies are off: juju config {owner.app} manage-authorization-policies=true",
        beacon=owner.app,
    )


def _wishes(
    request: PolicyRequest, consumer: consumers.Consumer, doors: Sequence[Door], beacon: str
) -> Iterator[Wish]:
    own_doors = [door for door in doors if door.app == consumer.app]
    granted = set(map(id, consumer.granted))
    reasons = iter(consumer.refused)
    for policy in request.policies:
        refused = (
            "" if id(policy) in granted else f"{next(reasons)}: juju config {beacon} restrict-consumers=false"
        )
        yield Wish(policy, consumer.app, consumer.relation, endpoint_of(policy, own_doors), refused)
