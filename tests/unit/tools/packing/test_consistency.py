"""Values that are in several places are the same in each."""

import itertools
import re
from pathlib import Path

import pytest
import yaml

from tests.support.pages import make_targets

REPOSITORY = Path(__file__).parents[4]
WORKFLOWS = sorted(REPOSITORY.glob(".github/workflows/*.yaml"))


def steps() -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for file in WORKFLOWS:
        for job in yaml.safe_load(file.read_text())["jobs"].values():
            found += job["steps"]
    return found


def made() -> set[str]:
    """The targets that workflows make."""
    commands = (re.findall(r"^make ([\w-]+)", step.get("run", "")) for step in steps())
    return set(itertools.chain.from_iterable(commands))


def test_commits_are_checked_with_versions_that_lint_has():
    lint = set((REPOSITORY / "requirements/lint.txt").read_text().split())
    config = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
    hooks = itertools.chain.from_iterable(repo["hooks"] for repo in config["repos"])
    needed = itertools.chain.from_iterable(hook["additional_dependencies"] for hook in hooks)
    tools = {each for each in needed if "==" in each}
    assert tools <= lint


def test_action_is_the_same_everywhere_and_fixed_to_commit():
    used = {step["uses"] for step in steps() if "uses" in step}
    assert used
    assert len(used) == len({action.partition("@")[0] for action in used})
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)


@pytest.mark.parametrize(
    "target",
    sorted(made()),
)
def test_workflows_make_what_can_be_made(target):
    assert target in make_targets()


def test_each_integration_module_runs_in_ci():
    text = "".join(file.read_text() for file in WORKFLOWS)
    (stories,) = re.findall(r"story: \[(.*)\]", text)
    tests = REPOSITORY.glob("tests/integration/test_*.py")
    assert set(stories.split(", ")) == {file.stem.removeprefix("test_") for file in tests}
