"""The pages that people read, and the samples on them."""

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SANDBOX = (".venv/bin/tox", "run", "-q", "-e", "demo", "--")
"""How a command of the sandbox begins."""

_FENCE = re.compile(r"^( *)```([\w{}-]*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(r"[A-Z_]+=")


@dataclass(frozen=True)
class Block:
    """A sample: fenced code on a page."""

    language: str
    text: str
    line: int
    """Where its code begins."""

    @property
    def commands(self) -> list[list[str]]:
        """Return the words of each command in a block of shell, without its variables."""
        lines = self.text.replace("\\\n", " ").splitlines()
        split = (shlex.split(line, comments=True) for line in lines)
        return [words for line in split if (words := list(itertools.dropwhile(_VARIABLE.match, line)))]


@dataclass(frozen=True)
class Page:
    """A page in Markdown."""

    file: Path

    def __str__(self) -> str:
        return str(self.file.relative_to(REPOSITORY))

    @cached_property
    def blocks(self) -> list[Block]:
        """All samples, in their order."""
        text = self.file.read_text()
        return [
            Block(found[2], re.sub(f"^{found[1]}", "", found[3], flags=re.MULTILINE), _line(text, found))
            for found in _FENCE.finditer(text)
        ]

    def of(self, language: str) -> list[Block]:
        """The samples in a language."""
        return [block for block in self.blocks if block.language == language]

    @property
    def program(self) -> str:
        """Return the page's Python as one module, in which each line has its number on the page."""
        lines: list[str] = []
        for block in self.of("python"):
            lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
        return "\n".join([*lines, ""])


def make_targets() -> set[str]:
    """Return the targets of `make`."""
    text = (REPOSITORY / "Makefile").read_text()
    (tiers,) = re.findall(r"^TIERS := (.*)$", text, re.MULTILINE)
    return {*re.findall(r"^([\w-]+):", text, re.MULTILINE), *(f"test-{tier}" for tier in tiers.split())}


def commands(page: Page, *start: str) -> Iterator[list[str]]:
    """Return the commands on a page with this prefix, without it."""
    for block in page.of("shell"):
        for words in block.commands:
            if words[: len(start)] == list(start):
                yield words[len(start) :]


def values_of(words: list[str], option: str) -> list[str]:
    """Return the values of a command's option."""
    return [value for name, value in itertools.pairwise(words) if name == option]


def _line(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start(3)) + 1


def pages() -> list[Page]:
    """All of them."""
    return [Page(file) for file in sorted(_files())]


def pages_with(language: str) -> list[Page]:
    """Those with a sample in a language."""
    return [page for page in pages() if page.of(language)]


def _files() -> Iterator[Path]:
    yield from (REPOSITORY / "docs").rglob("*.md")
    for pattern in ("*.md", "charms/*/README.md", "terraform/README.md"):
        yield from REPOSITORY.glob(pattern)
