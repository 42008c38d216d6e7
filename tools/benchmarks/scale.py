"""Growth: hooks with policies and with workers, and the size of what they write."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from . import coordinators, nginx_process, policies, telemetry
from .extents import Scale
from .findings import Case, Findings, Progress
from .kubernetes_apis import KubernetesApi
from .sides import LibrarySet

TOPIC = "scale"
POLICIES, WORKERS, NGINX = "scale: policies", "scale: workers", "scale: nginx"
_ROUNDS = 3


def measure(
    findings: Findings,
    start: Callable[[], AbstractContextManager[KubernetesApi]],
    sides: list[LibrarySet],
    scales: Sequence[Scale],
    *,
    progress: Progress,
) -> None:
    """Measure each size, on a Kubernetes of its own."""
    for size in scales:
        for side in sides:
            with start() as api:
                requested = policies.Requested(size.policies, size.consumers, POLICIES)
                once = policies.Rounds(1, _takes_part)
                policies.measure(findings, api, [side], requested, once, progress)
        with start() as api:
            workers = coordinators.Workers(size.workers, size.applications, WORKERS)
            coordinators.measure(findings, api, sides, workers, rounds=_ROUNDS, progress=progress)
        for program in nginx_process.installed()[:1]:
            case = Case(NGINX, telemetry.CONFIGURATION.format(program.name), size.workers)
            telemetry.measure_configuration(findings, case, program, sides, rounds=_ROUNDS, progress=progress)


def _takes_part(_side: str, _number: int, hook: str) -> bool:
    """Omit the hooks after a change, in which the peers do the same as in an idle hook."""
    return hook in (policies.FIRST, policies.IDLE)
