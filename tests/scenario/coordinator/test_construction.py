"""Errors in a charm's own code raise at construction."""

import subprocess
import sys
from pathlib import Path

import ops
import pytest
from ops import testing

from coordinated_workers.coordinator import ClusterRolesConfig, ClusterRolesConfigError, Coordinator
from coordinated_workers.nginx import NginxConfig
from tests.scenario.coordinator.field_cluster import CONTAINERS, MODEL, Cluster, container, published, workers
from tests.scenario.coordinator.field_coordinator import METADATA, ROLES

MESH = {
    "service-mesh": "service-mesh",
    "service-mesh-provide-cmr-mesh": "provide-cmr-mesh",
    "service-mesh-require-cmr-mesh": "require-cmr-mesh",
}
OTHERS = (
    "certificates",
    "grafana-dashboards",
    "logging",
    "metrics",
    "charm-tracing",
    "workload-tracing",
    "s3",
    "send-datasource",
    "receive-datasource",
    "catalogue",
)
ALL_OFF: dict[str, str | None] = dict.fromkeys((*OTHERS, *MESH))
HEAVY = ("lightkube", "httpx", "httpx2", "jinja2", "cosl", "cryptography")


def build(endpoints: dict[str, str | None], *relations: testing.Relation, **kwargs) -> testing.State:
    """Run an update-status with a coordinator that has these endpoints."""

    class Charm(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            self.coordinator = Coordinator(
                self,
                ROLES,
                "http://here",
                3100,
                endpoints,
                NginxConfig("here", [], {}),
                lambda _: "configured",
                **kwargs,
            )

    context = testing.Context(Charm, meta=METADATA)
    up = [container(name) for name in CONTAINERS]
    state = testing.State(model=MODEL, containers=up, relations=relations, leader=bool(relations))
    try:
        return context.run(context.on.update_status(), state)
    except testing.errors.UncaughtCharmError as error:
        raise error.__cause__ or error from None


def test_all_but_cluster_may_be_off():
    status = build({**ALL_OFF, "cluster": "field-cluster"}).unit_status
    assert isinstance(status, testing.BlockedStatus)
    assert "field-cluster" in status.message


def test_omitted_endpoint_is_off():
    assert (
        build({"cluster": "field-cluster"}).unit_status
        == build({**ALL_OFF, "cluster": "field-cluster"}).unit_status
    )


def test_cluster_that_stores_nothing_needs_no_object_store(cluster: Cluster):
    relation = workers(units=2)
    state = build({**ALL_OFF, "cluster": "field-cluster"}, relation)
    assert published(state, relation)["worker_config"] == "configured"


@pytest.mark.parametrize("endpoints", [{}, {"cluster": None}, {"cluster": ""}])
def test_cluster_cannot_be_off(endpoints):
    with pytest.raises(ValueError, match="cluster"):
        build({**ALL_OFF, **endpoints})


def test_unknown_relation_is_named():
    with pytest.raises(ValueError, match="s3-parameters"):
        build({"cluster": "field-cluster", "s3": "s3-parameters"})


@pytest.mark.parametrize("missing", MESH)
def test_endpoints_of_mesh_come_together_or_not_at_all(missing: str):
    with pytest.raises(ValueError, match=missing):
        build({"cluster": "field-cluster", **MESH, missing: None})


def test_requests_are_for_container():
    with pytest.raises(ValueError, match="container_name"):
        build({"cluster": "field-cluster"}, resources_requests=lambda _: {"cpu": "1"})


def test_roles_import_without_lightkube():
    with pytest.raises(ClusterRolesConfigError):
        ClusterRolesConfig(roles={"a"}, meta_roles={}, minimal_deployment={"b"})


@pytest.mark.parametrize("module", ["coordinator", "service_mesh", "telemetry_correlation", "tls"])
def test_what_hook_may_not_need_is_not_imported(module: str):
    code = f"""
import sys, ops, pydantic, yaml
before = set(sys.modules)
import coordinated_workers.{module}
print(*[name for name in {HEAVY} if name in set(sys.modules) - before])
"""
    lib = Path(__file__).parents[3] / "lib"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(lib)}, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout.split()) == (0, []), run.stderr
