"""Each status in the code has a row on the page that explains statuses."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pages import REPOSITORY

PAGE = REPOSITORY / "docs/reference/statuses.md"
FOLDERS = (
    "charms/istio-beacon-k8s/src",
    "lib/charmlibs/interfaces/service_mesh",
    "lib/coordinated_workers",
)
MAKERS = ("BlockedStatus", "WaitingStatus", "MaintenanceStatus", "blocked", "waiting", "status")
VALUE = "a-value"


def modules() -> list[Path]:
    return sorted(itertools.chain(*((REPOSITORY / folder).rglob("*.py") for folder in FOLDERS)))


def statuses(module: ast.AST) -> Iterator[str]:
    """Return the literals of all statuses that a module makes, with a value in each gap."""
    for function in ast.walk(module):
        if not isinstance(function, (ast.FunctionDef, ast.Module)):
            continue
        names: dict[str, ast.expr] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                names |= {each.id: node.value for each in node.targets if isinstance(each, ast.Name)}
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and node.args and called(node) in MAKERS:
                message = node.args[0]
                found = names.get(message.id, message) if isinstance(message, ast.Name) else message
                if text := filled(found):
                    yield text


def called(call: ast.Call) -> str:
    function = call.func
    return getattr(function, "attr", getattr(function, "id", ""))


def filled(node: ast.expr) -> str:
    """Return a string with a value in each gap; empty if it has nothing else."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    literal = [part.value if isinstance(part, ast.Constant) else VALUE for part in parts]
    words = [str(each) for each in literal if each != VALUE and isinstance(each, str)]
    return "".join(map(str, literal)) if "".join(words).strip(" :;()") else ""


def explained() -> list[str]:
    """The statuses on the page, with `…` in their gaps."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return re.findall(r"`([^`]+)`", "\n".join(row.split(" | ")[0] for row in rows))


def fits(pattern: str, gap: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split(gap))), text, re.DOTALL) is not None


@pytest.mark.parametrize("file", modules(), ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_explained(file: Path):
    rows = explained()
    found = set(statuses(ast.parse(file.read_text())))
    missing = [
        text for text in found if not any(fits(row, "…", text) or fits(text, VALUE, row) for row in rows)
    ]
    assert missing == []


def test_found():
    source = """
def f(app):
    yield blocked(f"{app} is down: juju status {app}", KIND)
    message = f"no {app}"
    yield ops.WaitingStatus(message)
    yield waiting(str(error))
"""
    assert set(statuses(ast.parse(source))) == {f"{VALUE} is down: juju status {VALUE}", f"no {VALUE}"}
