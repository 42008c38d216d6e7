"""Datasources of Grafana: both sides of `grafana_datasource`.

In the reconcile of a charm that Grafana queries::

    grafana_datasource.publish(self, GrafanaSource(type="tempo", url="http://tempo:3200"))
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import ops
import pydantic

import relation_data

from ._databag import read, relations, units, write_app
from ._topology import topology
from ._urls import Url


@dataclass(frozen=True)
class GrafanaSource:
    """A datasource that Grafana queries."""

    type: str
    """Grafana's name for this kind of datasource: `loki`, `prometheus`, `tempo`."""
    url: str
    """The URL at which Grafana reaches this unit."""
    extra_fields: Mapping[str, object] = field(default_factory=dict[str, object])
    """The `jsonData` of the datasource in Grafana's own configuration."""


class _SourceData(pydantic.BaseModel):
    type: str
    extra_fields: dict[str, object] | None = None


_URL: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(Url)
# Grafana's own have up to 40 characters; a longer one would be sent to other charms
_Uid = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
_UID: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(_Uid)
_UIDS: pydantic.TypeAdapter[dict[str, str]] = pydantic.TypeAdapter(
    Annotated[dict[str, _Uid], pydantic.Field(max_length=1000)]
)


def publish(charm: ops.CharmBase, source: GrafanaSource, *, relation_name: str = "grafana-source") -> None:
    """Publish a datasource to each related Grafana: each unit publishes its URL, the leader the type."""
    data = {**topology(charm), "type": source.type, "extra_fields": dict(source.extra_fields)}
    write_app(charm, relation_name, {"grafana_source_data": json.dumps(data)})
    for relation in relations(charm, relation_name):
        relation_data.write(relation, charm.unit, {"grafana_source_host": source.url})


def datasource_uids(
    charm: ops.CharmBase, *, relation_name: str = "grafana-source"
) -> dict[str, dict[str, str]]:
    """Return the uids of this charm's units in each related Grafana: its uid → unit name → datasource uid."""
    found: dict[str, dict[str, str]] = {}
    for relation in relations(charm, relation_name):
        if grafana_uid := read(relation, relation.app, "grafana_uid", _UID.validate_python):
            # of two with the same uid, the one that was related first counts
            uids = read(relation, relation.app, "datasource_uids", _UIDS.validate_json)
            found.setdefault(grafana_uid, uids or {})
    return found


def sources(charm: ops.CharmBase, *, relation_name: str = "grafana-source") -> dict[str, GrafanaSource]:
    """Return the datasources that can be queried, by the name of the unit, for Grafana."""
    found: dict[str, GrafanaSource] = {}
    for relation in relations(charm, relation_name):
        data = read(relation, relation.app, "grafana_source_data", _SourceData.model_validate_json)
        if not data:
            continue
        for unit in units(relation):
            if url := read(relation, unit, "grafana_source_host", _URL.validate_python):
                found[unit.name] = GrafanaSource(data.type, url, data.extra_fields or {})
    return found


def answer(charm: ops.CharmBase, grafana_uid: str, *, relation_name: str = "grafana-source") -> None:
    """Publish this Grafana's uid and its uids of the units to each related charm; leader only."""
    if not charm.unit.is_leader():
        return
    for relation in relations(charm, relation_name):
        uids = {unit.name: f"juju_{unit.name.replace('/', '_')}" for unit in units(relation)}
        answered = {"grafana_uid": grafana_uid, "datasource_uids": json.dumps(uids)}
        relation_data.write(relation, charm.app, answered)
