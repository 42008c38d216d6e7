"""The check that docs, docstrings and messages follow the rules of wording: `python -m tools.plain_english`.

It reports, with file and line: public docstrings that begin with a question word, words for which the project
has a standard term, American spelling, literals of statuses that are longer than `juju status` shows, and
long names of tests. It checks only literal text, in documentation outside of code; tests check text that is
composed at run time.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import yaml

CHECKED = ("lib", "charms", "sandbox", "tools")
TESTS = ("tests", "sandbox/tests")
PROSE = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/**/*.md", "terraform/**/*.md")
LONGEST_STATUS = 100
LONGEST_TEST_NAME = 60
"""In characters, without `test_`."""

_QUESTION = re.compile(r"(?:what|who|whom|whose|whether|how|where|which|why)\b", re.IGNORECASE)
_STATUSES = frozenset(
    ("ActiveStatus", "BlockedStatus", "MaintenanceStatus", "WaitingStatus", "blocked", "waiting")
)
_YAML = ("charmcraft.yaml", "*_alert_rules/**/*.yaml", "*_dashboards/*.json")
_TEXT_KEYS = ("description", "summary", "title")


class Term(NamedTuple):
    """Words that messages avoid."""

    pattern: re.Pattern[str]
    instead: str
    """The standard term, with the reason if it is not obvious."""


def _term(pattern: str, instead: str) -> Term:
    return Term(re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), instead)


AVOIDED = (
    _term(r"lets? (?:(?:the|an?) )?(?:\w+ )?(?:in|through)", "allow: the word of Istio's policies"),
    _term(r"shuts? (?:\w+ )?out", "deny: the word of Istio's policies"),
    _term("on trial", "audit mode: the name of the option's value"),
    _term("wish|wishes", "request, requested policy"),
    _term("doors?", "policy"),
    _term("tells?|told|says?|said", "report, publish or send: a program has no voice"),
    _term("somebody(?: else)?|nobody", "name the party, such as another owner, or no source"),
    _term("left out|leaves? out", "ignored, skipped"),
    _term("left behind", "cleanup incomplete"),
    _term("can't be (?:read|understood)", "invalid, malformed, cannot be parsed"),
    _term("mended", "fixed, resolved"),
    _term("stands? by", "standby"),
    _term("(?:be)?comes? of", "name the result"),
    _term("no way to", "cannot reach"),
)


# Stems of words whose American spelling differs from the British one, which this project uses. The `z` of
# authorization and serialization stays: these are names in Kubernetes and Istio.
AMERICAN = re.compile(
    r"\b(?:behavior|color|neighbor|favor|honor|labor|flavor|(?:un|re)?label(?=ed|ing)|model(?=ed|ing)|cancel(?=ed|ing)"
    r"|travel(?=ed|ing)|signal(?=ed|ing)|center|gray|defense|offense|analyz|catalog(?!u)|fulfill(?!ed|ing)"
    r"|(?:recogni|organi|normali|initiali|minimi|optimi|summari|randomi|customi|synchroni|prioriti|reali"
    r"|speciali|generali|utili|capitali|visuali|categori)z)\w*",
    re.IGNORECASE,
)
_CODE = re.compile(r"```.*?^```|`[^`\n]*`|\]\([^)]*\)|<[^>]*>|https?://\S+", re.DOTALL | re.MULTILINE)


class WordingProblem(NamedTuple):
    """A place that breaks a rule."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def findings(root: Path) -> Iterator[WordingProblem]:
    """Yield all findings in a copy of the repository."""
    for folder in CHECKED:
        for path in sorted((root / folder).rglob("*.py")):
            if not _is_exempt(relative := path.relative_to(root)):
                yield from check_python(relative, path.read_text())
        for pattern in _YAML:
            for path in sorted((root / folder).rglob(pattern)):
                yield from check_yaml(path.relative_to(root), path.read_text())
    for folder in TESTS:
        for path in sorted((root / folder).rglob("test_*.py")):
            yield from check_test_names(path.relative_to(root), path.read_text())
    for pattern in PROSE:
        for path in sorted(root.glob(pattern)):
            yield from check_prose(path.relative_to(root), path.read_text())


def _is_exempt(path: Path) -> bool:
    """Return whether a module is a test, or this one, which lists the words that it looks for."""
    return "tests" in path.parts or path.name == Path(__file__).name


def check_prose(path: Path, source: str) -> Iterator[WordingProblem]:
    """Yield the findings in a page of Markdown; code and addresses are not judged."""
    text = _CODE.sub(lambda code: "\n" * code.group().count("\n"), source)
    for number, line in enumerate(text.splitlines(), 1):
        yield from _check_words(path, number, line)


def _check_spelling(path: Path, line: int, text: str) -> Iterator[WordingProblem]:
    for found in AMERICAN.finditer(text):
        yield WordingProblem(path, line, f"{found.group()!r}: this project uses British spelling")


def check_python(path: Path, source: str) -> Iterator[WordingProblem]:
    """Yield the findings in a module."""
    tree = ast.parse(source)
    docstrings = dict(_docstrings(tree))
    for node, is_public in docstrings.items():
        yield from _check_spelling(path, node.lineno, _CODE.sub("", str(node.value)))
        if is_public and _QUESTION.match(str(node.value).strip()):
            yield WordingProblem(
                path, node.lineno, "docstring begins with a question word; use a verb or a noun"
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            if " " in node.value:
                yield from _check_words(path, node.lineno, node.value)
        elif isinstance(node, ast.Call) and _called(node) in _STATUSES and node.args:
            length = sum(map(len, _texts(node.args[0])))
            if length > LONGEST_STATUS:
                yield WordingProblem(
                    path, node.lineno, f"status of {length} characters: at most {LONGEST_STATUS}"
                )


def check_test_names(path: Path, source: str) -> Iterator[WordingProblem]:
    """Yield the findings in the names of a module's tests."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
            name = node.name.removeprefix("test_")
            yield from _check_words(path, node.lineno, name.replace("_", " "))
            if len(name) > LONGEST_TEST_NAME:
                yield WordingProblem(
                    path, node.lineno, f"test name of {len(name)} characters: at most {LONGEST_TEST_NAME}"
                )


def check_yaml(path: Path, source: str) -> Iterator[WordingProblem]:
    """Yield the findings in the descriptions, summaries and titles of a file of YAML, or of JSON."""
    document = cast("yaml.Node | None", yaml.compose(source, Loader=yaml.CSafeLoader))
    for key, value in _entries(document):
        if key in _TEXT_KEYS:
            first = value.start_mark.line + (2 if value.style in ("|", ">") else 1)
            for number, line in enumerate(value.value.splitlines(), first):
                yield from _check_words(path, number, line)


def _check_words(path: Path, line: int, text: str) -> Iterator[WordingProblem]:
    yield from _check_spelling(path, line, text)
    for term in AVOIDED:
        if found := term.pattern.search(text):
            yield WordingProblem(path, line, f"{found.group()!r} in a message; use: {term.instead}")


def _docstrings(tree: ast.Module) -> Iterator[tuple[ast.Constant, bool]]:
    """Yield the constants that are documentation, each with whether it documents a public name."""
    todo: list[tuple[ast.AST, bool]] = [(tree, True)]
    while todo:
        node, is_public = todo.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                todo.append((child, is_public and not child.name.startswith("_")))
            elif isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                if isinstance(child.value.value, str):
                    # Strings below attributes document them, and may name a question: `None: it is unknown`.
                    yield child.value, is_public and child is getattr(node, "body", [None])[0]
            else:
                todo.append((child, is_public))


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield the literal parts of a string."""
    for part in node.values if isinstance(node, ast.JoinedStr) else [node]:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _entries(node: yaml.Node | None) -> Iterator[tuple[str, yaml.ScalarNode]]:
    """Yield each text of a document with its key."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _entries(item)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(value, yaml.ScalarNode):
                yield str(key.value), value
            else:
                yield from _entries(value)


def main(found: Iterable[WordingProblem]) -> int:
    """Print findings; the exit code is 1 if there are any."""
    lines = list(map(str, found))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(findings(Path())))
