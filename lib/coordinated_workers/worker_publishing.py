"""Publishing of a worker's data to its coordinator."""

import logging
from collections.abc import Sequence

import ops

from .interfaces.cluster import ClusterRequirer

logger = logging.getLogger(__name__)


def publish_worker(
    charm: ops.CharmBase, cluster: ClusterRequirer, address: str, roles: Sequence[str]
) -> None:
    """Publish the address of this unit, and as the leader the roles of the application."""
    try:
        cluster.publish_unit_address(address)
        if charm.unit.is_leader():
            cluster.publish_app_roles(roles)
    except (ops.ModelError, ValueError) as error:
        # Before the install hook Juju may not let a unit write yet, nor know its name.
        logger.warning("cannot publish this unit to the coordinator: %s", error)
