"""Identities that applications of other models send over `cross_model_mesh`."""

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
_GENERATED = re.compile(r"remote-[0-9a-f]{32}")
# Names in Juju have no dot, so that no application in Kubernetes has such a name.
_UNRESOLVED = ".of-another-model"


def get_data_from_cmr_relation(cmr_relations: list[ops.Relation]) -> dict[str, CMRData]:
    """Return the identity of each cross-model application in its own model.

    Args:
        cmr_relations: the relations of the endpoint that provides `cross_model_mesh`.

    Returns:
        The remote application's name as this model shows it → its own name and model.
        Applications without valid data are not included.
    """
    found: dict[str, CMRData] = {}
    for relation in cmr_relations:
        if not relation.app:
            continue
        try:
            data = read_cmr_data(relation)
        except ValueError as error:
            logger.warning("invalid %s of %s: %s", CMR_DATA_KEY, relation.app.name, error)
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


def is_cross_model_name(app: str) -> bool:
    """Return whether a name stands for an application of another model whose identity is unknown.

    Juju generates such a name for an application that consumes an offer; see also `unresolved_name`.
    """
    return app.endswith(_UNRESOLVED) or _GENERATED.fullmatch(app) is not None


def unresolved_name(app: str) -> str:
    """Return a name for a consumed application of another model that has not sent its identity.

    Its local name cannot be used: it may be, now or later, the name of another application in Kubernetes.
    """
    return app if is_cross_model_name(app) else f"{app}{_UNRESOLVED}"


def local_name(app: str) -> str:
    """Return the name under which this model shows an application, given that or its unresolved name."""
    return app.removesuffix(_UNRESOLVED)
