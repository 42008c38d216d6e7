"""Paths that match any kind of templates."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_inspection import UnclearQuestionError, path_matches
from tests.unit.mesh_inspection.builders import allow, ask


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("/{*}", ["/a", "/a.b"], ["/", "/a/b", "/a/"]),
        ("/{**}", ["/", "/a", "/a/b/"], []),
        ("/a{**}{**}b", ["/ab", "/a/b", "/axb"], ["/a", "/b"]),
        ("/{*}{*}", ["/ab", "/abc"], ["/a", "/a/b"]),
        ("/{*}{**}", ["/a", "/a/b"], ["/", "//b"]),
        ("/{**}{*}", ["/a", "/a/b"], ["/", "/a/"]),
        ("/{*}/x/{**}", ["/a/x/", "/a/x/b/c"], ["/x/", "/a/x"]),
        ("/a{b", ["/a%7Bb"], ["/ab"]),
    ],
)
def test_templates(pattern: str, matching: list[str], others: list[str]):
    assert [path for path in [*matching, *others] if path_matches(pattern, path)] == [
        path for path in matching if pattern != "/a{b"
    ]


@pytest.mark.parametrize("template", ["/{{**}}/x{}", "/{{**}}{}a{{**}}", "/a/{{*}}/{{*}}/x{}", "/v{}/*"])
def test_many_templates_do_not_take_long(template: str):
    path = "/" + "ab/c1" * 409
    policies = [allow("ads", to=[{"paths": [template.format(number)]}]) for number in range(500)]
    started = time.process_time()
    answer = ask(*policies, method="GET", path=path)
    assert time.process_time() - started < 3
    assert answer.verdict == "denied"


def test_path_has_a_limit_and_its_query_none():
    allowed = allow("shop", to=[{"paths": ["/a*"]}])
    assert ask(allowed, path="/" + "a" * 2047 + "?q=" + "b" * 9000).verdict == "allowed"
    with pytest.raises(UnclearQuestionError, match="longer than 2048"):
        ask(allowed, path="/" + "a" * 2048)


PARTS = st.lists(st.sampled_from(["{*}", "{**}", "a", "b", "/"]), max_size=6)


@given(PARTS, st.text("ab/", max_size=8))
def test_as_regular_expression_would(parts: list[str], rest: str):
    pattern, path = "/" + "".join(parts), f"/{rest}"
    expected = re.fullmatch(pattern.replace("{**}", ".*").replace("{*}", "[^/]+"), path)
    assert path_matches(pattern, path) is bool(expected)


@pytest.mark.parametrize(
    "pattern",
    ["/" + "{**}" * 12 + "x", "/" + "{**}a" * 12 + "x", "/" + "{*}" * 200 + "x", "/" + "{**}a" * 20_000],
)
def test_no_template_takes_long(pattern: str):
    started = time.process_time()
    assert not path_matches(pattern, "/" + "a" * 1000)
    assert time.process_time() - started < 2
