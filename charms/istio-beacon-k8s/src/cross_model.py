"""Applications of other models, and whether it is known who they are there."""

from collections.abc import Container, Iterable, Iterator, Sequence

import ops

from charmlibs.interfaces.service_mesh import CMRData, is_of_another_model, read_cmr_data
from problems import Problem, ProblemKind, blocked, waiting

ENDPOINT = "provide-cmr-mesh"


def known(relations: Iterable[ops.Relation]) -> dict[str, CMRData]:
    """Who those are that have said so: the name that this model shows → their own name and model."""
    return {app: said for app, said in _said(relations) if isinstance(said, CMRData)}


def strangers(charm: ops.CharmBase, relations: Iterable[ops.Relation], heard: Container[str]) -> set[str]:
    """The names that this model shows for applications of other models, but for those that were heard of."""
    return {
        each.app.name
        for each in relations
        if each.app and each.app.name not in heard and _is_of_another_model(charm, each)
    }


def problems(charm: ops.CharmBase, scrapers: Sequence[ops.Relation]) -> Iterator[Problem]:
    """What an operator should know of those of whom it is not known.

    Args:
        charm: the beacon.
        scrapers: the relations over which applications want to reach the beacon itself.
    """
    said = dict(_said(charm.model.relations[ENDPOINT]))
    unheard_of = strangers(charm, scrapers, said)
    for app, data in said.items():
        if isinstance(data, ValueError):
            message = f"{ENDPOINT} with {app} can't be read till its charm is mended: {data}"
            yield blocked(message, ProblemKind.pending_policies)
        elif data is None:
            message = f"{ENDPOINT} with {app}: it has not said yet who it is in its own model"
            yield waiting(message, ProblemKind.pending_policies)
    for relation in scrapers:
        if relation.app and relation.app.name in unheard_of:
            yield blocked(
                f"{relation.name}:{relation.id} with {relation.app.name} is of another model: relate "
                f"it to {charm.app.name}:{ENDPOINT}, too, or it can't be let in",
                ProblemKind.pending_policies,
            )


def _said(relations: Iterable[ops.Relation]) -> Iterator[tuple[str, CMRData | ValueError | None]]:
    for relation in relations:
        if relation.app:
            try:
                yield relation.app.name, read_cmr_data(relation)
            except ValueError as error:
                yield relation.app.name, error


def _is_of_another_model(charm: ops.CharmBase, relation: ops.Relation) -> bool:
    if is_of_another_model(relation.app.name):
        return True
    try:
        return relation.remote_model.uuid != charm.model.uuid
    except (ops.ModelError, FileNotFoundError):
        return False  # Juju before 3.6.2 does not tell
