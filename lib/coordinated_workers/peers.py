"""The data that the units of a coordinator publish to each other."""

import logging

import ops
import pydantic

import relation_data

from .interfaces.validation import Host
from .telemetry.scrape_jobs import NginxExporter, Scheme

logger = logging.getLogger(__name__)


class _Published(pydantic.BaseModel):
    hostname: Host
    scheme: Scheme | None = None
    """The scheme of the exporter; None from units of older revisions."""


def publish(charm: ops.CharmBase, relation_name: str, own: NginxExporter) -> None:
    """Publish this unit's exporter to the other units, if it differs."""
    for relation in _relations(charm, relation_name):
        relation_data.write(relation, charm.unit, {"hostname": own.host, "scheme": own.scheme})


def exporters(charm: ops.CharmBase, relation_name: str, own: NginxExporter) -> dict[str, NginxExporter]:
    """Return the exporter of each unit of the coordinator, by the unit's name; this one has its own."""
    known = {charm.unit.name: own}
    for relation in _relations(charm, relation_name):
        for unit in relation.units:
            try:
                published = _Published.model_validate(relation_data.read(relation, unit))
            except (relation_data.DatabagError, pydantic.ValidationError):
                logger.warning("no address of %s: not scraping its exporter", unit.name)
                continue
            known[unit.name] = NginxExporter(published.hostname, published.scheme or own.scheme)
    return dict(sorted(known.items()))


def _relations(charm: ops.CharmBase, relation_name: str) -> list[ops.Relation]:
    """Return the peer relation, which a charm may be without."""
    return charm.model.relations[relation_name] if relation_name in charm.meta.peers else []
