"""The data of a coordinator's relations, with any number of workers."""

import json
from collections.abc import Iterator

from .juju_unit import SampleRelation

_BUCKET = {"endpoint": "http://minio:9000", "bucket": "bench", "access-key": "key", "secret-key": "hush"}
_MESH = {
    "labels": '{"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}',
    "mesh_type": '"istio"',
}


def cluster(workers: int, model: str, *, apps: int) -> Iterator[SampleRelation]:
    """Workers in a number of applications, and the other relations of a coordinator."""
    yield SampleRelation(1, "s3", "minio", _BUCKET)
    yield SampleRelation(2, "service-mesh", "beacon", _MESH)
    yield SampleRelation(3, "logging", "loki", units={f"loki/{unit}": _loki(unit) for unit in range(3)})
    yield SampleRelation(4, "metrics-endpoint", "prometheus")
    for app in range(min(apps, workers)):
        name = f"worker-{app}"
        units = {
            f"{name}/{unit}": _worker(name, unit, model) for unit in range(len(range(app, workers, apps)))
        }
        role = "writer" if app % 2 else "reader"
        yield SampleRelation(10 + app, "cluster", name, {"role": json.dumps(role)}, units)


def _worker(app: str, unit: int, model: str) -> dict[str, str]:
    topology = {"application": app, "unit": f"{app}/{unit}", "charm_name": "bench-worker-k8s"}
    address = f"{app}-{unit}.{app}-endpoints.{model}.svc.cluster.local"
    return {"juju_topology": json.dumps(topology), "address": json.dumps(address)}


def _loki(unit: int) -> dict[str, str]:
    return {"endpoint": json.dumps({"url": f"http://loki-{unit}.loki-endpoints.cos:3100/loki/api/v1/push"})}
