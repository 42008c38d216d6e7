"""Forwarding of the output of a unit's services to Loki, by Pebble."""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

import ops

from .._compatibility import can_connect
from ..interfaces.validation import check_of_another_machine

logger = logging.getLogger(__name__)

_NO_SERVICE = "-all"


def forward_logs(charm: ops.CharmBase, endpoints: Mapping[str, str]) -> None:
    """Have all services of this unit log to these URLs, by name, and to none that an earlier call named.

    Pebble gets only the changes. A container that cannot be reached is changed in a later call. An endpoint
    on this machine, or one that is for this machine alone, such as the platform's metadata, gets no logs.
    """
    if not charm.model.juju_version.supports_pebble_log_forwarding:
        logger.warning("logs are not forwarded: Juju %s does not support it", charm.model.juju_version)
        return
    labels = _labels(charm)
    endpoints = {name: url for name, url in endpoints.items() if _is_elsewhere(name, url)}
    for container in filter(can_connect, charm.unit.containers.values()):
        _forward_logs_of(container, endpoints, labels)


def _forward_logs_of(
    container: ops.Container, endpoints: Mapping[str, str], labels: Mapping[str, str]
) -> None:
    try:
        known = container.get_plan().log_targets
        wanted = {name: _target(name, url, "all", labels) for name, url in endpoints.items()}
        # Pebble cannot remove a target: it gets no services.
        gone = {
            name: _target(name, target.location, _NO_SERVICE, {})
            for name, target in known.items()
            if name not in wanted and target.labels.get("juju_unit") == labels["juju_unit"]
        }
        changed = {name: target for name, target in {**wanted, **gone}.items() if known.get(name) != target}
        if changed:
            targets = {name: target.to_dict() for name, target in changed.items()}
            layer = ops.pebble.Layer({"log-targets": targets})
            container.add_layer(f"{container.name}-log-forwarding", layer, combine=True)
    except ops.pebble.Error as error:
        logger.debug("cannot configure log forwarding in %s: %s", container.name, error)


def _is_elsewhere(name: str, url: str) -> bool:
    try:
        check_of_another_machine(urlsplit(url).hostname or "")
    except ValueError as error:
        logger.warning("logs are not forwarded to %s: its host %s", name, error)
        return False
    return True


def _target(name: str, url: str, services: str, labels: Mapping[str, str]) -> ops.pebble.LogTarget:
    content: ops.pebble.LogTargetDict = {
        "override": "replace",
        "type": "loki",
        "location": url,
        "services": [services],
        "labels": dict(labels),
    }
    return ops.pebble.LogTarget(name, content)


def _labels(charm: ops.CharmBase) -> dict[str, str]:
    return {
        "product": "Juju",
        "job": f"juju_{charm.model.name}_{charm.model.uuid[:8]}_{charm.app.name}",
        "charm": charm.meta.name,
        "juju_charm": charm.meta.name,
        "juju_model": charm.model.name,
        "juju_model_uuid": charm.model.uuid,
        "juju_application": charm.app.name,
        "juju_unit": charm.unit.name,
    }
