"""The addresses that the units of a coordinator publish to each other."""

import logging

import ops
import pydantic

import relation_data

from .interfaces.validation import Host

logger = logging.getLogger(__name__)

_HOSTNAME = "hostname"
_HOST: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(Host)


def publish_hostname(charm: ops.CharmBase, relation_name: str, hostname: str) -> None:
    """Publish this unit's address to the other units, if it differs."""
    for relation in _relations(charm, relation_name):
        relation_data.write(relation, charm.unit, {_HOSTNAME: hostname})


def hostnames(charm: ops.CharmBase, relation_name: str, own: str) -> dict[str, str]:
    """Return the host name of each unit of the coordinator, by the unit's name; this one is at `own`."""
    known = {charm.unit.name: own}
    for relation in _relations(charm, relation_name):
        for unit in relation.units:
            try:
                if hostname := relation_data.read(relation, unit).get(_HOSTNAME):
                    known[unit.name] = _HOST.validate_python(hostname)
            except (relation_data.DatabagError, pydantic.ValidationError):
                logger.warning("%s says no host name for itself: it is left out", unit.name)
    return dict(sorted(known.items()))


def _relations(charm: ops.CharmBase, relation_name: str) -> list[ops.Relation]:
    """Return the peer relation, which a charm may be without."""
    return charm.model.relations[relation_name] if relation_name in charm.meta.peers else []
