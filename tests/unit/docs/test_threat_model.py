"""What the threat model says is shown by tests, and these exist."""

import ast
import re

import pytest

from tests.unit.docs.pages import REPOSITORY

PAGE = (REPOSITORY / "docs/explanation/threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[^`]*)`", PAGE.partition("## Whoever writes a databag")[2])))
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| may try to")]


def test_every_threat_has_a_test():
    assert len(ROWS) > 20
    for row in ROWS:
        *_, tests, _ = row.split("|")
        assert re.fullmatch(r" `tests/\S+\.py::test_\w+`(, `tests/\S+\.py::test_\w+`)* ", tests), row


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_is_named_exists(named: str):
    file, _, name = named.partition("::")
    functions = ast.parse((REPOSITORY / file).read_text()).body
    assert name in {each.name for each in functions if isinstance(each, ast.FunctionDef)}
