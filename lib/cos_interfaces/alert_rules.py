"""Alert rules for Prometheus and Loki: read from files, and made specific to one application.

A file has rules in the form of Prometheus (`groups: …`), or one rule alone. In it, `%%juju_topology%%`
becomes the label matchers of the application, `%%juju_model%%` and `%%juju_application%%` its names, and
`%%NAME%%` the value of that name, for numbers that only the charm knows: `vector(%%refused%%) > 0`. If the
charm has the program `cos-tool`, every selector gets the matchers.
"""

import itertools
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import ops

from . import _files
from ._files import rules as parse

_SUFFIXES = (".rule", ".rules", ".yaml", ".yml")


@dataclass(frozen=True)
class WatchedApp:
    """An application of the charm's model that rules are about."""

    name: str
    charm_name: str

    @classmethod
    def of(cls, charm: ops.CharmBase) -> "WatchedApp":
        """Return the charm's own application."""
        return cls(charm.app.name, charm.meta.name)


def read_folders(
    charm: ops.CharmBase,
    app: WatchedApp,
    folders: Iterable[Path],
    *,
    language: Literal["promql", "logql"] = "promql",
    values: Mapping[str, object] | None = None,
) -> list[object]:
    """Return the groups of rules in the files of folders, about one application; a folder need not exist.

    A file that is invalid is named in the log, and the others are read.

    Args:
        charm: a charm of the application's model.
        app: the application.
        folders: the folders of the files, without subfolders.
        language: the language of the rules' expressions.
        values: the values of the other placeholders; a placeholder without one is not changed.
    """
    files = list(
        itertools.chain.from_iterable(_files.contents(folder, _SUFFIXES, parse) for folder in folders)
    )
    if not files:
        return []
    from cosl import AlertRules, JujuTopology

    _hush_cosl()
    topology = JujuTopology(
        model=charm.model.name, model_uuid=charm.model.uuid, application=app.name, charm_name=app.charm_name
    )
    texts = {
        "juju_topology": topology.alert_expression_str,
        "juju_model": charm.model.name,
        "juju_application": app.name,
        **{key: str(each) for key, each in (values or {}).items()},
    }
    rules = AlertRules(language, topology)
    for path, content in files:
        rules.add(
            cast("Mapping[str, Any]", _filled(content, texts)),
            group_name=path.stem,
            group_name_prefix=topology.identifier,
        )
    return _with_unique_names(rules.groups)


def invalid_files(folders: Iterable[Path]) -> dict[str, str]:
    """Return the reason for each file that `read_folders` ignores, by the file's name."""
    found: dict[str, str] = {}
    for folder in folders:
        found |= _files.invalid_files(folder, _SUFFIXES, parse)
    return found


def charm_folder(charm: ops.CharmBase) -> Path:
    """Return the folder that has the charm's `src`: the working folder, except in some tests."""
    return charm.charm_dir if (charm.charm_dir / "src").is_dir() else Path.cwd()


def _hush_cosl() -> None:
    """Silence cosl's warning of a missing cos-tool for every rule: each line is a call of a hook tool."""
    logger = logging.getLogger("cosl.cos_tool")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)


def _with_unique_names(groups: "Iterable[Mapping[str, Any]]") -> list[object]:
    """Number the groups that have the name of an earlier one: Prometheus would reject all groups."""
    named: dict[str, object] = {}
    for group in groups:
        name, number = str(group["name"]), 1
        while name in named:
            number += 1
            name = f"{group['name']}_{number}"
        named[name] = {**group, "name": name}
    return list(named.values())


def _filled(content: object, texts: Mapping[str, str]) -> object:
    """Return the rules with their placeholders filled in; also in other text, such as the annotations."""
    if isinstance(content, str):
        for name, text in texts.items():
            content = content.replace(f"%%{name}%%", text)
        return content
    if isinstance(content, list):
        return [_filled(item, texts) for item in cast("list[object]", content)]
    if isinstance(content, dict):
        return {key: _filled(item, texts) for key, item in cast("dict[str, object]", content).items()}
    return content
