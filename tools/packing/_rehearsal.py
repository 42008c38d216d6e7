"""Runs a packed charm through its scene, with a Kubernetes API of its own."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sandbox.kubernetes import KubernetesServer

from ._charm_file import CharmFile
from ._errors import CannotPackError
from ._interpreter import find_python
from ._scenes import MODEL, SCENES, Scene
from ._trial import Trial, TrialWorld


def rehearse(charm: CharmFile) -> Iterator[str]:
    """Run a packed charm on a bare Python, and yield the problems.

    Raises:
        CannotPackError: if this machine lacks the Python that the charm is packed for.
    """
    python = find_python(charm.python or "")
    if python is None:
        raise CannotPackError(f"{charm.path.name} can only be checked with Python {charm.python}")
    app = charm.name.removesuffix("-k8s")
    scene = SCENES[charm.name]
    with tempfile.TemporaryDirectory(prefix="packing-") as folder, KubernetesServer() as kubernetes:
        _deploy(kubernetes, app, charm.yaml("metadata.yaml").get("containers", {}))
        unpacked = Path(folder, "charm")
        charm.unpack(unpacked)
        kubeconfig = kubernetes.write_kubeconfig(Path(folder, "kubeconfig"), namespace=MODEL)
        world = TrialWorld(config={**_defaults(charm), **scene.config}, relations=scene.relations(app))
        trial = Trial(unpacked, python, app, world, {"KUBECONFIG": str(kubeconfig)})
        yield from _play(scene, trial)
        for kind in sorted(scene.creates):
            if not kubernetes.store.objects(kind, MODEL):
                yield f"there is no {kind} in Kubernetes"


def _play(scene: Scene, trial: Trial) -> Iterator[str]:
    written: set[str] = set()
    for event in scene.events:
        outcome = trial.run(event)
        if outcome.error:
            yield f"{event.name} fails: {outcome.error}"
        elif not outcome.calls:
            yield f"{event.name}: the charm does nothing"
        written |= outcome.written.keys()
    yield from (
        f"{name} is not among its packages, and would be imported" for name in trial.missing_modules()
    )
    yield from (f"{key} is in no databag" for key in sorted(scene.writes - written))


def _defaults(charm: CharmFile) -> dict[str, Any]:
    options: dict[str, dict[str, Any]] = charm.yaml("config.yaml").get("options", {})
    return {name: option["default"] for name, option in options.items() if "default" in option}


def _deploy(kubernetes: KubernetesServer, app: str, workloads: Iterable[str]) -> None:
    """Create the objects that Juju creates for an application, as far as charms read them."""
    labels = {"app.kubernetes.io/name": app}
    containers = [{"name": name, "image": name} for name in ("charm", *workloads)]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    stateful_set = {
        "serviceName": f"{app}-endpoints",
        "selector": {"matchLabels": labels},
        "template": template,
    }
    service = {"selector": labels, "ports": [{"port": 65535}]}
    kubernetes.store.create("Namespace", {"metadata": {"name": MODEL}})
    for kind, spec in {"StatefulSet": stateful_set, "Service": service}.items():
        kubernetes.store.create(kind, {"metadata": {"name": app}, "spec": spec}, namespace=MODEL)
