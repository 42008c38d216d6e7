"""The answers of Prometheus and Loki to the alert rules that they received."""

import logging

import ops
import pydantic

from relation_data import one_line

from ._databag import read, relations

logger = logging.getLogger(__name__)

_LONGEST_ERROR = 200


class _Event(pydantic.BaseModel):
    valid: bool | None = None
    errors: str | None = None


def rejections(charm: ops.CharmBase, relation_name: str) -> dict[str, str]:
    """Return the applications that rejected alert rules, each with its error on one line, which is logged."""
    found: dict[str, str] = {}
    for relation in relations(charm, relation_name):
        event = read(relation, relation.app, "event", _Event.model_validate_json)
        if event and (event.errors or event.valid is False):
            error = one_line(event.errors or "no reason given", longest=_LONGEST_ERROR)
            found[relation.app.name] = error
            logger.warning("%s rejected alert rules of %s: %s", relation.app.name, charm.app.name, error)
    return found
