"""The charms that the sandbox deploys, and the requests that each of them allows."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .juju import LIBRARIES, Application, CharmSource, Model

_REPOSITORY = Path(__file__).parents[1]
_SAMPLES = _REPOSITORY / "sandbox/charms"
_SAMPLE_LIBRARIES = _SAMPLES / "lib"

BEACON = "istio-beacon-k8s"
COORDINATOR, WORKER = "demo-coordinator-k8s", "demo-worker-k8s"

PEER_PYTHON = "PEER_PYTHON"
"""Names, in the environment, an interpreter that has the published libraries."""


@dataclass(frozen=True)
class Grant:
    """Requests that a charm allows the applications that are related over one of its endpoints."""

    relation: str
    ports: Sequence[int]
    on_pods: bool = False
    """Whether they may reach each pod rather than the Service; then methods and paths mean nothing."""
    methods: Sequence[str] = ()
    paths: Sequence[str] = ()


GRANTS: Mapping[str, Sequence[Grant]] = {
    BEACON: [Grant("metrics-endpoint", ports=[15090], on_pods=True)],
    "catalogue": [
        Grant("catalogue", ports=[8080], methods=["GET"], paths=["/items", "/items/{*}"]),
        Grant("metrics-endpoint", ports=[9100], on_pods=True),
    ],
    COORDINATOR: [
        Grant("kv-api", ports=[8080], methods=["GET", "PUT"], paths=["/kv/{*}"]),
        Grant("grafana-source", ports=[8080], methods=["GET"], paths=["/kv/{*}"]),
        Grant("metrics-endpoint", ports=[9113], on_pods=True),
        Grant("metrics-endpoint", ports=[3300], methods=["GET"], paths=["/proxy/worker/{*}/metrics"]),
    ],
    "shop": [Grant("metrics-endpoint", ports=[9100], on_pods=True)],
    "orders": [Grant("orders", ports=[8080], methods=["POST"], paths=["/orders"])],
    "observatory": [
        Grant("logging", ports=[3100], on_pods=True),
        Grant("receive-remote-write", ports=[9090], on_pods=True),
        Grant("tracing", ports=[4318], methods=["POST"], paths=["/v1/traces"]),
    ],
}
"""By the name of the charm. Written by hand, so that a charm that requests anything else is found."""


CLUSTERS: Mapping[str, str] = {COORDINATOR: "demo-cluster"}
"""Charms of coordinators, and the endpoint of each at which its workers are."""


def deploy(
    model: Model,
    charm: str,
    app: str | None = None,
    *,
    units: int = 1,
    config: Mapping[str, object] | None = None,
) -> Application:
    """Deploy one of the project's charms or of the samples, by its name."""
    ours = _REPOSITORY / "charms" / charm
    if ours.exists():
        return model.deploy(ours, app, units=units, config=config)
    if charm == "orders":
        python = published_libraries() or sys.executable
        source = CharmSource(_SAMPLES / charm, python, (_SAMPLE_LIBRARIES,))
    else:
        source = CharmSource(_SAMPLES / charm, pythonpath=(*LIBRARIES, _SAMPLE_LIBRARIES))
    return model.deploy(source, app, units=units)


def published_libraries() -> str | None:
    """The interpreter for charms that are built on the published libraries, if there is one."""
    python = os.environ.get(PEER_PYTHON, "")
    return python if os.access(python, os.X_OK) else None
