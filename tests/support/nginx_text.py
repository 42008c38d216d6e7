"""A parser of nginx.conf, by the rules of nginx's own."""

import re
from collections.abc import Iterator
from typing import Any

from coordinated_workers.nginx import REVISION_PATH

TOKEN = re.compile(
    r"""
    \s+ | \#[^\n]*
    | "(?P<double>(?:\\.|[^"\\])*)"(?=[\s;{]|$)
    | '(?P<single>(?:\\.|[^'\\])*)'(?=[\s;{]|$)
    | (?P<mark>[;{}])
    | (?P<word>(?:\\.|\$\{|[^\s;{"'\\])(?:\\.|\$\{|[^\s;{\\])*)
    """,
    re.VERBOSE | re.DOTALL,
)
ESCAPES = {r"\"": '"', r"\'": "'", r"\\": "\\", r"\t": "\t", r"\r": "\r", r"\n": "\n"}


def parsed(config: str) -> list[Any]:
    """The directives of an nginx.conf: name, arguments, and the directives in the block."""
    stack: list[list[Any]] = [[]]
    words: list[str] = []
    for kind, text in _tokens(config):
        if kind != "mark":
            words.append(re.sub(r"\\[\"'\\trn]", lambda escape: ESCAPES[escape.group()], text))
        elif text == "}":
            assert not words, f"not ended: {words}"
            stack.pop()
        else:
            block: list[Any] = []
            stack[-1].append((words[0], tuple(words[1:]), block))
            words = []
            if text == "{":
                stack.append(block)
    assert len(stack) == 1 and not words, "not closed"
    return stack[0]


def find(directives: list[Any], name: str, *args: str) -> list[Any]:
    """The directives of a name, at any depth, whose arguments start with `args`."""
    return [each for each in _walk(directives) if each[0] == name and each[1][: len(args)] == args]


REVISION = ("=", REVISION_PATH)
"""The location of each server at which it can be seen which configuration is loaded."""


def locations(directives: list[Any]) -> list[Any]:
    """Return the locations except that of the revision, at any depth."""
    return [each for each in find(directives, "location") if each[1] != REVISION]


def arguments(directives: list[Any], name: str) -> list[tuple[str, ...]]:
    """The arguments of each directive of a name, at any depth."""
    return [each[1] for each in find(directives, name)]


def shape(directives: list[Any]) -> list[Any]:
    """Return the names of the directives, nested, with the number of their arguments."""
    return [(name, len(args), shape(block)) for name, args, block in directives]


def _walk(directives: list[Any]) -> Iterator[Any]:
    for each in directives:
        yield each
        yield from _walk(each[2])


def _tokens(config: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(config):
        match = TOKEN.match(config, position)
        assert match, f"nginx can't read on from: {config[position : position + 40]!r}"
        position = match.end()
        if match.lastgroup:
            yield match.lastgroup, match[match.lastgroup]
