"""The key-value service's coordinator and workers, and the rest of their model."""

import json
from collections.abc import Mapping
from typing import Any

from lightkube import Client, KubeConfig, codecs
from ops import testing

from tests.support.charms import load_charm

MODEL = testing.Model("shop", uuid="7c9e2a50-0000-4000-8000-000000000001")
COORDINATOR = "kv"
WORKER = "worker"


def fqdn(app: str, unit: int = 0) -> str:
    return f"{app}-{unit}.{app}-endpoints.{MODEL.name}.svc.cluster.local"


def deploy(kubeconfig: str) -> None:
    """Create what Juju creates in Kubernetes for both applications."""
    client = Client(KubeConfig.from_file(kubeconfig))
    _create(client, "v1", "Namespace", MODEL.name)
    for app, container in ((COORDINATOR, "nginx"), (WORKER, "worker")):
        labels = {"app.kubernetes.io/name": app}
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": container, "image": "i"}]}}
        selector = {"matchLabels": labels}
        _create(
            client,
            "apps/v1",
            "StatefulSet",
            app,
            {"selector": selector, "serviceName": f"{app}-endpoints", "template": pod},
        )
        _create(client, "v1", "Service", app, {"selector": labels, "ports": [{"port": 65535}]})


def _create(client: Client, api: str, kind: str, name: str, spec: Mapping[str, Any] | None = None) -> None:
    metadata = {"name": name} if kind == "Namespace" else {"name": name, "namespace": MODEL.name}
    client.create(
        codecs.from_dict({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec or {}})
    )


def coordinator_context() -> testing.Context:
    return testing.Context(load_charm("demo-coordinator-k8s"), app_name=COORDINATOR)


def worker_context() -> testing.Context:
    return testing.Context(load_charm("demo-worker-k8s"), app_name=WORKER)


def coordinator_state(*relations: testing.RelationBase, **kwargs: Any) -> testing.State:
    execs = {testing.Exec(["nginx", "-s", "reload"]), testing.Exec(["update-ca-certificates", "--fresh"])}
    containers = {
        testing.Container("nginx", can_connect=True, execs=execs),
        testing.Container("nginx-prometheus-exporter", can_connect=True),
    }
    return testing.State(
        **{"leader": True, "containers": containers, "model": MODEL, "relations": relations, **kwargs}
    )


def run_coordinator(*relations: testing.RelationBase, **kwargs: Any) -> testing.State:
    context = coordinator_context()
    return context.run(context.on.update_status(), coordinator_state(*relations, **kwargs))


def worker_state(*relations: testing.RelationBase, **kwargs: Any) -> testing.State:
    container = testing.Container(
        "worker", can_connect=True, execs={testing.Exec(["update-ca-certificates", "--fresh"])}
    )
    return testing.State(
        **{
            "leader": True,
            "containers": {container},
            "model": MODEL,
            "relations": relations,
            "config": {"role-all": True},
            **kwargs,
        }
    )


def workers(role: str = "all", app: str = WORKER, units: int = 1) -> testing.Relation:
    """The coordinator's relation to a worker application whose units have published their addresses."""
    return testing.Relation(
        "demo-cluster",
        remote_app_name=app,
        remote_app_data={"role": json.dumps(role)},
        remote_units_data={unit: _worker_unit(app, unit) for unit in range(units)},
    )


def _worker_unit(app: str, unit: int) -> dict[str, str]:
    topology = {"application": app, "unit": f"{app}/{unit}", "charm_name": "demo-worker-k8s"}
    return {"juju_topology": json.dumps(topology), "address": json.dumps(fqdn(app, unit))}


def coordinator_of(data: Mapping[str, str]) -> testing.Relation:
    """A worker's relation to the coordinator that has published `data`."""
    return testing.Relation("demo-cluster", remote_app_name=COORDINATOR, remote_app_data=dict(data))


def app_data(state: testing.State, relation: testing.RelationBase) -> dict[str, str]:
    """Return the charm's data for its application."""
    return dict(state.get_relation(relation.id).local_app_data)


def policies(state: testing.State, mesh: testing.Relation) -> list[dict[str, Any]]:
    return json.loads(app_data(state, mesh)["policies"])
