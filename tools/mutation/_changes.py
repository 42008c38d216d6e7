"""The changes of a module's text that are tried: operators of cosmic-ray, and some of our own.

cosmic-ray negates conditions, which any test of the usual case detects. For security, removed checks matter:
a condition that is never true, an empty handler, a match of a part of the text.
"""

import importlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

# They have no types.
_plugins, _mutating, _ast, _parso = (
    importlib.import_module(name)
    for name in ("cosmic_ray.plugins", "cosmic_ray.mutating", "cosmic_ray.ast", "parso")
)

_OPERATORS = (
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt")),
    *("ReplaceUnaryOperator_Delete_Not", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue"),
    *("ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceContinueWithBreak", "ZeroIterationForLoop"),
    "RemoveDecorator",
)
_CONDITIONS = {"if_stmt": ("if", "elif"), "test": ("if",), "ternary": ("if",), "comp_if": ("if",)}
_NAMES = {"fullmatch": "match", "all": "any", "any": "all"}
_NO_BEHAVIOUR = re.compile(r"if TYPE_CHECKING|@(dataclass|overload)\b")
_Range = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class CodeChange:
    """One change of a module."""

    line: int
    before: str
    """The line without its indentation."""
    after: str
    text: str
    """The whole module, changed."""


class _Put:
    """Code that replaces the code after a keyword."""

    def __init__(self, code: str, keywords: Mapping[str, tuple[str, ...]]):
        """Select the keywords by the type of their node."""
        self._code = code
        self._keywords = keywords

    def mutation_positions(self, node: Any) -> Iterator[_Range]:
        for place in self._places(node):
            yield node.children[place].start_pos, node.children[place].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.children[self._places(node)[index]] = _parso.parse(f" {self._code}")
        return node

    def _places(self, node: Any) -> list[int]:
        keywords = self._keywords.get(node.type)
        if not keywords:
            return []
        return [
            place for place, child in enumerate(node.children, 1) if getattr(child, "value", "") in keywords
        ]


class _Replace:
    """A name in place of another one."""

    def mutation_positions(self, node: Any) -> Iterator[_Range]:
        if node.type == "name" and node.value in _NAMES:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, _: int) -> Any:
        node.value = _NAMES[node.value]
        return node


def changes_of(text: str) -> list[CodeChange]:
    """Return the changes of a module; every line has its first one before any has its second."""
    seen: Counter[int] = Counter()
    ordered: list[tuple[int, CodeChange]] = []
    for change in _in_order_of_operators(text):
        if not _NO_BEHAVIOUR.match(change.before):
            ordered.append((seen[change.line], change))
            seen[change.line] += 1
    return [change for _, change in sorted(ordered, key=itemgetter(0))]


def _in_order_of_operators(text: str) -> Iterator[CodeChange]:
    operators: list[Any] = [
        _Put("False", {**_CONDITIONS, "while_stmt": ("while",)}),
        _Put("()", {"except_clause": ("except",)}),
        _Replace(),
        *(_plugins.get_operator(f"core/{name}")() for name in _OPERATORS),
        _Put("True", _CONDITIONS),
    ]
    lines = text.splitlines()
    for operator in operators:
        positions: list[_Range] = []
        for node in _ast.ast_nodes(_ast.get_ast(text)):
            positions += operator.mutation_positions(node)
        for occurrence, ((line, _), _) in enumerate(positions):
            changed: str = _mutating.mutate_code(text, operator, occurrence)
            after = changed.splitlines()[line - 1] if len(changed.splitlines()) == len(lines) else ""
            yield CodeChange(line, lines[line - 1].strip(), after.strip(), changed)
