"""The threat model's claims name tests, and these exist."""

import ast
import re

import pytest

from tests.support.pages import REPOSITORY

PAGE = (REPOSITORY / "docs/explanation/threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`((?:sandbox/)?tests/[^`]*::[^`]*)`", PAGE)))
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.endswith("| as shown by |")]


def test_every_threat_has_a_test():
    assert len(ROWS) > 20
    for row in ROWS:
        *_, tests, _ = row.split("|")
        one = r"`(sandbox/)?tests/\S+\.py(::Test\w+)?::test_\w+`"
        assert re.fullmatch(rf" {one}(, {one})* ", tests), row


@pytest.mark.parametrize("named", NAMED)
def test_test_that_is_named_exists(named: str):
    file, *names = named.split("::")
    body = ast.parse((REPOSITORY / file).read_text()).body
    for name in names:
        found = {each.name: each for each in body if isinstance(each, ast.FunctionDef | ast.ClassDef)}
        assert name in found
        body = found[name].body
