"""Whatever data a relation has: no hook fails, others keep their data, and no secret is disclosed."""

from collections.abc import Callable

import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from tests.security.attack import Attack
from tests.security.databags import Written, hostile, hostile_at_each_key
from tests.security.harm import harm_of
from tests.security.worlds import BORDERS, WORLDS, World

EVENTS = (
    "relation_changed",
    "relation_changed",
    "relation_joined",
    "relation_departed",
    "relation_broken",
    "update_status",
)


def test_no_relation_is_ignored():
    for world in WORLDS:
        assert set(world.endpoints) == set(world.written)


@pytest.mark.parametrize(("world", "endpoint"), BORDERS, ids=str)
def test_nothing_that_is_written_does_harm(
    world: World, endpoint: str, attack: Callable[[World, str], Attack]
):
    attacked = attack(world, endpoint)

    def whatever_is_written(written: Written, event: str) -> None:
        assume(endpoint != "peers" or event in ("relation_changed", "update_status"))
        attacked.forget()
        seen = attacked.hook(written, event)
        note(str(seen.state.unit_status)[:300])
        harm = list(harm_of(attacked, seen))
        assert not harm

    at_each_key = hostile_at_each_key(attacked.valid)
    half = settings.default.max_examples // 2
    shares = [(hostile(attacked.valid), half if at_each_key else 2 * half)]
    shares += [(at_key, max(1, half // len(at_each_key))) for at_key in at_each_key]
    for strategy, share in shares:
        settings(max_examples=share)(given(strategy, st.sampled_from(EVENTS))(whatever_is_written))()
