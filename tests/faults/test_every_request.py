"""After any fault at any request of a hook, the next hook completes the desired state."""

import itertools
import random
from collections.abc import Callable

import pytest

from tests.faults.changing_charm import Swing
from tests.faults.cluster import facts
from tests.faults.worlds import BEACON, COORDINATOR, VARIANTS, WORLDS, World
from tests.support.faulty_server import FAULTS

LIBERAL = 40
"""More requests than any of these hooks makes."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "shift" in metafunc.fixturenames:
        thorough = metafunc.config.getoption("thorough")
        metafunc.parametrize("shift", range(len(FAULTS) if thorough else 1))


def test_fault_at_any_request_is_reported_and_recovered(swing: Swing, shift: int):
    faults = itertools.islice(itertools.cycle(FAULTS), shift, None)
    for position in range(LIBERAL):
        requests = 0
        for _ in VARIANTS:
            swing.turn()
            state = swing.hook_with(next(faults), position)
            swing.check_reported(state)
            requests = max(requests, swing.requests)
            swing.check_nobody_unwanted_was_let_in()
            swing.check_healed(after=None if swing.is_right else state)
        if requests <= position:
            return
    raise AssertionError(f"more than {LIBERAL} requests")


@pytest.mark.parametrize("world", WORLDS, ids=str, indirect=True)
def test_hook_that_nothing_goes_wrong_in_turns_charm(swing: Swing):
    swing.turn()
    assert swing.hook().unit_status.name == swing.well[swing.variant].name
    assert swing.is_right


@pytest.mark.parametrize("fault", ["hang up", "hang up after"])
def test_last_hook_survives_lost_connection(swing: Swing, fault: str):
    """There is no next hook."""
    swing.must_stay_no_more()
    swing.turn_to("other")
    swing.hook()
    swing.end()
    nothing = facts(swing.kubernetes)
    for position in range(LIBERAL):
        swing.hook()
        swing.end(lambda *_, position=position: fault if swing.requests == position + 1 else None)
        assert facts(swing.kubernetes) == nothing
        if swing.requests <= position:
            return
    raise AssertionError(f"more than {LIBERAL} requests")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("world", [BEACON, COORDINATOR], ids=str)
def test_faults_all_over_are_healed_too(start: Callable[[World], Swing], world: World, seed: int):
    swing = start(world)
    dice = random.Random(seed)
    for _ in range(4):
        swing.turn()
        for _ in range(3):
            plan = [dice.choice(FAULTS) if dice.random() < 0.4 else None for _ in range(LIBERAL)]
            swing.check_reported(swing.hook(lambda *_, plan=plan: plan[swing.requests - 1]))
        swing.check_healed()
