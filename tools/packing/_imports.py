"""The imports of a program, found in its source."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

_PARSING = Lock()
"""Python's parser counts its depth for all threads at once, and fails if two of them parse."""


@dataclass(frozen=True)
class Imports:
    """The modules that a program needs."""

    modules: Mapping[str, Path]
    """Its own modules, by their dotted names, itself (`__main__`) among them."""
    foreign: frozenset[str]
    """The dotted names of modules that are to come from somewhere else."""


def follow(program: Path, roots: Sequence[Path]) -> Imports:
    """Follow the imports of a program, those inside of functions among them.

    Imports for the type checker only do not count, nor do those with an alternative (`except ImportError`).

    Args:
        program: a Python file.
        roots: the folders of its own modules, in the order of the search.
    """
    modules = {"__main__": program}
    foreign: set[str] = set()
    pending = ["__main__"]
    while pending:
        importer = pending.pop()
        for name, members in _imported_names(modules[importer], importer):
            # A name that is imported from a package is a module of it, or else a name in it.
            found = {**_locate(name, roots)}
            for member in members:
                found.update(_locate(f"{name}.{member}", roots))
            if not found:
                foreign.add(name)
            pending += found.keys() - modules.keys()
            modules.update(found)
    return Imports(modules, frozenset(foreign))


def _locate(name: str, roots: Sequence[Path]) -> dict[str, Path]:
    """Return the files of a module and of its packages; none if it is in none of the roots."""
    parts = name.split(".")
    for root in roots:
        place = root.joinpath(*parts)
        for file in (place / "__init__.py", place.with_name(f"{parts[-1]}.py")):
            if file.is_file():
                return {name: file, **_packages(parts[:-1], root)}
    return {}


def _packages(parts: Sequence[str], root: Path) -> dict[str, Path]:
    depths = range(1, len(parts) + 1)
    files = {".".join(parts[:depth]): root.joinpath(*parts[:depth], "__init__.py") for depth in depths}
    return {name: file for name, file in files.items() if file.is_file()}


def _imported_names(file: Path, module: str) -> Iterator[tuple[str, list[str]]]:
    """Return each imported module, with the names that are imported from it."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    with _PARSING:
        tree = ast.parse(file.read_text(), file)
    for node in _imports_in([tree]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        else:
            yield _base(node, package), [alias.name for alias in node.names]


def _base(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")
    return ".".join([*above[: len(above) - node.level + 1], *([node.module] if node.module else [])])


def _imports_in(nodes: Iterable[ast.AST]) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and _is_for_types(node.test):
            yield from _imports_in(node.orelse)
        elif not (isinstance(node, ast.Try) and _has_alternative(node)):
            yield from _imports_in(ast.iter_child_nodes(node))


def _is_for_types(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _has_alternative(attempt: ast.Try) -> bool:
    caught = " ".join(ast.unparse(handler.type) for handler in attempt.handlers if handler.type)
    return "ImportError" in caught or "ModuleNotFoundError" in caught
