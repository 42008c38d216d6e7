"""The container that publishes the metrics of all of the waypoint's pods on one port."""

from collections.abc import Mapping

import ops

from problems import Problem, ProblemKind, waiting
from relation_data import Message

CONTAINER = "metrics-proxy"
PORT = 15090

_SERVICE = "metrics-proxy"
_LOG = "juju debug-log"


def reconcile(container: ops.Container, pod_labels: Mapping[str, str]) -> list[Problem]:
    """Run the proxy for pods with `pod_labels`; restart it only if these changed.

    Returns:
        The problem, if the proxy is not running.
    """
    layer = _layer(pod_labels)
    try:
        if not _runs(container) or container.get_plan().services != layer.services:
            container.add_layer(CONTAINER, layer, combine=True)
            container.replan()
    except ops.pebble.Error as error:
        return [_problem(error)]
    return []


def problems(container: ops.Container) -> list[Problem]:
    """Return the problem, if the proxy is not running; nothing is changed."""
    try:
        if _runs(container):
            return []
    except ops.pebble.Error as error:
        return [_problem(error)]
    return [waiting(Message(f"{CONTAINER} is not running", remedy=_LOG), ProblemKind.metrics)]


def _runs(container: ops.Container) -> bool:
    return any(service.is_running() for service in container.get_services(_SERVICE).values())


def _problem(error: ops.pebble.Error) -> Problem:
    if isinstance(error, ops.pebble.ConnectionError):
        return waiting(f"container {CONTAINER} is not ready", ProblemKind.metrics)
    first_line = str(error).partition("\n")[0]
    message = Message(f"{CONTAINER} failed to start ({first_line})", remedy=_LOG)
    return waiting(message, ProblemKind.metrics)


def _layer(pod_labels: Mapping[str, str]) -> ops.pebble.Layer:
    selector = ",".join(f"{key}={value}" for key, value in sorted(pod_labels.items()))
    return ops.pebble.Layer(
        {
            "services": {
                _SERVICE: {
                    "override": "replace",
                    "summary": "collects the waypoint's metrics",
                    "command": f"metrics-proxy --labels {selector}",
                    "startup": "enabled",
                    "on-check-failure": {_SERVICE: "restart"},
                }
            },
            # The check connects to the port only: a request for the metrics would reach every waypoint pod.
            "checks": {_SERVICE: {"override": "replace", "tcp": {"port": PORT}}},
        }
    )
