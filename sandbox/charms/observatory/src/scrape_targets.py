"""The targets to scrape: the scraper's side of `prometheus_scrape`."""

import itertools
import logging
from collections.abc import Iterator
from typing import Literal, TypedDict

import ops
import pydantic

logger = logging.getLogger(__name__)


class Target(TypedDict):
    """One URL that gives metrics."""

    url: str
    unit: str
    """Whose metrics they are."""


class _StaticConfig(pydantic.BaseModel):
    targets: list[str]


class _Relabelling(pydantic.BaseModel):
    target_label: str = ""
    replacement: str = ""


class _Job(pydantic.BaseModel):
    metrics_path: str = "/metrics"
    scheme: Literal["http", "https"] = "http"
    static_configs: list[_StaticConfig]
    relabel_configs: list[_Relabelling] = []


_JOBS = pydantic.TypeAdapter(list[_Job])


def read(charm: ops.CharmBase) -> list[Target]:
    """Return all targets that related applications have published, without invalid ones."""
    targets: list[Target] = []
    for relation in charm.model.relations["metrics-endpoint"]:
        if relation.app and relation.active:
            targets += _targets(relation, relation.app)
    return targets


def _targets(relation: ops.Relation, app: ops.Application) -> Iterator[Target]:
    try:
        jobs = _JOBS.validate_json(relation.data[app].get("scrape_jobs", "[]"))
    except pydantic.ValidationError:
        logger.warning("%s: the scrape jobs of %s are not what they should be", relation, app.name)
        return
    addresses = {
        unit.name: address
        for unit in relation.units
        if (address := relation.data[unit].get("prometheus_scrape_unit_address"))
    }
    for job in jobs:
        labels = {relabelling.target_label: relabelling.replacement for relabelling in job.relabel_configs}
        for target in itertools.chain.from_iterable(config.targets for config in job.static_configs):
            host, colon, port = target.rpartition(":")
            places = addresses if host == "*" else {labels.get("juju_unit", app.name): host}
            for unit, address in sorted(places.items()):
                yield Target(url=f"{job.scheme}://{address}{colon}{port}{job.metrics_path}", unit=unit)
