"""The charms on the real istiod: applications join, and requested policies are enforced."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from lightkube import Client, KubeConfig
from lightkube.resources.core_v1 import Pod, Service

from istio_policies import AuthorizationPolicy, Gateway, enforcement
from k8s_charm import manifest
from sandbox import samples
from sandbox.control_plane import (
    STATEFUL_SETS,
    ControllerManager,
    Istiod,
    RealKubernetes,
    StartedKubernetes,
    Waypoints,
)
from sandbox.flows import beacon_of
from sandbox.juju import Controller, Model
from sandbox.samples import BEACON, COORDINATOR, WORKER
from sandbox.world import World
from tests.support.kubernetes_api import MERGE

MODEL = "shop"
OUTSIDE = "outsider"
"""The one application that is not in the mesh."""

Json = dict[str, Any]


@pytest.fixture(scope="module")
def world(
    kubernetes: RealKubernetes, istiod: Istiod, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A beacon, some consumers, and a cluster of a coordinator and a worker."""
    kubeconfig = kubernetes.write_kubeconfig(tmp_path_factory.mktemp("world") / "kubeconfig")
    client = Client(KubeConfig.from_file(kubeconfig), trust_env=False)
    with contextlib.ExitStack() as stack:
        if isinstance(kubernetes, StartedKubernetes):
            stack.enter_context(ControllerManager(kubernetes, STATEFUL_SETS))
        stack.enter_context(Waypoints(kubernetes.admin))
        controller = stack.enter_context(Controller(kubeconfig))
        world = World(controller, client, "", patience=30, suffix=f"-{uuid4().hex[:6]}")
        model = world.model(MODEL)
        for charm in (BEACON, "catalogue", "shop", "prometheus", COORDINATOR):
            samples.deploy(model, charm)
        samples.deploy(model, "shop", OUTSIDE)
        samples.deploy(model, WORKER, "store", config={"role-all": True})
        model.integrate("store:demo-cluster", COORDINATOR)
        for app in ("catalogue", "shop", "prometheus", COORDINATOR):
            model.integrate(f"{app}:service-mesh", BEACON)
        model.integrate("shop:catalogue", "catalogue:catalogue")
        model.integrate("shop:kv", f"{COORDINATOR}:kv-api")
        for app in (BEACON, "catalogue", COORDINATOR):
            model.integrate(f"{app}:metrics-endpoint", "prometheus:metrics-endpoint")
        assert world.settle() == []
        capture(kubernetes, model)
        yield world
        kubernetes.admin.send("DELETE", f"/api/v1/namespaces/{model.name}")


def capture(kubernetes: RealKubernetes, model: Model) -> None:
    """Enrol pods as Istio's agent on a node does, by their label or their namespace's."""
    pods = f"/api/v1/namespaces/{model.name}/pods"
    selected = kubernetes.admin.must("GET", f"{pods}?labelSelector=istio.io/dataplane-mode%3Dambient")
    for pod in selected["items"]:
        mark = {"metadata": {"annotations": {"ambient.istio.io/redirection": "enabled"}}}
        kubernetes.admin.must("PATCH", f"{pods}/{pod['metadata']['name']}", mark, content_type=MERGE)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)


def policies(world: World) -> list[AuthorizationPolicy]:
    return list(world.client.list(AuthorizationPolicy, namespace=world.model(MODEL).name))


def waypoint(world: World) -> str:
    return f"{world.model(MODEL).name}-{BEACON}-waypoint"


def of_model(istiod: Istiod, world: World, what: str) -> dict[str, Json]:
    """Return the resources of the model that istiod sends to ztunnel, by name."""
    sent = istiod.debug("ambientz")[what]
    return {each["name"]: each for each in sent if each["namespace"] == world.model(MODEL).name}


def test_the_gateway_of_the_beacon_is_accepted_and_programmed(world: World):
    gateway = manifest(world.client.get(Gateway, waypoint(world), namespace=world.model(MODEL).name))
    states = {one["type"]: one["status"] for one in gateway["status"]["conditions"]}
    assert states["Accepted"] == states["Programmed"] == "True"


def test_policies_of_beacon_and_coordinator_are_enforced(world: World):
    wait_until(lambda: all(each.enforced is not None for each in enforcement(policies(world))))
    found = enforcement(policies(world))
    assert [each for each in found if not each.enforced] == []
    model = world.model(MODEL).name
    writers = {each.ref.name.split(".")[1] for each in found if each.ref.name.startswith(model)}
    assert BEACON in writers
    assert len(writers) >= 2


def test_ztunnel_gets_pods_in_the_mesh(world: World, istiod: Istiod):
    model = world.model(MODEL)
    wait_until(lambda: "HBONE" in str(of_model(istiod, world, "workloads").get("store-0")))
    workloads = of_model(istiod, world, "workloads")
    captured = {name for name, workload in workloads.items() if workload.get("tunnelProtocol") == "HBONE"}
    in_mesh = filter(beacon_of, model.applications.values())
    expected = {unit.pod for unit in itertools.chain.from_iterable(app.units for app in in_mesh)}
    assert captured == expected
    assert f"{OUTSIDE}-0" in workloads.keys() - captured


def test_ztunnel_gets_services_behind_the_waypoint(world: World, istiod: Istiod):
    model = world.model(MODEL)
    bound = {
        name: service["waypoint"]["hostname"]["hostname"]
        for name, service in of_model(istiod, world, "services").items()
        if "waypoint" in service
    }
    host = f"{waypoint(world)}.{model.name}.svc.cluster.local"
    # Those with a policy of their own; for the others the waypoint has nothing to enforce.
    assert bound == dict.fromkeys(("catalogue", COORDINATOR), host)


def test_policies_select_pods_of_the_cluster(world: World, istiod: Istiod):
    labels = {
        manifest(pod)["metadata"]["name"]: manifest(pod)["metadata"]["labels"]
        for pod in world.client.list(Pod, namespace=world.model(MODEL).name)
    }
    selectors = {
        manifest(each)["metadata"]["name"]: manifest(each)["spec"]["selector"]["matchLabels"]
        for each in policies(world)
        if "selector" in manifest(each)["spec"]
    }
    for pod, workload in of_model(istiod, world, "workloads").items():
        attached = {name.partition("/")[2] for name in workload.get("authorizationPolicies", [])}
        selecting = {name for name, wanted in selectors.items() if wanted.items() <= labels[pod].items()}
        assert {name for name in attached if not name.startswith("istio_")} == selecting, pod


def test_a_policy_that_istiod_does_not_enforce_is_seen(world: World):
    """The Service of the catalogue goes, comes back without the label to the waypoint, and with it."""
    model = world.model(MODEL)
    service = world.client.get(Service, "catalogue", namespace=model.name)
    labels: dict[str, str] = service.metadata.labels
    path = {"namespace": model.name}

    def unenforced() -> list[str]:
        return [each.reason for each in enforcement(policies(world)) if each.enforced is False]

    def create(labels: dict[str, str]) -> None:
        spec = {"selector": service.spec.selector, "ports": [{"port": 8080}]}
        metadata = {"name": "catalogue", "labels": labels}
        world.client.create(Service.from_dict({"metadata": metadata, "spec": spec}), **path)

    def shown() -> str:
        return str(model.run(f"{BEACON}/leader", "list-policies").results)

    def status() -> tuple[str, str]:
        model.update_status(BEACON)
        model.settle()
        name, message = model.applications[BEACON].units[0].workload_status
        return name, message

    world.client.delete(Service, "catalogue", **path)
    missing = f"Service {model.name}/catalogue was not found"
    wait_until(lambda: unenforced() == [missing])
    assert unenforced() == [missing]
    assert missing in shown()
    assert status()[0] == "waiting"
    assert "catalogue was not found" in status()[1]

    create({name: value for name, value in labels.items() if "istio.io/" not in name})
    unbound = f"Service {model.name}/catalogue is not bound to a waypoint"
    wait_until(lambda: unenforced() == [unbound])
    assert unenforced() == [unbound]
    assert unbound in shown()
    assert status()[0] == "waiting"
    assert "not bound to a waypoint" in status()[1]

    world.client.delete(Service, "catalogue", **path)
    create(labels)
    wait_until(lambda: not unenforced())
    assert unenforced() == []
    assert unbound not in shown()
    assert status()[0] == "active"
    assert "enforced" in status()[1]
