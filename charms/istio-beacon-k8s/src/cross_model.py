"""Identities of the applications of other models that scrape the beacon."""

from collections.abc import Iterable, Iterator

import ops

from charmlibs.interfaces.service_mesh import Identities
from problems import Problem, ProblemKind, blocked, waiting
from relation_data import Message

ENDPOINT = "provide-cmr-mesh"


def problems(
    charm: ops.CharmBase, scrapers: Iterable[ops.Relation], identities: Identities
) -> Iterator[Problem]:
    """Yield the problems of applications of other models whose identity is unknown or invalid."""
    for app, error in identities.invalid.items():
        message = Message(f"{app} sent an invalid identity over {ENDPOINT}", error)
        yield blocked(message, ProblemKind.pending_policies)
    for app in sorted(identities.without_identity - identities.known.keys()):
        message = f"waiting for the identity of {app} over {ENDPOINT}"
        yield waiting(message, ProblemKind.pending_policies)
    for line in identities.contradictions:
        yield blocked(line, ProblemKind.pending_policies)
    claimants = {relation.app.name for relation in charm.model.relations[ENDPOINT] if relation.app}
    for relation in scrapers:
        if relation.app and relation.app.name in identities.unknown - claimants:
            yield blocked(
                f"waiting for the identity of {relation.app.name}: "
                f"integrate it with {charm.app.name}:{ENDPOINT}",
                ProblemKind.pending_policies,
            )
