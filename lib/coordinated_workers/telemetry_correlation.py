"""The datasource of another charm to which Grafana can link this charm's own."""

import json
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import ops
import pydantic

import relation_data

if TYPE_CHECKING:
    from cosl.interfaces.datasource_exchange import GrafanaDatasource

logger = logging.getLogger(__name__)


class TelemetryCorrelation:
    """Links between this charm's datasource and those that others published.

    Args:
        app_name: this application's name.
        grafana_source_relations: the relations over which Grafana queries this charm (`grafana_datasource`).
        datasource_exchange_relations: those over which datasources are exchanged
            (`grafana_datasource_exchange`).
    """

    def __init__(
        self,
        app_name: str,
        grafana_source_relations: Sequence[ops.Relation],
        datasource_exchange_relations: Sequence[ops.Relation],
    ):
        self._app_name = app_name
        self._grafana_source_relations = list(grafana_source_relations)
        self._exchange_relations = list(datasource_exchange_relations)

    def find_correlated_datasource(
        self,
        datasource_type: str,
        correlation_feature: str,
        endpoint_relations: Sequence[ops.Relation] | None = None,
    ) -> "GrafanaDatasource | None":
        """Return the datasource to link to; None if there is none, and the log then names what is missing.

        It has the type, and is in the same Grafana as this charm's own datasource. Of several, the first is
        returned.

        Args:
            datasource_type: Grafana's name of the kind of datasource: `loki`, `prometheus`.
            correlation_feature: the purpose of the link, for the log: `traces-to-logs`.
            endpoint_relations: if given, only datasources of applications that are related over these, too.
        """
        grafanas = {uid for relation in self._grafana_source_relations if (uid := _grafana_uid(relation))}
        exchanges = [relation for relation in self._exchange_relations if relation.app]
        candidates = exchanges
        if endpoint_relations is not None:
            apps = {relation.app.name for relation in endpoint_relations if relation.app}
            candidates = [relation for relation in exchanges if relation.app.name in apps]
        of_type = [found for found in datasources(candidates) if found.type == datasource_type]
        found = next((one for one in of_type if one.grafana_uid in grafanas), None)
        if found:
            return found
        if not grafanas:
            missing = "no related Grafana has sent its uid (grafana_datasource)"
        elif not exchanges:
            missing = "no application exchanges datasources with it (grafana_datasource_exchange)"
        elif not candidates:
            missing = "no application that exchanges datasources has the other required relation"
        elif not of_type:
            missing = f"no exchanged datasource is of type {datasource_type}"
        else:
            missing = f"no exchanged datasource of type {datasource_type} is in the same Grafana"
        logger.info("%s: %s is off: %s", self._app_name, correlation_feature, missing)
        return None


def _grafana_uid(relation: ops.Relation) -> str | None:
    if not relation.app:
        return None
    try:
        return relation_data.read(relation, relation.app).get("grafana_uid")
    except relation_data.DatabagError as error:
        logger.warning("%s: ignored the databag of %s: %s", relation, relation.app.name, error)
        return None


def datasources(relations: Iterable[ops.Relation]) -> "Iterable[GrafanaDatasource]":
    """Return the datasources that others sent over these relations, without the databags that are invalid."""
    from cosl.interfaces.datasource_exchange import GrafanaDatasource

    for relation in sorted(relations, key=lambda relation: relation.id):
        try:
            text = relation_data.read(relation, relation.app).get("datasources") or "[]"
            yield from [GrafanaDatasource.model_validate(one) for one in json.loads(text)]
        except (pydantic.ValidationError, ValueError, TypeError, RecursionError):
            logger.warning("%s: ignored invalid datasources of %s", relation, relation.app.name)
