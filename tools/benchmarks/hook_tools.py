"""How often a hook calls Juju's hook tools: each call is a process, and takes some 10 ms in a cluster."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from . import policies
from .cluster_relations import cluster
from .findings import Case, Findings, Quantity
from .juju_unit import Relation, Unit
from .kubernetes_apis import KubernetesApi
from .sides import HERE, Side

TOPIC = "hook tools"
CALLS = Quantity("calls")
CHARMS = {
    "beacon": "update-status",
    "consumer": "data-relation-created",
    "coordinator": "update-status",
}
"""The measured charms, and the hook of each in which there is nothing to do."""
ALL = "all"
_SHOWN = ("relation-get", "relation-list", "relation-set", "juju-log")

_MESH = {
    "labels": '{"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}',
    "mesh_type": '"istio"',
}

Tell = Callable[[str], None]


def measure(findings: Findings, api: KubernetesApi, sides: list[Side], *, size: int, tell: Tell) -> None:
    """Count the calls of hooks with nothing to do, of charms that have `size` relations of one kind."""
    for charm, hook in CHARMS.items():
        for side in sides:
            tell(f"{charm}, {size} relations, {side.name}")
            model = f"tools-{charm}-{side.name}-{size}"
            api.make_model(model, charm)
            with tempfile.TemporaryDirectory() as folder:
                environment = {"KUBECONFIG": str(api.kubeconfig)}
                source = HERE / "charms" / charm
                unit = Unit(source, side, Path(folder), app=charm, model=model, environment=environment)
                for relation in _relations(charm, size, model):
                    unit.relate(relation)
                relation = unit.relations[size] if charm == "consumer" else None
                unit.hook(hook, relation)
                calls = unit.hook(hook, relation).calls
            case = f"{charm}: {{}}"
            findings.add(Case(TOPIC, case.format(ALL), size), side.name, {CALLS: calls.total()})
            for tool in _SHOWN:
                findings.add(Case(TOPIC, case.format(tool), size), side.name, {CALLS: calls[tool]})
            api.delete_policies(model)


def _relations(charm: str, size: int, model: str) -> Iterator[Relation]:
    if charm == "beacon":
        yield from policies.consumers(size, model, number=size)
    elif charm == "consumer":
        yield Relation(size + 1, "service-mesh", "beacon", _MESH)
        for number in range(size):
            yield Relation(number + 1, "data", f"user-{number}", units={f"user-{number}/0": {}})
    else:
        yield from cluster(size, model, apps=size)
