"""Applications of other models that scrape the beacon, and whether their identity is known."""

from collections.abc import Iterable, Iterator

import ops

from charmlibs.interfaces.service_mesh import Identities, read_cmr_data
from problems import Problem, ProblemKind, blocked, waiting

ENDPOINT = "provide-cmr-mesh"


def problems(
    charm: ops.CharmBase, scrapers: Iterable[ops.Relation], identities: Identities
) -> Iterator[Problem]:
    """Yield what an operator should know of applications whose identity is unknown or invalid.

    Args:
        charm: the beacon.
        scrapers: the relations over which applications want to reach the beacon itself.
        identities: the identities of those of other models.
    """
    claimants: set[str] = set()
    for relation in charm.model.relations[ENDPOINT]:
        if relation.app:
            claimants.add(relation.app.name)
            yield from _problem_of(relation, relation.app.name, identities)
    for line in identities.contradictions:
        yield blocked(line, ProblemKind.pending_policies)
    for relation in scrapers:
        if relation.app and relation.app.name in identities.unknown - claimants:
            yield blocked(
                f"{relation.name}:{relation.id} with {relation.app.name} is of another model: relate "
                f"it to {charm.app.name}:{ENDPOINT}, too, or it can't be let in",
                ProblemKind.pending_policies,
            )


def _problem_of(relation: ops.Relation, app: str, identities: Identities) -> Iterator[Problem]:
    try:
        data = read_cmr_data(relation)
    except ValueError as error:
        message = f"{ENDPOINT} with {app} can't be read till its charm is mended: {error}"
        yield blocked(message, ProblemKind.pending_policies)
        return
    if data is None and app not in identities.known:
        message = f"{ENDPOINT} with {app}: it has not said yet who it is in its own model"
        yield waiting(message, ProblemKind.pending_policies)
