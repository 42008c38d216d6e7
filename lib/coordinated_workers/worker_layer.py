"""The Pebble layer of a worker: its charm's, with the readiness check and the model's proxies."""

import copy
import os
from collections.abc import Mapping

import ops

_PROXY_VARIABLES = {
    "JUJU_CHARM_HTTP_PROXY": "http_proxy",
    "JUJU_CHARM_HTTPS_PROXY": "https_proxy",
    "JUJU_CHARM_NO_PROXY": "no_proxy",
}


def complete_layer(
    charm_layer: ops.pebble.Layer, readiness_url: str | None, check_name: str
) -> ops.pebble.Layer:
    """Return the charm's layer with a check of the readiness URL, if there is one, and the proxies."""
    layer = ops.pebble.Layer(copy.deepcopy(charm_layer.to_dict()))
    if readiness_url:
        check: ops.pebble.CheckDict = {
            "override": "replace",
            # Juju takes a pod for ready only while its checks of this level pass.
            "level": "ready",
            "threshold": 3,
            "http": {"url": readiness_url},
        }
        layer.checks[check_name] = ops.pebble.Check(check_name, check)
    for service in layer.services.values():
        service.environment.update(_proxies())
    return layer


def _proxies() -> Mapping[str, str]:
    """Return the variables of the model's proxies, in both cases: programs look for either."""
    found = {
        name: value for variable, name in _PROXY_VARIABLES.items() if (value := os.environ.get(variable))
    }
    return {**found, **{name.upper(): value for name, value in found.items()}}
