"""The page on wire formats has the keys that the libraries write, and no others."""

import re

import ops
from ops import testing

from coordinated_workers.worker_telemetry import PROXY_WORKER_TELEMETRY_PATHS
from cos_interfaces import (
    catalogue,
    grafana_dashboard,
    grafana_datasource,
    loki_push_api,
    prometheus_remote_write,
    prometheus_scrape,
    s3,
    tracing,
)
from tests.support.certificates import certificate_and_key
from tests.support.pages import REPOSITORY

PAGE = REPOSITORY / "docs/reference/wire-formats.md"
RULES = {"groups": [{"name": "one", "rules": []}]}
RELATIONS = {
    "provides": {
        "metrics-endpoint": "prometheus_scrape",
        "grafana-dashboard": "grafana_dashboard",
        "grafana-source": "grafana_datasource",
        "receive-remote-write": "prometheus_remote_write",
        "takes-logs": "loki_push_api",
        "takes-traces": "tracing",
        "has-bucket": "s3",
        "has-secret-bucket": "s3",
    },
    "requires": {
        "logging": "loki_push_api",
        "tracing": "tracing",
        "catalogue": "catalogue",
        "s3": "s3",
        "queries": "grafana_datasource",
    },
}

Written = set[tuple[str, str, str, str]]
"""Interface, side, databag and key."""


class Everything(ops.CharmBase):
    """Has one relation of each interface, and publishes all possible data."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        framework.observe(self.on.update_status, self._publish)

    def _publish(self, _: ops.EventBase) -> None:
        prometheus_scrape.publish(self, [prometheus_scrape.ScrapeJob(targets=("*:1",))], RULES)
        loki_push_api.publish(self, RULES)
        loki_push_api.offer(self, "http://me/loki/api/v1/push", relation_name="takes-logs")
        tracing.request(self, ["otlp_http"])
        tracing.offer(self, {"otlp_http": "http://me:4318"}, relation_name="takes-traces")
        prometheus_remote_write.offer(self, "http://me/write")
        grafana_dashboard.publish(self, {"one.json": "{}"})
        source = grafana_datasource.GrafanaSource(type="loki", url="http://me", extra_fields={"a": 1})
        grafana_datasource.publish(self, source)
        grafana_datasource.answer(self, "uid", relation_name="queries")
        item = catalogue.CatalogueItem(name="Shop", url="https://shop.example", icon="cart")
        texts = {"description": "Sells.", "api_docs": item.url, "api_endpoints": {"one": item.url}}
        catalogue.publish(self, item.model_copy(update=texts))
        keys = {"access-key": "a", "secret-key": "s"}
        chain = [certificate_and_key()[0].decode()]
        place = {"endpoint": "http://s3", "bucket": "b", "region": "r", "tls-ca-chain": chain}
        bucket = s3.S3ConnectionInfo.model_validate({**keys, **place})
        s3.request(self)
        s3.offer(self, bucket, relation_name="has-bucket")
        s3.offer(self, bucket, relation_name="has-secret-bucket", in_secret=True)


def written() -> Written:
    """Return the data that the libraries write."""
    meta = {
        side: {name: {"interface": interface} for name, interface in relations.items()}
        for side, relations in RELATIONS.items()
    }
    related: list[testing.RelationBase] = []
    sides: dict[str, str] = {}
    for side, names in RELATIONS.items():
        related += [testing.Relation(name, interface=interface) for name, interface in names.items()]
        sides |= dict.fromkeys(names, f"{side[:-1]}r")
    context = testing.Context(Everything, {"name": "everything", **meta})
    after = context.run(context.on.update_status(), testing.State(leader=True, relations=related))
    written: set[tuple[str, str, str, str]] = set()
    for relation in (each for each in after.relations if isinstance(each, testing.Relation)):
        databags = {"application": relation.local_app_data, "unit": relation.local_unit_data}
        for databag, data in databags.items():
            keys = data.keys() - {"egress-subnets", "ingress-address", "private-address"}
            place = (relation.interface or "", sides[relation.endpoint], databag)
            written |= {(*place, key) for key in keys}
    return written


def documented() -> Written:
    """Return the page's table of observability; an empty cell is as the one above it."""
    section = PAGE.read_text().partition("## Observability")[2].partition("\n## ")[0]
    keys: Written = set()
    above = ["", "", ""]
    for row in re.findall(r"^\|(.*)\|$", section, re.MULTILINE)[2:]:
        *place, names, meaning = (cell.strip() for cell in row.split("|"))
        above = [cell or former for cell, former in zip(place, above, strict=True)]
        interface, side, databag = above
        also = re.findall(r"`(secret-extra)`", meaning)
        for key in [*re.findall(r"`([\w-]+)`", names), *also]:
            keys.add((interface.strip("`"), side.partition(":")[0], databag, key))
    return keys


def test_keys_of_observability_are_those_that_are_written():
    assert documented() == written()


def test_documented_proxy_paths_are_nginxs():
    for page in (PAGE, REPOSITORY / "docs/explanation/telemetry-routing.md"):
        shown = re.findall(r"\| `(/proxy/[^`]+)` \|", page.read_text())
        assert shown == list(PROXY_WORKER_TELEMETRY_PATHS.values())
