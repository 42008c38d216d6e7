"""Logs for Loki: both sides of `loki_push_api`.

In the reconcile of a charm with logs::

    loki_push_api.publish(self, alert_rules)
    for unit, url in loki_push_api.push_urls(self).items():
        ...
"""

import json
from collections.abc import Mapping

import ops

from . import _push
from ._databag import write_app
from ._events import rejections as _rejections
from ._topology import topology


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
    return dict(_push.urls(charm, relation_name, "endpoint"))


def offer(charm: ops.CharmBase, url: str, *, relation_name: str = "logging") -> None:
    """Publish to each related charm that this unit takes logs at `url`, for Loki."""
    _push.offer(charm, relation_name, "endpoint", url)
