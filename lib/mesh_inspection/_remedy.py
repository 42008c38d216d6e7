"""What would let a refused request in, and what an operator does about it."""

from collections.abc import Iterator

from charmlibs.interfaces.service_mesh import name_here

from ._nearest import Difference, Miss
from ._question import Place, Question
from ._view import View
from ._way import Way
from ._words import joined, requests_of, sources_of, targets_of

_DIFFERENCES: dict[Difference, str] = {
    "written": "it is not in Kubernetes",
    "granted": "it is not granted",
    "audit": "it only records what it would do",
    "identity": "the source is outside the mesh, where it has no identity",
    "waypoint": "the Service has no waypoint, which would enforce it",
    "unnamed": "that has not said over cross_model_mesh who it is there",
    "relation": "there is no such relation",
    "source": "that is somebody else",
    "method": "that is another method",
    "path": "that is another path",
    "port": "that is another port",
    "host": "that is another host",
    "http": "it names methods, paths or hosts, which ztunnel does not see",
}
_REQUESTS: frozenset[Difference] = frozenset({"method", "path", "port", "host"})


def describe(miss: Miss) -> str:
    """Say what comes nearest, and in what it does not fit."""
    requests = joined(requests_of(miss.policy))
    if miss.door:
        what = f"a relation with {miss.door.endpoint} would let in {requests}"
    elif miss.differs & {"written", "granted"} and miss.wish:
        what = f"{miss.wish.by} asks that {_sources(miss)} be let in: {requests}"
    else:
        what = f"policy {miss.policy} lets in {_sources(miss)}: {requests}"
    reasons = [_DIFFERENCES[each] for each in sorted(miss.differs) if each in _DIFFERENCES]
    if "place" in miss.differs:
        reasons.append(f"that is about {joined(targets_of(miss.policy))}")
    if miss.door:
        reasons = [each for each in reasons if each != _DIFFERENCES["relation"]]
    return f"{what}; but {joined(reasons)}" if reasons else what


def remedy(miss: Miss, question: Question, way: Way, view: View) -> str:
    """Say what to do about all that does not fit."""
    return "; then ".join(dict.fromkeys(_steps(miss, question, way, view)))


def _steps(miss: Miss, question: Question, way: Way, view: View) -> Iterator[str]:
    differs = miss.differs
    if "written" in differs:
        yield view.why_unwritten
    if "granted" in differs and miss.wish:
        yield miss.wish.refused
    if "audit" in differs:
        yield f"have the policies enforced ({view.enforce})" if view.enforce else "have the policies enforced"
    if "identity" in differs:
        yield f"put {question.source} in the mesh: {_join(question.source, view)}"
    if "waypoint" in differs:
        yield f"put {question.target.application} in the mesh: {_join(question.target, view)}"
    if "unnamed" in differs:
        first, *rest = _introduce(miss, question, view)
        yield f"if it is {question.source}: {first}"
        yield from rest
    if "relation" in differs and miss.door:
        yield from _relate(question.source, question.target.model, miss.door.endpoint, view)
    if "source" in differs:
        yield from _relate_as_others(miss, question, view)
    if "place" in differs:
        if way.service:
            pods = joined(
                [f"{question.target.application}/{pod.name.rpartition('-')[2]}" for pod in way.pods], "or"
            )
            yield f"ask the unit itself ({pods}) rather than the Service"
        else:
            yield f"ask the Service {joined(targets_of(miss.policy))} rather than the unit"
    if "http" in differs:
        yield "have the charm ask for a policy on its Service, or for one on ports alone"
    if differs & _REQUESTS:
        yield f"ask for what is let in: {joined(requests_of(miss.policy), 'or')}"


def _introduce(miss: Miss, question: Question, view: View) -> Iterator[str]:
    """The commands by which an application of another model says who it is there."""
    source, app = question.source, question.target.application.rpartition("/")[2]
    (shown, *_) = (each.rpartition("/")[2] for each in sources_of(miss.policy))
    name = name_here(shown)
    if name == shown:
        yield f"juju integrate -m {source.model} {source.name}:require-cmr-mesh {app}:provide-cmr-mesh"
        return
    # It is known by the name under which it was consumed, and has to say so under that one, too.
    flag = _flag(question.target.model, view)
    yield f"juju offer {source.model}.{source.name}:ENDPOINT,require-cmr-mesh {name}"
    yield f"juju consume {flag}{source.model}.{name}"
    yield f"juju integrate {flag}{app}:provide-cmr-mesh {name}:require-cmr-mesh"


def _relate_as_others(miss: Miss, question: Question, view: View) -> Iterator[str]:
    source, model = question.source, question.target.model
    is_internal = miss.wish and view.internal
    if miss.wish and miss.wish.endpoint and not is_internal:
        yield from _relate(source, model, f"{miss.wish.by}:{miss.wish.endpoint}", view)
    elif miss.policy.asked_by and not is_internal:
        relate = "; then ".join(_integrate(source, model, sorted(miss.policy.asked_by)[0], view))
        yield f"relate it as {_sources(miss)} is ({relate})"
    else:
        yield "no relation that is known here would let in others"


def _relate(source: Place, model: str, endpoint: str, view: View) -> Iterator[str]:
    """The same, where it is not known which endpoints the application has."""
    first, *rest = _integrate(source, model, endpoint, view)
    yield f"if {source.name} has an endpoint for it: {first}"
    yield from rest


def _integrate(source: Place, model: str, endpoint: str, view: View) -> Iterator[str]:
    """The commands that relate an application with an endpoint of another, `app:name`, or just `app`."""
    if source.model == model:
        yield f"juju integrate {_flag(model, view)}{source.name} {endpoint}"
        return
    app, _, name = endpoint.partition(":")
    yield f"juju offer {model}.{app}:{name or 'ENDPOINT'},provide-cmr-mesh {app}"
    yield f"juju consume -m {source.model} {model}.{app}"
    yield f"juju integrate -m {source.model} {source.name} {endpoint}"
    yield f"juju integrate -m {source.model} {source.name}:require-cmr-mesh {app}:provide-cmr-mesh"


def _join(place: Place, view: View) -> str:
    if place.model == view.owner.model and view.beacon:
        return f"juju integrate {place.name}:service-mesh {view.beacon}"
    return f"juju integrate -m {place.model} {place.name}:service-mesh BEACON, the beacon of that model"


def _flag(model: str, view: View) -> str:
    return "" if model == view.owner.model else f"-m {model} "


def _sources(miss: Miss) -> str:
    if "unnamed" in miss.differs:
        return "an application of another model"
    return joined(sources_of(miss.policy))
