"""Databags of the observability relations: only differences are written, and all data are validated."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import ops
import pydantic

import relation_data

logger = logging.getLogger(__name__)

_Data = TypeVar("_Data")
_Model = TypeVar("_Model", bound=pydantic.BaseModel)


def write_app(charm: ops.CharmBase, relation_name: str, values: Mapping[str, str]) -> None:
    """Write `values` for the application into each relation; on other units than the leader, do nothing."""
    if not charm.unit.is_leader():
        return
    for relation in relations(charm, relation_name):
        relation_data.write(relation, charm.app, values)


def relations(charm: ops.CharmBase, relation_name: str) -> Iterator[ops.Relation]:
    """Return the relations whose application is known, the oldest first."""
    for relation in sorted(charm.model.relations[relation_name], key=lambda relation: relation.id):
        if relation.app:
            yield relation


def units(relation: ops.Relation) -> list[ops.Unit]:
    """Return the units of the other side, always in the same order."""
    return sorted(relation.units, key=lambda unit: (unit.app.name, int(unit.name.rpartition("/")[2])))


def read(
    relation: ops.Relation, author: ops.Application | ops.Unit, key: str, parse: Callable[[str], _Data]
) -> _Data | None:
    """Return the value that `author` wrote under `key`, parsed by pydantic; None if it is absent or invalid.

    An invalid value is logged, without the text itself: it may hold secrets.
    """
    text = read_all(relation, author).get(key)
    if not text:
        return None
    try:
        return parse(text)
    except pydantic.ValidationError as error:
        _log_ignored(relation, author, f"{key}: {relation_data.reason(error)}")
        return None


def read_all(relation: ops.Relation, author: ops.Application | ops.Unit) -> dict[str, str]:
    """Return everything that `author` wrote; nothing if Juju does not return it, which is logged."""
    try:
        return relation_data.read(relation, author)
    except relation_data.DatabagError as error:
        _log_ignored(relation, author, str(error))
        return {}


def read_model(
    relation: ops.Relation, author: ops.Application | ops.Unit, model: type[_Model]
) -> _Model | None:
    """Return everything that `author` wrote as one model; None if it is empty or, as is logged, invalid."""
    content = read_all(relation, author)
    if not content:
        return None
    try:
        return model.model_validate(content)
    except pydantic.ValidationError as error:
        _log_ignored(relation, author, relation_data.reason(error))
        return None


def _log_ignored(relation: ops.Relation, author: ops.Application | ops.Unit, why: str) -> None:
    logger.warning("%s:%d: ignored the databag of %s: %s", relation.name, relation.id, author.name, why)
