"""The project's charms in one model, from the first install to the last remove, by Juju's own events."""

import itertools
from collections.abc import Iterator

import pytest

from sandbox.juju import Controller, Model
from tests.cluster.every_object import every_object
from tests.support.charms import CHARMS
from tests.support.real_server.server import RealServer

BEACON, COORDINATOR, WORKER, SCRAPER = "beacon", "kv", "worker", "scraper"
# A namespace is a DNS label, and so is the name of a revision, with which a StatefulSet's pods are labelled.
LONGEST_MODEL, LONGEST_APP = 63, 63 - len("-3092861567")


@pytest.fixture(scope="module")
def juju(real_server: RealServer) -> Iterator[Controller]:
    real_server.access.restore()
    real_server.store.reset()
    with Controller(real_server) as juju:  # type: ignore[arg-type]
        yield juju


def deploy(model: Model, beacon: str = BEACON, coordinator: str = COORDINATOR, worker: str = WORKER) -> None:
    """Install all three, form the cluster, join the mesh, and allow another application."""
    model.deploy(CHARMS / "demo-coordinator-k8s", coordinator)
    model.deploy(CHARMS / "demo-worker-k8s", worker, config={"role-all": True})
    model.deploy(CHARMS / "istio-beacon-k8s", beacon)
    model.deploy(CHARMS.parent / "sandbox/charms/prometheus", SCRAPER)
    model.settle()
    model.integrate(f"{coordinator}:demo-cluster", worker)
    model.integrate(f"{beacon}:service-mesh", f"{coordinator}:service-mesh")
    model.integrate(f"{beacon}:metrics-endpoint", SCRAPER)
    model.settle()
    look_again(model)


def look_again(model: Model) -> None:
    model.update_status()
    model.settle()


def statuses(model: Model) -> dict[str, tuple[str, str]]:
    units = list(itertools.chain.from_iterable(app.units for app in model.applications.values()))
    assert [unit.error.traceback for unit in units if unit.error] == []
    return {unit.application.name: tuple(unit.workload_status) for unit in units}


def problems(model: Model) -> dict[str, str]:
    """Return the problems that an operator has to resolve."""
    return {app: message for app, (status, message) in statuses(model).items() if status == "blocked"}


@pytest.fixture(scope="module")
def settled(juju: Controller) -> Model:
    model = juju.add_model("shop")
    deploy(model)
    return model


@pytest.fixture
def shop(settled: Model, real_server: RealServer) -> Iterator[Model]:
    """A model without problems, before the test and after it."""
    assert problems(settled) == {}
    yield settled
    real_server.access.restore()
    look_again(settled)
    assert problems(settled) == {}


def of_the_charms(real_server: RealServer) -> list[dict]:
    """Return the content of the objects that the charms own."""
    kinds = ("AuthorizationPolicy", "Gateway", "HorizontalPodAutoscaler", "ConfigMap")
    objects = itertools.chain.from_iterable(map(real_server.store.objects, kinds))
    return [
        {"metadata": {key: obj["metadata"].get(key) for key in ("name", "labels", "annotations")}}
        | {key: obj.get(key) for key in ("spec", "data")}
        for obj in objects
    ]


def test_deployed_model_is_active(shop: Model):
    found = statuses(shop)
    assert found[BEACON][0] == found[COORDINATOR][0] == "active"


def test_hook_with_nothing_to_do_changes_no_object_at_all(shop: Model, real_server: RealServer):
    before = every_object(real_server.upstream)
    assert any("authorizationpolicies shop/" in path for path in before)
    look_again(shop)
    assert every_object(real_server.upstream) == before


@pytest.mark.parametrize("app", [BEACON, COORDINATOR, WORKER])
def test_lost_trust_is_reported_until_it_is_back(shop: Model, real_server: RealServer, app: str):
    before = every_object(real_server.upstream)
    shop.trust(app, remove=True)
    look_again(shop)
    assert list(problems(shop)) == [app]
    assert f"juju trust {app}" in problems(shop)[app]
    shop.trust(app)
    look_again(shop)
    assert problems(shop) == {}
    assert every_object(real_server.upstream) == before


@pytest.mark.parametrize(
    ("group", "kind", "told_by"),
    [
        ("security.istio.io", "AuthorizationPolicy", {BEACON, COORDINATOR}),
        ("gateway.networking.k8s.io", "Gateway", {BEACON}),
    ],
)
def test_missing_crds_are_reported_until_they_are_back(
    shop: Model, real_server: RealServer, group: str, kind: str, told_by: set[str]
):
    before = of_the_charms(real_server)
    real_server.store.uninstall_custom_resources(group)
    look_again(shop)
    assert problems(shop).keys() == told_by
    assert all(kind in message for message in problems(shop).values())
    real_server.store.install_custom_resources(group)
    look_again(shop)
    assert problems(shop) == {}
    assert of_the_charms(real_server) == before


def test_longest_names_work_and_are_cleaned_up(juju: Controller, real_server: RealServer):
    model = juju.add_model("m" * LONGEST_MODEL)
    before = every_object(real_server.upstream).keys()
    beacon, coordinator, worker = (f"{letter * (LONGEST_APP - 1)}x" for letter in "bcw")
    deploy(model, beacon, coordinator, worker)
    assert problems(model) == {}
    kinds = {
        path.partition(" ")[0].rpartition("/")[2]
        for path in every_object(real_server.upstream).keys() - before
    }
    assert kinds >= {"authorizationpolicies", "gateways", "horizontalpodautoscalers", "configmaps"}
    for app in (beacon, worker, coordinator, SCRAPER):
        model.remove_application(app)
        model.settle()
    assert model.applications == {}
    assert every_object(real_server.upstream).keys() == before
