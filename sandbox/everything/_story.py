"""The steps of the story."""

from sandbox import samples, telemetry
from sandbox.juju import Model
from sandbox.samples import BEACON, CLUSTERS, COORDINATOR, WORKER
from sandbox.story import StoryStep
from sandbox.world import World

from ._arrivals import arrivals, arrivals_table, missing
from ._mesh_with_certificate import join_mesh, not_as_declared
from ._models import ANNEX, HALL, VAULT
from ._rotation import Rotation, not_smooth, rotate, summary


def story() -> tuple[StoryStep, ...]:
    """Return the steps; they can be run once."""
    rotation = Rotation()

    def rotate_if_anything_runs(world: World) -> None:
        if world.enforcement:
            rotate(world, rotation)

    return (
        StoryStep(
            "deploy",
            "Deploy a coordinator and its workers into the mesh",
            "The shop may get and put keys. Nothing else is allowed.",
            _deploy,
        ),
        StoryStep(
            "relate",
            "Integrate it with everything in its model",
            "Telemetry of each kind, dashboards, a datasource and its exchange, a catalogue and a bucket.",
            _relate,
        ),
        StoryStep(
            "relate-models",
            "Integrate it with another model, both ways",
            "It sends traces of its charms to a watchtower there, which allows it by its name in its own "
            "model. It allows a kiosk of that model to get keys.",
            _relate_to_another_model,
        ),
        StoryStep(
            "secure",
            "Deploy a second cluster, with a certificate",
            "It is outside the mesh, because a waypoint cannot look into TLS of an application. nginx and "
            "all workers serve with certificates that the authority signed.",
            _secure,
            lambda world: arrivals_table(arrivals(world) if world.enforcement else []),
            missing,
            is_measured=False,
        ),
        StoryStep(
            "rotate",
            "Renew all certificates while clients send requests",
            "nginx loads the new certificate while it serves, and workers use it from their next connection "
            "on: no request fails.",
            rotate_if_anything_runs,
            lambda _: summary(rotation),
            lambda world: not_smooth(rotation) if world.enforcement else [],
            is_measured=False,
        ),
        StoryStep(
            "join-with-certificate",
            "Put the second cluster into the mesh",
            "ztunnel encrypts there, so nginx and workers serve plain HTTP, and the waypoint sees methods "
            "and paths. The certificate stays, for when the cluster leaves the mesh.",
            join_mesh,
            check=lambda world: not_as_declared(world) if world.enforcement else [],
        ),
    )


def _cluster(model: Model) -> None:
    samples.deploy(model, COORDINATOR)
    samples.deploy(model, "shop")
    for role in ("api", "store"):
        samples.deploy(model, WORKER, role, config={f"role-{role}": True})
        model.integrate(f"{role}:{CLUSTERS[COORDINATOR]}", COORDINATOR)
    model.integrate("shop:kv", f"{COORDINATOR}:kv-api")


def _deploy(world: World) -> None:
    hall = world.model(HALL)
    samples.deploy(hall, BEACON)
    _cluster(hall)
    for app in (COORDINATOR, "shop"):
        hall.integrate(f"{app}:service-mesh", BEACON)


def _relate(world: World) -> None:
    hall = world.model(HALL)
    for charm in (telemetry.BACKEND, "gallery", "storage"):
        samples.deploy(hall, charm)
    for app in (telemetry.BACKEND, "gallery"):
        hall.integrate(f"{app}:service-mesh", BEACON)
    # While it starts, workers would retry with growing pauses.
    world.settle()
    telemetry.relate(hall, COORDINATOR)
    for endpoint, other in (
        ("grafana-dashboard", "gallery:grafana-dashboard"),
        ("grafana-source", "gallery:grafana-source"),
        ("send-datasource", "gallery:receive-datasource"),
        ("receive-datasource", "gallery:send-datasource"),
        ("catalogue", "gallery:catalogue"),
        ("s3", "storage:s3-credentials"),
    ):
        hall.integrate(f"{COORDINATOR}:{endpoint}", other)
    # The mesh itself is scraped as well.
    hall.integrate(f"{BEACON}:metrics-endpoint", telemetry.BACKEND)
    hall.integrate(f"{BEACON}:grafana-dashboard", "gallery")


def _relate_to_another_model(world: World) -> None:
    hall, annex = world.model(HALL), world.model(ANNEX)
    samples.deploy(annex, BEACON)
    samples.deploy(annex, telemetry.BACKEND, "watchtower")
    samples.deploy(annex, "shop", "kiosk")
    for app in ("watchtower", "kiosk"):
        annex.integrate(f"{app}:service-mesh", BEACON)
    hall.consume(annex.offer("watchtower", "tracing", "provide-cmr-mesh"))
    hall.integrate(f"{COORDINATOR}:self-charm-tracing", "watchtower:tracing")
    hall.integrate(f"{COORDINATOR}:require-cmr-mesh", "watchtower:provide-cmr-mesh")
    annex.consume(hall.offer(COORDINATOR, "kv-api", "provide-cmr-mesh"))
    annex.integrate("kiosk:kv", f"{COORDINATOR}:kv-api")
    annex.integrate("kiosk:require-cmr-mesh", f"{COORDINATOR}:provide-cmr-mesh")


def _secure(world: World) -> None:
    vault = world.model(VAULT)
    _cluster(vault)
    samples.deploy(vault, "authority")
    vault.integrate(f"{COORDINATOR}:certificates", "authority")
