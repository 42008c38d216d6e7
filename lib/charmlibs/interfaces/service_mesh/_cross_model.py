"""Learns from `cross_model_mesh` relations who an application of another model is at home."""

import logging
import re

import ops
import pydantic

import relation_data

from ._models import CMRData
from ._parsing import parse

logger = logging.getLogger(__name__)

CMR_DATA_KEY = "cmr_data"
_CMR_DATA = pydantic.TypeAdapter(CMRData)
_MADE_UP = re.compile(r"remote-[0-9a-f]{32}")
# Nothing that Juju names has a dot in its name, so that nobody in Kubernetes is called so.
_NOBODY = ".of-another-model"


def get_data_from_cmr_relation(cmr_relations: list[ops.Relation]) -> dict[str, CMRData]:
    """Return the identity of each cross-model application in its own model.

    Args:
        cmr_relations: the relations of the endpoint that provides `cross_model_mesh`.

    Returns:
        The remote application's name as this model shows it → its own name and model. An
        application that has sent nothing yet, or nothing that can be read, is left out.
    """
    found: dict[str, CMRData] = {}
    for relation in cmr_relations:
        if not relation.app:
            continue
        try:
            data = read_cmr_data(relation)
        except ValueError as error:
            logger.warning("%s of %s can't be read: %s", CMR_DATA_KEY, relation.app.name, error)
            continue
        if data:
            found[relation.app.name] = data
        else:
            logger.debug("%s has sent no %s yet", relation.app.name, CMR_DATA_KEY)
    return found


def read_cmr_data(cmr_relation: ops.Relation) -> CMRData | None:
    """Return the identity that the remote application of one `cross_model_mesh` relation sent, if any.

    Raises:
        ValueError: if its databag is invalid.
    """
    if not cmr_relation.app:
        return None
    text = relation_data.read(cmr_relation, cmr_relation.app).get(CMR_DATA_KEY)
    return parse(_CMR_DATA, text) if text else None


def is_of_another_model(app: str) -> bool:
    """Return whether this name stands for an application whose own is known in another model only.

    Juju makes one up for what consumes an offer; for what is consumed, see `stranger`.
    """
    return app.endswith(_NOBODY) or _MADE_UP.fullmatch(app) is not None


def stranger(app: str) -> str:
    """The name that stands for an application that was consumed, as long as it has not said who it is.

    Under the name that it has here, another application may be in Kubernetes, or come to be.
    """
    return app if is_of_another_model(app) else f"{app}{_NOBODY}"


def name_here(app: str) -> str:
    """The name that this model shows for what such a name, or an application's own, stands for."""
    return app.removesuffix(_NOBODY)
