"""The commands that would have a denied request allowed."""

from collections.abc import Iterator

from charmlibs.interfaces.service_mesh import local_name
from istio_policies import describe_requests, describe_sources, describe_targets, joined

from ._near_match import Difference, NearMatch, sources_of
from ._query import Question, Workload
from ._request_path import RequestPath
from ._view import View

_REQUESTS: frozenset[Difference] = frozenset({"method", "path", "port", "host"})


def suggest(match: NearMatch, question: Question, path: RequestPath, view: View) -> tuple[str, ...]:
    """Return the commands that resolve the differences, in order; a sentence where no command exists."""
    return tuple(dict.fromkeys(filter(None, _steps(match, question, path, view))))


def _steps(match: NearMatch, question: Question, path: RequestPath, view: View) -> Iterator[str]:
    differs = match.differs
    if "written" in differs:
        yield view.write_command or view.details_command
    if "granted" in differs and match.requested:
        yield match.requested.command
    if "audit" in differs:
        yield view.enforce_command
    if "identity" in differs:
        yield _join(question.source, view)
    if "waypoint" in differs:
        yield _join(question.target, view)
    if "unready" in differs and path.service and path.service.unready_waypoint:
        model, name = path.service.unready_waypoint
        yield f"kubectl describe gateway {name} -n {model}"
    if "unnamed" in differs:
        yield from _introduce(match, question, view)
    if "relation" in differs and match.declared:
        yield from _relate(question.source, question.target.model, match.declared.endpoint, view)
    if "source" in differs:
        yield from _relate_as_others(match, question, view)
    if "place" in differs:
        yield _other_address(match, question, path)
    if "http" in differs:
        yield "have the charm request a policy on its Service, or one on ports alone"
    if differs & _REQUESTS:
        yield f"allowed requests: {joined(describe_requests(match.policy.spec), 'or')}"


def _other_address(match: NearMatch, question: Question, path: RequestPath) -> str:
    if path.service:
        units = [f"{question.target.application}/{pod.name.rpartition('-')[2]}" for pod in path.pods]
        return f"send it to the unit ({joined(units, 'or')}), not to the Service"
    targets = joined(describe_targets(match.policy.namespace, match.policy.spec))
    return f"send it to the Service {targets}, not to the unit"


def _introduce(match: NearMatch, question: Question, view: View) -> Iterator[str]:
    """Yield the commands by which an application of another model sends its identity."""
    source, app = question.source, question.target.application.rpartition("/")[2]
    (shown, *_) = (each.rpartition("/")[2] for each in describe_sources(match.policy.spec))
    name = local_name(shown)
    condition = f"  # if {name} is {question.source}"
    if name == shown:
        command = f"juju integrate -m {source.model} {source.name}:require-cmr-mesh {app}:provide-cmr-mesh"
        yield f"{command}{condition}"
        return
    # It is known by the name under which it was consumed, and has to send it under that one, too.
    flag = _flag(question.target.model, view)
    yield f"juju offer {source.model}.{source.name}:ENDPOINT,require-cmr-mesh {name}{condition}"
    yield f"juju consume {flag}{source.model}.{name}"
    yield f"juju integrate {flag}{app}:provide-cmr-mesh {name}:require-cmr-mesh"


def _relate_as_others(match: NearMatch, question: Question, view: View) -> Iterator[str]:
    source, model = question.source, question.target.model
    # No relation grants what is for callers without one.
    is_internal = match.requested and (view.internal or match.requested.policy.callers)
    if match.requested and match.requested.endpoint and not is_internal:
        yield from _relate(source, model, f"{match.requested.by}:{match.requested.endpoint}", view)
    elif match.policy.requested_by and not is_internal:
        first, *rest = _integrate(source, model, sorted(match.policy.requested_by)[0], view)
        yield f"{first}  # over the endpoint that {sources_of(match)} uses"
        yield from rest
    else:
        yield "no known relation grants this"


def _relate(source: Workload, model: str, endpoint: str, view: View) -> Iterator[str]:
    """Yield the commands that relate an application whose endpoints are not known."""
    first, *rest = _integrate(source, model, endpoint, view)
    yield f"{first}  # if {source.name} has an endpoint for it"
    yield from rest


def _integrate(source: Workload, model: str, endpoint: str, view: View) -> Iterator[str]:
    """Yield the commands that relate an application with an endpoint, `app:name`, or just `app`."""
    if source.model == model:
        yield f"juju integrate {_flag(model, view)}{source.name} {endpoint}"
        return
    app, _, name = endpoint.partition(":")
    yield f"juju offer {model}.{app}:{name or 'ENDPOINT'},provide-cmr-mesh {app}"
    yield f"juju consume -m {source.model} {model}.{app}"
    yield f"juju integrate -m {source.model} {source.name} {endpoint}"
    yield f"juju integrate -m {source.model} {source.name}:require-cmr-mesh {app}:provide-cmr-mesh"


def _join(workload: Workload, view: View) -> str:
    if workload.model == view.owner.model and view.beacon:
        return f"juju integrate {workload.name}:service-mesh {view.beacon}"
    return f"juju integrate -m {workload.model} {workload.name}:service-mesh BEACON  # that model's beacon"


def _flag(model: str, view: View) -> str:
    return "" if model == view.owner.model else f"-m {model} "
