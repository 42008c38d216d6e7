"""After any operations on models, in any order, Kubernetes is as the models request, and cleanup is complete.

SOAK_OPERATIONS is the number of operations, SOAK_SEED the seed. A failing sequence is shortened for
SOAK_SHRINK_SECONDS, and printed as lines for `Story.replay`.
"""

import contextlib
import os
import random
from collections.abc import Sequence

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.soak.leaks import Holdings
from tests.soak.plan import run_random, shortest
from tests.soak.story import CAST, fresh

OPERATIONS = int(os.environ.get("SOAK_OPERATIONS", "100"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
SHRINK_SECONDS = float(os.environ.get("SOAK_SHRINK_SECONDS", "240"))
OPERATIONS_A_STORY = 50


@pytest.fixture(scope="module")
def warm(kubernetes: KubernetesServer) -> Holdings:
    """Return the resources held after each kind of application was deployed and removed."""
    with contextlib.closing(fresh(kubernetes)) as first:
        first.run(*(f"deploy {place}" for place in CAST if f"deploy {place}" in first.possible("deploy")))
        first.end()
    return Holdings.now()


@pytest.mark.parametrize("seed", range(SEED, SEED + max(1, OPERATIONS // OPERATIONS_A_STORY)))
def test_kubernetes_matches_models_after_each_operation(
    kubernetes: KubernetesServer, warm: Holdings, seed: int
):
    try:
        with contextlib.closing(fresh(kubernetes)) as story:
            run_random(story, random.Random(seed), min(OPERATIONS, OPERATIONS_A_STORY))
            story.end()
        warm.check_no_more()
    except Exception as problem:
        short = shortest(story.lines, lambda lines: fails(kubernetes, warm, lines), SHRINK_SECONDS)
        lines = "\n".join(short)
        raise AssertionError(f"operation {len(story.lines)}: {problem}\nThe story:\n{lines}") from problem


def fails(kubernetes: KubernetesServer, warm: Holdings, lines: Sequence[str]) -> bool:
    try:
        with contextlib.closing(fresh(kubernetes)) as story:
            for line in lines:
                if line.removesuffix(" …") in story.possible(line.split()[0]):
                    story.replay(line)
            story.check()
            story.end()
        warm.check_no_more()
    except Exception:
        return True
    return False
