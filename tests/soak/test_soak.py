"""Whatever is done to models, in whatever order: Kubernetes is as they ask for, and nothing is left behind.

SOAK_OPERATIONS says how many operations, SOAK_SEED where the dice begin. A story that fails is made as short
as SOAK_SHRINK_SECONDS allow, and is printed as lines for `Story.replay`.
"""

import os
import random
import time
from collections.abc import Sequence

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.soak.leaks import Holdings
from tests.soak.plan import shortest, tell_by_dice
from tests.soak.story import CAST, Story

OPERATIONS = int(os.environ.get("SOAK_OPERATIONS", "100"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
SHRINK_SECONDS = float(os.environ.get("SOAK_SHRINK_SECONDS", "240"))
OPERATIONS_A_STORY = 50


@pytest.fixture
def warm(kubernetes: KubernetesServer) -> Holdings:
    """What is held by a controller without applications, when each sort of them was there once."""
    first = Story(kubernetes)
    first.tell(*(f"deploy {place}" for place in CAST if f"deploy {place}" in first.possible("deploy")))
    first.end()
    holdings = Holdings.now()
    first.close()
    return holdings


def test_kubernetes_is_as_the_models_ask_after_each_operation_and_nothing_is_left(
    kubernetes: KubernetesServer, warm: Holdings, capsys: pytest.CaptureFixture[str]
):
    done, began = 0, time.monotonic()
    for number in range(max(1, OPERATIONS // OPERATIONS_A_STORY)):
        seed = SEED + number
        story = fresh(kubernetes)
        try:
            tell_by_dice(story, random.Random(seed), min(OPERATIONS, OPERATIONS_A_STORY))
            end(story, warm)
        except Exception as error:
            story.close()
            short = shortest(story.lines, lambda lines: fails(kubernetes, warm, lines), SHRINK_SECONDS)
            lines = "\n".join(short)
            raise AssertionError(f"seed {seed}, operation {len(story.lines)}: {error}\n{lines}") from error
        finally:
            story.close()
        done += len(story.lines)
        with capsys.disabled():
            rate = done / (time.monotonic() - began)
            print(f"{done} operations, {rate:.1f} a second, up to seed {seed}", flush=True)  # noqa: T201  # it takes long


def fresh(kubernetes: KubernetesServer) -> Story:
    kubernetes.store.reset()
    kubernetes.requests.clear()
    return Story(kubernetes)


def end(story: Story, warm: Holdings) -> None:
    story.end()
    now = Holdings.now()
    assert now == warm, f"{now}, not {warm} as at the beginning"


def fails(kubernetes: KubernetesServer, warm: Holdings, lines: Sequence[str]) -> bool:
    story = fresh(kubernetes)
    try:
        for line in lines:
            if line.removesuffix(" …") in story.possible(line.split()[0]):
                story.replay(line)
        story.check()
        end(story, warm)
    except Exception:
        return True
    finally:
        story.close()
    return False
