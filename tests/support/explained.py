"""Explanations by `explain` of requests whose outcome was measured."""

from collections.abc import Iterable, Iterator

from k8s_charm import Owner
from mesh_inspection import NODE as NODE_SOURCE
from mesh_inspection import Cluster, Question, View, Workload, explain, read_cluster
from sandbox.matrix import NODE, Cell, MeasuredRequest
from sandbox.mesh import State
from sandbox.world import World

_VIEW = View(Owner("nobody", "nowhere"), {})


def disagreements(world: World, cells: Iterable[Cell]) -> list[str]:
    """Return the cells for which `explain` and the measurement differ.

    It reports what the mesh does; where nothing listens, no request succeeds in any case.
    """
    enforcement = world.enforcement
    assert enforcement
    state = enforcement.mesh.state
    listening = {f"pod {pod.namespace}/{pod.name}": enforcement.mesh.ports(pod) for pod in state.pods}
    clusters: dict[tuple[str, str], Cluster] = {}
    found: list[str] = []
    for cell in cells:
        question = question_of(cell.request)
        models = question.source.model, question.target.model
        if models not in clusters:
            clusters[models] = read_cluster(
                world.client, source_namespace=models[0], target_namespace=models[1]
            )
        explanation = explain(question, clusters[models], _VIEW)
        listens = any(port in listening[pod] for pod, port in _behind(cell.request, state))
        if (explanation.verdict == "allowed" and listens) != cell.allowed:
            found.append(f"{cell.request} was let through: {cell.allowed}, but {explanation.answer}")
    return found


def question_of(request: MeasuredRequest) -> Question:
    """Return a measured request as a query of `explain`."""
    model, name = request.source.split("/")
    source = NODE_SOURCE if request.source == NODE else Workload(model, name)
    kind, target = request.target.split(" ")
    target_model, target_name = target.split("/")
    workload = Workload(target_model, target_name)
    if kind == "pod":
        app, _, unit = target_name.rpartition("-")
        workload = Workload(target_model, app, int(unit))
    return Question(source, workload, request.port, request.method, request.path)


def _behind(request: MeasuredRequest, state: State) -> Iterator[tuple[str, int]]:
    """The pods that a request may end at, and the port there."""
    if request.target.startswith("pod "):
        yield request.target, request.port
    for service in state.services:
        if request.target == f"Service {service.namespace}/{service.name}" and request.port in service.ports:
            for pod in service.pods:
                yield f"pod {pod.namespace}/{pod.name}", service.ports[request.port]
