"""Logs for Loki: both sides of `loki_push_api`.

In the reconcile of a charm with logs::

    loki_push_api.publish(self, alert_rules)
    for unit, url in loki_push_api.push_urls(self).items():
        ...
"""

import json
from collections.abc import Mapping

import ops
import pydantic

import relation_data

from ._databag import read, relations, units, write_app
from ._events import rejections as _rejections
from ._topology import topology
from ._urls import Url


class _PushEndpoint(pydantic.BaseModel):
    url: Url


_ENDPOINT = pydantic.TypeAdapter(_PushEndpoint)


def publish(
    charm: ops.CharmBase,
    alert_rules: Mapping[str, object] | None = None,
    *,
    relation_name: str = "logging",
) -> None:
    """Publish the charm's topology and alert rules to each related Loki; leader only, if they differ.

    Args:
        charm: The charm that has the logs.
        alert_rules: `{"groups": [...]}` as in a file of Loki rules, labelled with the charm's topology.
        relation_name: The relation's name in charmcraft.yaml.
    """
    write_app(
        charm,
        relation_name,
        {
            "metadata": json.dumps(topology(charm)),
            "alert_rules": json.dumps(alert_rules) if alert_rules else "",
        },
    )


def rejections(charm: ops.CharmBase, *, relation_name: str = "logging") -> dict[str, str]:
    """Return the Lokis that rejected the charm's alert rules, each with its error."""
    return _rejections(charm, relation_name)


def push_urls(charm: ops.CharmBase, *, relation_name: str = "logging") -> dict[str, str]:
    """Return the URLs that logs can be pushed to, by the name of the Loki unit."""
    found: dict[str, str] = {}
    for relation in relations(charm, relation_name):
        for unit in units(relation):
            if endpoint := read(relation, unit, "endpoint", _ENDPOINT):
                found[unit.name] = endpoint.url
    return found


def offer(charm: ops.CharmBase, url: str, *, relation_name: str = "logging") -> None:
    """Publish to each related charm that this unit takes logs at `url`, for Loki."""
    for relation in relations(charm, relation_name):
        relation_data.write(relation, charm.unit, {"endpoint": json.dumps({"url": url})})
