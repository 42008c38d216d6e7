"""One side of the cluster relation, built on whichever library the interpreter that runs this has.

Reads the charm's input from standard input, runs one event, and writes what the charm published and read to
standard output. Uses only what the published library and ours both have.
"""

import json
import sys
from typing import Any

import ops
from ops import testing

from coordinated_workers.interfaces.cluster import ClusterProvider, ClusterRequirer

OFFER: dict[str, Any] = {
    "worker_config": "a: 1\nb: [x, y]\n",
    "ca_cert": "CA",
    "server_cert": "CERT",
    "s3_tls_ca_chain": "CHAIN",
    "privkey_secret_id": "secret:cvq1p2q3r4s5t6u7v8w0",
    "loki_endpoints": {"loki/0": "http://loki-0:3100/loki/api/v1/push"},
    "charm_tracing_receivers": {"otlp_http": "http://kv:3300/proxy/charm-tracing/otlp_http/"},
    "workload_tracing_receivers": {"otlp_grpc": "tempo:4317"},
    "remote_write_endpoints": [{"url": "http://prometheus:9090/api/v1/write"}],
    "worker_labels": {"app.kubernetes.io/part-of": "kv", "istio.io/dataplane-mode": "ambient"},
}


class Side(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        framework.observe(self.on.update_status, self._on_update_status)

    def _on_update_status(self, _: ops.EventBase):
        self.publish()

    def publish(self) -> None: ...

    def learned(self) -> dict[str, Any]: ...


class Coordinator(Side):
    META = {"name": "kv", "provides": {"cluster": {"interface": "kv_cluster"}}}  # noqa: RUF012  # never changed

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.cluster = ClusterProvider(
            self,
            frozenset({"all", "api", "store"}),
            {"all": {"api", "store"}},
            endpoint="cluster",
            worker_ports=lambda role: (8080, 9095),
        )

    def publish(self) -> None:
        offered = json.loads(sys.argv[2])
        self.cluster.publish_data(**{key: value for key, value in OFFER.items() if key in offered})

    def learned(self) -> dict[str, Any]:
        return {
            "has_workers": self.cluster.has_workers,
            "addresses": self.cluster.gather_addresses(),
            "by_role": {role: sorted(all_) for role, all_ in self.cluster.gather_addresses_by_role().items()},
            "roles": self.cluster.gather_roles(),
            "topology": sorted(self.cluster.gather_topology(), key=lambda unit: unit["unit"]),
            "one": self.cluster.get_address_from_role("store"),
        }


class Worker(Side):
    META = {"name": "worker", "requires": {"cluster": {"interface": "kv_cluster"}}}  # noqa: RUF012  # never changed

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.cluster = ClusterRequirer(self, endpoint="cluster")

    def publish(self) -> None:
        self.cluster.publish_unit_address("w-0.w-endpoints.m.svc.cluster.local")
        self.cluster.publish_app_roles(["all", "api"])

    def learned(self) -> dict[str, Any]:
        return {
            "is_published": self.cluster.is_published(),
            "config": self.cluster.get_worker_config(),
            "ports": self.cluster.get_worker_ports(),
            "loki": self.cluster.get_loki_endpoints(),
            "tls": self.cluster.get_tls_data(),
            "parts of tls": self.cluster.get_tls_data(allow_none=True),
            "charm_tracing": self.cluster.get_charm_tracing_receivers(),
            "workload_tracing": self.cluster.get_workload_tracing_receivers(),
            "remote_write": self.cluster.get_remote_write_endpoints(),
            "labels": self.cluster.get_worker_labels(),
        }


def run(side: type[Coordinator] | type[Worker], sees: dict[str, Any]) -> dict[str, Any]:
    relation = testing.Relation(
        "cluster",
        remote_app_name=sees["remote_app"],
        remote_app_data=sees.get("app", {}),
        remote_units_data={int(unit): data for unit, data in sees.get("units", {"0": {}}).items()},
    )
    state = testing.State(leader=True, relations=[relation])
    ctx = testing.Context(side, side.META, app_name="w" if side is Worker else "kv")
    with ctx(ctx.on.update_status(), state) as manager:
        out = manager.run().get_relation(relation.id)
        assert isinstance(out, testing.Relation)
        learned = manager.charm.learned()
    return {"learned": learned, "app": out.local_app_data, "unit": out.local_unit_data}


if __name__ == "__main__":
    sides = {"coordinator": Coordinator, "worker": Worker}
    print(json.dumps(run(sides[sys.argv[1]], json.load(sys.stdin))))  # noqa: T201  # its answer
