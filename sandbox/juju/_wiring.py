"""The possible relations between applications, and their creation."""

import itertools
from dataclasses import dataclass
from uuid import uuid4

from ._charm import CharmEndpoint
from ._errors import JujuError
from ._objects import Application, ModelContents, Relation, Side


@dataclass(frozen=True)
class End:
    """The possible sides of a relation."""

    name: str
    """The application, as the model names it in which the relation is asked for."""
    application: Application
    endpoint: CharmEndpoint

    def __str__(self) -> str:
        return f"{self.name}:{self.endpoint.name}"


def possible(model: ModelContents, one: str, other: str) -> list[tuple[End, End]]:
    """Return the pairs of endpoints that fit, of two applications or offers, or of the named ones only."""
    return [pair for pair in itertools.product(_ends(model, one), _ends(model, other)) if _fit(*pair)]


def _fit(left: End, right: End) -> bool:
    roles = {left.endpoint.role, right.endpoint.role}
    return left.endpoint.interface == right.endpoint.interface and roles == {"provides", "requires"}


def existing(model: ModelContents, left: End, right: End) -> Relation | None:
    """The relation between two ends, if there is one."""
    wanted = {(left.application, left.endpoint), (right.application, right.endpoint)}
    for relation in model.relations:
        if {(side.application, side.endpoint) for side in relation.sides} == wanted:
            return relation
    return None


def integrate(model: ModelContents, one: str, other: str) -> Relation:
    """Make the one relation that is possible; see `Model.integrate`."""
    pairs = possible(model, one, other)
    if not pairs:
        raise JujuError(f"no relation is possible between {one} and {other}")
    if len(pairs) > 1:
        choice = "; ".join(f"{left} {right}" for left, right in pairs)
        raise JujuError(f"ambiguous relation: {one} {other} could be {choice}")
    left, right = pairs[0]
    for end in (left, right):
        _check_limit(end)
    if existing(model, left, right):
        raise JujuError(f"{left} and {right} are related already")
    return _relate(model, left, right)


def relate_peers(application: Application) -> None:
    """Relate the units of an application over each of its peer endpoints."""
    model = application.model
    for endpoint in application.charm.endpoints.values():
        if endpoint.role == "peers" and not any(
            side.endpoint.name == endpoint.name for side in application.sides
        ):
            side = Side(application, endpoint, model.next_relation_id(), remote_name=application.name)
            model.relations.append(Relation((side,)))


def prune(relation: Relation) -> None:
    """Remove a dying relation once no unit takes part in it."""
    if relation.dying and not any(side.present for side in relation.sides):
        for side in relation.sides:
            relations = side.application.model.relations
            if relation in relations:
                relations.remove(relation)


def _ends(model: ModelContents, name: str) -> list[End]:
    application_name, _, endpoint_name = name.partition(":")
    if offer := model.consumed.get(application_name):
        application, endpoints = offer.application, offer.endpoints
    else:
        application = model.application(application_name)
        endpoints = tuple(application.charm.endpoints.values())
        if endpoint_name:
            endpoints = (application.endpoint(endpoint_name),)
    return [
        End(application_name, application, endpoint)
        for endpoint in endpoints
        if endpoint_name in ("", endpoint.name)
    ]


def _check_limit(end: End) -> None:
    sides = [side for side in end.application.sides if side.endpoint == end.endpoint]
    if end.endpoint.limit is not None and len(sides) >= end.endpoint.limit:
        raise JujuError(f"{end} takes no more than {end.endpoint.limit} relation")


def _relate(model: ModelContents, left: End, right: End) -> Relation:
    if left.application.model is not model:
        left, right = right, left
    there = right.application.model
    local_id = model.next_relation_id()
    local = Side(left.application, left.endpoint, local_id, remote_name=right.name)
    if there is model:
        remote = Side(right.application, right.endpoint, local_id, remote_name=left.name)
    else:
        name = _name_elsewhere(left.application)
        remote = Side(right.application, right.endpoint, there.next_relation_id(), remote_name=name)
    relation = Relation((local, remote))
    model.relations.append(relation)
    if there is not model:
        there.relations.append(relation)
    return relation


def _name_elsewhere(application: Application) -> str:
    """Return the name of an application in another model; the application does not get this name.

    It is the same in all relations on Juju 3, and another one in each on Juju 4.
    """
    per_relation = application.model.juju >= 4
    return f"remote-{uuid4().hex if per_relation else application.uuid}"
