"""One side of a relation, built on whichever library the interpreter that runs this has.

Reads the charm's input from standard input, runs one event, and writes what the charm published and read to
standard output. Uses only what the published library and ours both have.
"""

import json
import sys
from typing import Any

import ops
from ops import testing

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    Endpoint,
    MeshType,
    Method,
    ServiceMeshConsumer,
    ServiceMeshProvider,
    UnitPolicy,
)

POLICIES = [
    AppPolicy(
        relation="data",
        endpoints=[Endpoint(ports=[80, 443], methods=[Method.get, Method.put], paths=["/kv/{*}"])],
        service="web-api",
    ),
    UnitPolicy(relation="metrics", ports=[9100]),
]
LABELS = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "m-beacon-waypoint"}


class Consumer(ops.CharmBase):
    META = {  # noqa: RUF012  # never changed
        "name": "web",
        "provides": {
            "data": {"interface": "data"},
            "metrics": {"interface": "prometheus_scrape"},
            "provide-cmr-mesh": {"interface": "cross_model_mesh"},
        },
        "requires": {
            "service-mesh": {"interface": "service_mesh", "limit": 1},
            "require-cmr-mesh": {"interface": "cross_model_mesh"},
        },
    }

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(self, policies=POLICIES, auto_join=False)

    def learned(self) -> dict[str, Any]:
        return {
            "labels": self.mesh.labels(),
            "mesh_type": self.mesh.mesh_type(),
            "enabled": self.mesh.enabled,
        }


class Provider(ops.CharmBase):
    META = {  # noqa: RUF012  # never changed
        "name": "beacon",
        "provides": {"service-mesh": {"interface": "service_mesh"}},
    }

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshProvider(self, labels=LABELS, mesh_type=MeshType.istio)

    def learned(self) -> dict[str, Any]:
        return {"policies": [policy.model_dump(mode="json") for policy in self.mesh.mesh_info()]}


def run(charm: type[Consumer] | type[Provider], sees: dict[str, Any]) -> dict[str, Any]:
    relations = {
        testing.Relation(
            each["endpoint"],
            remote_app_name=each["remote_app"],
            remote_app_data=each.get("remote_app_data", {}),
            local_app_data=each.get("local_app_data", {}),
        )
        for each in sees["relations"]
    }
    state = testing.State(leader=True, relations=relations, model=testing.Model(sees.get("model", "m")))
    ctx = testing.Context(charm, charm.META, app_name=sees.get("app", charm.META["name"]))
    on = next(relation for relation in relations if relation.endpoint == sees["event"])
    with ctx(ctx.on.relation_created(on), state) as manager:
        learned = manager.charm.learned()
        state = manager.run()
    published = {relation.endpoint: dict(relation.local_app_data) for relation in state.relations}
    return {"published": published, "learned": learned}


if __name__ == "__main__":
    sides = {"consumer": Consumer, "provider": Provider}
    json.dump(run(sides[sys.argv[1]], json.load(sys.stdin)), sys.stdout)
