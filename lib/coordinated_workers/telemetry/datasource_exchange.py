"""The datasources that applications exchange, also while Juju refuses access to one of the relations."""

import itertools
import json
from collections.abc import Iterable

import cosl.interfaces.datasource_exchange as published
import ops

import relation_data

from ..telemetry_correlation import datasources


class DatasourceExchange(published.DatasourceExchange):
    """The published class, which would raise for a relation that Juju has removed already."""

    def __init__(self, charm: ops.CharmBase, *, provider_endpoint: str | None, requirer_endpoint: str | None):
        super().__init__(charm, provider_endpoint=provider_endpoint, requirer_endpoint=requirer_endpoint)
        self._application = charm.app
        related = [charm.model.relations[name] for name in (provider_endpoint, requirer_endpoint) if name]
        self._exchanges = [relation for relation in itertools.chain(*related) if relation.app]

    def publish(self, datasources: Iterable[published.DatasourceDict]) -> None:
        """Send these datasources to each application; only the leader may."""
        text = json.dumps(sorted(datasources, key=lambda datasource: datasource["uid"]))
        for relation in self._exchanges:
            relation_data.write(relation, self._application, {"datasources": text})

    @property
    def received_datasources(self) -> tuple[published.GrafanaDatasource, ...]:
        """The datasources that others sent."""
        return tuple(sorted(datasources(self._exchanges), key=lambda datasource: datasource.uid))
