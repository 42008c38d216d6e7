"""Our coordinators and workers with those of the published library at the other end."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SIDE = Path(__file__).parent / "cluster_side.py"
EVERYTHING = (
    "worker_config",
    "ca_cert",
    "server_cert",
    "s3_tls_ca_chain",
    "privkey_secret_id",
    "loki_endpoints",
    "charm_tracing_receivers",
    "workload_tracing_receivers",
    "remote_write_endpoints",
    "worker_labels",
)

Side = Callable[..., dict[str, Any]]


def ours(role: str, offer: Iterable[str] = EVERYTHING, **sees: Any) -> dict[str, Any]:
    return _run(sys.executable, str(ROOT / "lib"), role, json.dumps(list(offer)), json.dumps(sees))


def theirs(role: str, offer: Iterable[str] = EVERYTHING, **sees: Any) -> dict[str, Any]:
    return _run(os.environ["PEER_PYTHON"], "", role, json.dumps(list(offer)), json.dumps(sees))


@functools.cache  # input and output of one side are the same in many tests
def _run(python: str, path: str, role: str, offer: str, sees: str) -> dict[str, Any]:
    done = subprocess.run(
        [python, str(SIDE), role, offer],
        input=sees,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


PAIRS = [
    pytest.param(ours, theirs, id="our-coordinator-their-worker"),
    pytest.param(theirs, ours, id="their-coordinator-our-worker"),
    pytest.param(ours, ours, id="ours-on-both-ends"),
]


@pytest.mark.parametrize(("coordinator", "worker"), PAIRS)
def test_each_side_reads_the_other(coordinator: Side, worker: Side):
    worker_side = worker("worker", remote_app="kv")
    assert worker_side["learned"]["is_published"]
    assert worker_side["learned"]["config"] == {}

    offered = coordinator(
        "coordinator", remote_app="w", app=worker_side["app"], units={"0": worker_side["unit"]}
    )
    address = "w-0.w-endpoints.m.svc.cluster.local"
    assert offered["learned"] == {
        "has_workers": True,
        "addresses": [address],
        "by_role": {"api": [address], "store": [address]},
        "roles": {"api": 1, "store": 1},
        "topology": [{"address": address, "application": "w", "unit": "w/0", "charm_name": "worker"}],
        "one": address,
    }

    learned = worker("worker", remote_app="kv", app=offered["app"])["learned"]
    tls = ["CA", "CERT", "secret:cvq1p2q3r4s5t6u7v8w0", "CHAIN"]
    assert learned == {
        "is_published": True,
        "config": {"a": 1, "b": ["x", "y"]},
        "ports": [8080, 9095],
        "loki": {"loki/0": "http://loki-0:3100/loki/api/v1/push"},
        "tls": tls,
        "parts of tls": tls,
        "charm_tracing": {"otlp_http": "http://kv:3300/proxy/charm-tracing/otlp_http/"},
        "workload_tracing": {"otlp_grpc": "tempo:4317"},
        "remote_write": [{"url": "http://prometheus:9090/api/v1/write"}],
        "labels": {"app.kubernetes.io/part-of": "kv", "istio.io/dataplane-mode": "ambient"},
    }


@pytest.mark.parametrize(("coordinator", "worker"), PAIRS)
def test_worker_runs_without_optional_fields(coordinator: Side, worker: Side):
    worker_side = worker("worker", remote_app="kv")
    offered = coordinator(
        "coordinator",
        ["worker_config"],
        remote_app="w",
        app=worker_side["app"],
        units={"0": worker_side["unit"]},
    )
    assert offered["app"].keys() == {"worker_config", "worker_ports"}
    learned = worker("worker", remote_app="kv", app=offered["app"])["learned"]
    assert learned["config"] == {"a": 1, "b": ["x", "y"]}
    assert learned["tls"] is None
    assert learned["parts of tls"] == [None] * 4
    assert learned["loki"] == learned["labels"] == learned["charm_tracing"] == {}


def test_both_libraries_write_the_same():
    """So that a charm that moves from one to the other causes no event elsewhere."""
    [us, them] = [side("worker", remote_app="kv") for side in (ours, theirs)]
    assert us["app"] == them["app"]
    assert them["unit"].items() <= us["unit"].items()
    units = {"0": us["unit"]}
    [us, them] = [side("coordinator", remote_app="w", app=us["app"], units=units) for side in (ours, theirs)]
    assert us["app"] == them["app"]
