"""URLs that telemetry is pushed to: each unit of a backend publishes its own."""

import json
from collections.abc import Iterator

import ops
import pydantic

import relation_data

from ._databag import read, relations, units
from ._urls import Url


class _Endpoint(pydantic.BaseModel):
    url: Url


def urls(charm: ops.CharmBase, relation_name: str, key: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each unit of the backends, and the URL that it published under `key`."""
    for relation in relations(charm, relation_name):
        for unit in units(relation):
            if endpoint := read(relation, unit, key, _Endpoint.model_validate_json):
                yield unit.name, endpoint.url


def offer(charm: ops.CharmBase, relation_name: str, key: str, url: str) -> None:
    """Publish the URL of this unit under `key`."""
    for relation in relations(charm, relation_name):
        relation_data.write(relation, charm.unit, {key: json.dumps({"url": url})})
