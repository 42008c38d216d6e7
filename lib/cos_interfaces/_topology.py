"""The identity of a charm, in the terms of the observability charms."""

import ops


def topology(charm: ops.CharmBase) -> dict[str, str]:
    """Return the Juju topology of this unit, as it is sent over relations."""
    return {
        "model": charm.model.name,
        "model_uuid": charm.model.uuid,
        "application": charm.app.name,
        "unit": charm.unit.name,
        "charm_name": charm.meta.name,
    }
