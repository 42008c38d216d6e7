"""The steps of the demo."""

from collections.abc import Iterator

from rich.console import Group, RenderableType

from . import _show, samples, telemetry
from .juju import Bag
from .samples import BEACON, COORDINATOR, WORKER
from .story import StoryStep
from .world import World

SHOP, OFFICE = "shop", "office"
"""Names of the models."""


def _deploy(world: World) -> None:
    model = world.model(SHOP)
    for charm in (BEACON, "catalogue", "shop", "prometheus"):
        samples.deploy(model, charm)
    if samples.published_libraries():
        samples.deploy(model, "orders")


def _join(world: World) -> None:
    model = world.model(SHOP)
    for app in model.applications:
        if app != BEACON:
            model.integrate(f"{app}:service-mesh", BEACON)


def _relate(world: World) -> None:
    model = world.model(SHOP)
    model.integrate("shop:catalogue", "catalogue:catalogue")
    if "orders" in model.applications:
        model.integrate("shop:orders", "orders:orders")


def _observe(world: World) -> None:
    model = world.model(SHOP)
    for app in (BEACON, "catalogue", "shop"):
        model.integrate(f"{app}:metrics-endpoint", "prometheus:metrics-endpoint")


def _cross_models(world: World) -> None:
    shop, office = world.model(SHOP), world.model(OFFICE)
    samples.deploy(office, BEACON)
    samples.deploy(office, "shop", "kiosk")
    samples.deploy(office, "shop", "unrelated")
    samples.deploy(office, "shop", "outsider")
    for app in ("kiosk", "unrelated"):
        office.integrate(f"{app}:service-mesh", BEACON)
    office.consume(shop.offer("catalogue", "catalogue", "provide-cmr-mesh"))
    office.integrate("kiosk:catalogue", "catalogue:catalogue")
    office.integrate("kiosk:require-cmr-mesh", "catalogue:provide-cmr-mesh")


def _scale(world: World) -> None:
    model = world.model(SHOP)
    model.add_unit(BEACON)
    model.add_unit("catalogue")


def _cluster(world: World) -> None:
    model = world.model(SHOP)
    samples.deploy(model, COORDINATOR)
    samples.deploy(model, WORKER, "api", config={"role-api": True})
    samples.deploy(model, WORKER, "store", config={"role-store": True})
    for worker in ("api", "store"):
        model.integrate(f"{worker}:demo-cluster", COORDINATOR)


def _cluster_joins(world: World) -> None:
    model = world.model(SHOP)
    model.integrate(f"{COORDINATOR}:service-mesh", BEACON)
    model.integrate("shop:kv", f"{COORDINATOR}:kv-api")
    model.integrate(f"{COORDINATOR}:metrics-endpoint", "prometheus:metrics-endpoint")


def _workers(world: World) -> None:
    model = world.model(SHOP)
    model.add_unit("store")
    samples.deploy(model, WORKER, "spare", config={"role-all": True})
    model.integrate("spare:demo-cluster", COORDINATOR)


def _telemetry(world: World) -> None:
    model = world.model(SHOP)
    samples.deploy(model, telemetry.BACKEND)
    model.integrate(f"{telemetry.BACKEND}:service-mesh", BEACON)
    # While it starts, workers would retry with growing pauses.
    world.settle()
    telemetry.relate(model, COORDINATOR)


def _check_telemetry(world: World) -> list[str]:
    if world.enforcement is None:
        return []
    model = world.model(SHOP)
    try:
        trace = telemetry.put_key(world, model.application("shop"))
        missing = telemetry.wait_for(world, model.application(COORDINATOR), trace)
    except OSError as error:
        return [f"cannot follow the telemetry of a request: {error}"]
    return [
        *missing,
        *(
            f"accepted without the coordinator: {each.url}"
            for each in _go_straight(world)
            if not each.refusal
        ),
    ]


def _go_straight(world: World) -> list[telemetry.Attempt]:
    model = world.model(SHOP)
    return telemetry.straight(world, model.application("store"), model.application(telemetry.BACKEND))


def _show_telemetry(world: World) -> RenderableType:
    if world.enforcement is None:
        return _show_cluster(world)
    return _show.telemetry(telemetry.arrived(world), "store", _go_straight(world))


def _fewer_workers(world: World) -> None:
    world.model(SHOP).remove_application("spare")


def _show_keys(world: World) -> RenderableType:
    return Group(_show_cluster(world), *_use_keys(world))


def _use_keys(world: World) -> Iterator[str]:
    if not world.enforcement:
        return
    for method, body in (("PUT", b"hello"), ("GET", None), ("DELETE", None)):
        answer = world.enforcement.ask(
            "shop/shop", f"{SHOP}/{COORDINATOR}", 8080, method, "/kv/greeting", body
        )
        yield f"shop asks the coordinator: {method} /kv/greeting → {answer}"


def _show_cluster(world: World) -> RenderableType:
    return _show.cluster(world.model(SHOP).application(COORDINATOR))


def _break(world: World) -> None:
    databag = _policies_of_catalogue(world)
    databag.replace({**databag.data, "policies": databag.data["policies"][:-20]})


def _policies_of_catalogue(world: World) -> Bag:
    sides = world.model(SHOP).application("catalogue").sides
    return next(side.data for side in sides if side.endpoint.name == "service-mesh")


def _revoke(world: World) -> None:
    databag = _policies_of_catalogue(world)
    databag.replace({key: value for key, value in databag.data.items() if key != "policies"})
    world.model(SHOP).remove_relation("shop:catalogue", "catalogue:catalogue")


def _leave(world: World) -> None:
    for app in ("shop", COORDINATOR):
        world.model(SHOP).remove_relation(f"{app}:service-mesh", BEACON)


def _remove(world: World) -> None:
    world.model(SHOP).remove_application(BEACON)


STORY: tuple[StoryStep, ...] = (
    StoryStep(
        "deploy",
        "Deploy",
        "A beacon and a few applications. Nothing is integrated yet: only the beacon is in the mesh, and no "
        "policy allows any request.",
        _deploy,
    ),
    StoryStep(
        "join",
        "Join the mesh",
        "Integrated over service-mesh, each application gets the mesh's labels and puts them on its pods, "
        "which keep running. Being in the mesh allows no request yet.",
        _join,
    ),
    StoryStep(
        "relate",
        "Integrate the shop with what it needs",
        "The relation is the permission: the shop may GET the catalogue's items, and nothing else.",
        _relate,
    ),
    StoryStep(
        "observe",
        "Integrate a scraper",
        "Prometheus scrapes each pod directly, not through the Service. It is allowed there, on the metrics "
        "port only.",
        _observe,
    ),
    StoryStep(
        "cross-models",
        "Integrate an application of another model",
        "The catalogue's model knows the kiosk by a generated name. Over cross_model_mesh the kiosk "
        "publishes its identity, so the policy names it as Kubernetes does.",
        _cross_models,
    ),
    StoryStep(
        "scale",
        "Scale",
        "The second unit of the beacon is on standby. The second unit of the catalogue can be reached like "
        "the first: policies are between applications, so none changes.",
        _scale,
    ),
    StoryStep(
        "cluster",
        "Deploy a coordinator and its workers",
        "The coordinator reads the workers' roles and publishes their configuration. Every pod of the "
        "cluster is labelled as part of it, in a mesh or not.",
        _cluster,
        _show_cluster,
    ),
    StoryStep(
        "cluster-joins",
        "Add the cluster to the mesh",
        "Only the coordinator is integrated with the beacon. It passes the mesh's labels on to its workers, "
        "writes the policies inside the cluster itself, and requests the others from the beacon: the shop "
        "may GET and PUT keys, and Prometheus gets the workers' metrics through the coordinator.",
        _cluster_joins,
        _show_keys,
    ),
    StoryStep(
        "workers",
        "Add workers",
        "One more unit of an application changes no policy. One more application may reach its cluster; "
        "nothing else changes.",
        _workers,
        _show_cluster,
    ),
    StoryStep(
        "telemetry",
        "Integrate the cluster with a backend for its telemetry",
        "Only the coordinator is integrated with the observatory, and only it is allowed there. The workers' "
        "metrics, logs and traces go through its nginx. A worker that sends them directly is denied.",
        _telemetry,
        _show_telemetry,
        _check_telemetry,
    ),
    StoryStep(
        "fewer-workers",
        "Remove a worker application",
        "Its policies are removed with it.",
        _fewer_workers,
        _show_cluster,
    ),
    StoryStep(
        "break",
        "Corrupt the catalogue's policies",
        "The end of the text in its databag is lost. The beacon reports it and keeps the catalogue's "
        "previous policies. No other application is affected.",
        _break,
    ),
    StoryStep(
        "revoke",
        "Remove the relation between shop and catalogue",
        "With its next event the catalogue publishes valid policies again. The shop loses its permission "
        "with the relation; the kiosk keeps its own.",
        _revoke,
    ),
    StoryStep(
        "leave",
        "Take the shop and the cluster out of the mesh",
        "Their labels and policies are removed, and those of the workers. The label that marks the pods as "
        "one cluster stays.",
        _leave,
    ),
    StoryStep(
        "remove",
        "Remove the beacon",
        "Everything that it wrote is removed with it.",
        _remove,
    ),
)

PICTURED = "telemetry"
"""The step that the page shows: the one with most to see."""

STEPS = tuple(step.name for step in STORY)
"""Names of the steps."""
