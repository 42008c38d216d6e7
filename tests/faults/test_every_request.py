"""After any fault at any request of a hook, the next hook completes the desired state."""

import itertools
import random
from collections.abc import Callable

import pytest

from tests.faults.changing_charm import ChangingCharm
from tests.faults.cluster import facts
from tests.faults.worlds import BEACON, COORDINATOR, VARIANTS, WORLDS, World
from tests.support.faulty_server import FAULTS

LIBERAL = 40
"""More requests than any of these hooks makes."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "shift" in metafunc.fixturenames:
        thorough = metafunc.config.getoption("thorough")
        metafunc.parametrize("shift", range(len(FAULTS) if thorough else 1))


def test_fault_at_any_request_is_reported_and_recovered(changing: ChangingCharm, shift: int):
    faults = itertools.islice(itertools.cycle(FAULTS), shift, None)
    for position in range(LIBERAL):
        requests = 0
        for _ in VARIANTS:
            changing.change_state()
            state = changing.hook_with(next(faults), position)
            changing.check_reported(state)
            requests = max(requests, changing.requests)
            changing.check_no_other_is_allowed()
            changing.check_recovered(after=None if changing.is_as_desired else state)
        if requests <= position:
            return
    raise AssertionError(f"more than {LIBERAL} requests")


@pytest.mark.parametrize("world", WORLDS, ids=str, indirect=True)
def test_hook_without_fault_changes_charm(changing: ChangingCharm):
    changing.change_state()
    assert changing.hook().unit_status.name == changing.statuses[changing.variant].name
    assert changing.is_as_desired


@pytest.mark.parametrize("fault", ["hang up", "hang up after"])
def test_last_hook_survives_lost_connection(changing: ChangingCharm, fault: str):
    """There is no next hook."""
    changing.allow_losses()
    changing.select("other")
    changing.hook()
    changing.end()
    nothing = facts(changing.kubernetes)
    for position in range(LIBERAL):
        changing.hook()
        changing.end(lambda *_, position=position: fault if changing.requests == position + 1 else None)
        assert facts(changing.kubernetes) == nothing
        if changing.requests <= position:
            return
    raise AssertionError(f"more than {LIBERAL} requests")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("world", [BEACON, COORDINATOR], ids=str)
def test_faults_everywhere_are_recovered(start: Callable[[World], ChangingCharm], world: World, seed: int):
    changing = start(world)
    rng = random.Random(seed)
    for _ in range(4):
        changing.change_state()
        for _ in range(3):
            plan = [rng.choice(FAULTS) if rng.random() < 0.4 else None for _ in range(LIBERAL)]
            changing.check_reported(changing.hook(lambda *_, plan=plan: plan[changing.requests - 1]))
        changing.check_recovered()
