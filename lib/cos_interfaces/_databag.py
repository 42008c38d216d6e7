"""Writing to a relation without writing what is already there, and reading it without trusting it."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import ops
import pydantic

logger = logging.getLogger(__name__)

_LONGEST_REASON = 200
_NAME = re.compile(r"[A-Za-z0-9_./() ,\[\]-]{1,80}")

_Data = TypeVar("_Data")
_Model = TypeVar("_Model", bound=pydantic.BaseModel)


def write(databag: ops.RelationDataContent, values: Mapping[str, str]) -> None:
    """Make `databag` say `values`; an empty value takes its key out, other keys are left as they are.

    Each key that is set is a call of a hook tool, and wakes up every unit of the other side.
    """
    for key, value in values.items():
        if databag.get(key, "") != value:
            databag[key] = value


def write_app(charm: ops.CharmBase, relation_name: str, values: Mapping[str, str]) -> None:
    """Make each relation say `values` for the application; only the leader may, so the others do nothing."""
    if not charm.unit.is_leader():
        return
    for relation in relations(charm, relation_name):
        write(relation.data[charm.app], values)


def relations(charm: ops.CharmBase, relation_name: str) -> Iterator[ops.Relation]:
    """The relations whose other side is known, the oldest first."""
    for relation in sorted(charm.model.relations[relation_name], key=lambda relation: relation.id):
        if relation.app:
            yield relation


def units(relation: ops.Relation) -> list[ops.Unit]:
    """The units of the other side, in an order that stays."""
    return sorted(relation.units, key=lambda unit: (unit.app.name, int(unit.name.rpartition("/")[2])))


def read(
    relation: ops.Relation, author: ops.Application | ops.Unit, key: str, adapter: pydantic.TypeAdapter[_Data]
) -> _Data | None:
    """The JSON that `author` wrote under `key`; None if there is none, or if it is not what it should be.

    What is refused is logged, without the text itself: it may hold secrets.
    """
    return _checked(relation, author, key, adapter.validate_json)


def read_text(
    relation: ops.Relation, author: ops.Application | ops.Unit, key: str, adapter: pydantic.TypeAdapter[_Data]
) -> _Data | None:
    """As `read`, where the value is the text itself and not JSON."""
    return _checked(relation, author, key, adapter.validate_python)


def read_model(
    relation: ops.Relation, author: ops.Application | ops.Unit, model: type[_Model]
) -> _Model | None:
    """All of what `author` wrote, as one model; None if it is not what it should be, which is logged."""
    try:
        return model.model_validate(dict(relation.data[author]))
    except pydantic.ValidationError as error:
        logger.warning("%s: the data of %s are ignored: %s", relation, author.name, reason(error))
        return None


def _checked(
    relation: ops.Relation, author: ops.Application | ops.Unit, key: str, parse: Callable[[str], _Data]
) -> _Data | None:
    text = relation.data[author].get(key)
    if not text:
        return None
    try:
        return parse(text)
    except pydantic.ValidationError as error:
        logger.warning("%s: %r of %s is ignored: %s", relation, key, author.name, reason(error))
        return None


def reason(error: pydantic.ValidationError) -> str:
    """What is wrong with what somebody wrote, in one line without the text: it may be long, or a secret."""
    first, *more = error.errors(include_url=False, include_context=False, include_input=False)
    # A key that is nobody's name may be anything, a URL with a password in it, too.
    field = ".".join(
        "…" if isinstance(part, str) and not _NAME.fullmatch(part) else str(part) for part in first["loc"]
    )
    message = first["msg"].removeprefix("Value error, ")
    text = (f"{field}: {message}" if field else message)[:_LONGEST_REASON]
    text = "".join(each if each.isprintable() else " " for each in text)
    return f"{text} (and {len(more)} more)" if more else text
