"""Applications of other models that scrape the beacon, and whether their identity is known."""

from collections.abc import Iterable, Iterator

import ops

from charmlibs.interfaces.service_mesh import Identities
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
    for app, error in identities.invalid.items():
        message = f"{ENDPOINT} with {app} can't be read till its charm is mended: {error}"
        yield blocked(message, ProblemKind.pending_policies)
    for app in sorted(identities.silent - identities.known.keys()):
        message = f"{ENDPOINT} with {app}: it has not said yet who it is in its own model"
        yield waiting(message, ProblemKind.pending_policies)
    for line in identities.contradictions:
        yield blocked(line, ProblemKind.pending_policies)
    claimants = {relation.app.name for relation in charm.model.relations[ENDPOINT] if relation.app}
    for relation in scrapers:
        if relation.app and relation.app.name in identities.unknown - claimants:
            yield blocked(
                f"{relation.name}:{relation.id} with {relation.app.name} is of another model: relate "
                f"it to {charm.app.name}:{ENDPOINT}, too, or it can't be let in",
                ProblemKind.pending_policies,
            )
