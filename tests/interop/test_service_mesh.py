"""Our library and the published one on the two ends of `service_mesh` and `cross_model_mesh`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SIDE = Path(__file__).parent / "side.py"

Side = Callable[..., dict[str, Any]]


def ours(role: str, **sees: Any) -> dict[str, Any]:
    return _run(sys.executable, {**os.environ, "PYTHONPATH": str(ROOT / "lib")}, role, sees)


def theirs(role: str, **sees: Any) -> dict[str, Any]:
    without_ours = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return _run(os.environ["PEER_PYTHON"], without_ours, role, sees)


def _run(python: str, env: dict[str, str], role: str, sees: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [python, "-W", "error::UserWarning", str(SIDE), role],
        input=json.dumps(sees),
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


PAIRS = [
    pytest.param(ours, theirs, id="our-consumer-their-provider"),
    pytest.param(theirs, ours, id="their-consumer-our-provider"),
    pytest.param(ours, ours, id="ours-on-both-ends"),
]


def related(endpoint: str, remote_app: str, **data: Any) -> dict[str, Any]:
    return {"endpoint": endpoint, "remote_app": remote_app, **data}


@pytest.mark.parametrize(("consumer", "provider"), PAIRS)
def test_policies_and_labels_cross_relation(consumer: Side, provider: Side):
    others = [related("data", "shop"), related("metrics", "prometheus")]
    consumer_side = consumer(
        "consumer", event="service-mesh", relations=[related("service-mesh", "beacon"), *others]
    )
    databag = consumer_side["published"]["service-mesh"]

    given = provider(
        "provider",
        event="service-mesh",
        relations=[related("service-mesh", "web", remote_app_data=databag)],
    )
    assert given["learned"]["policies"] == [
        {
            "source_namespace": "m",
            "source_app_name": "shop",
            "target_namespace": "m",
            "target_app_name": "web",
            "target_selector_labels": None,
            "target_service": "web-api",
            "target_type": "app",
            "endpoints": [
                {"hosts": None, "ports": [80, 443], "methods": ["GET", "PUT"], "paths": ["/kv/{*}"]}
            ],
        },
        {
            "source_namespace": "m",
            "source_app_name": "prometheus",
            "target_namespace": "m",
            "target_app_name": "web",
            "target_selector_labels": None,
            "target_service": None,
            "target_type": "unit",
            "endpoints": [{"hosts": None, "ports": [9100], "methods": None, "paths": None}],
        },
    ]

    databag = given["published"]["service-mesh"]
    joined = consumer(
        "consumer",
        event="service-mesh",
        relations=[related("service-mesh", "beacon", remote_app_data=databag), *others],
    )
    assert joined["learned"] == {
        "labels": {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "m-beacon-waypoint"},
        "mesh_type": "istio",
        "enabled": True,
    }


@pytest.mark.parametrize(
    ("requirer", "consumer"), PAIRS, ids=["ours-asks-theirs", "theirs-asks-ours", "ours-asks-ours"]
)
def test_cross_model_application_publishes_identity(requirer: Side, consumer: Side):
    sent = requirer(
        "consumer",
        model="cos",
        app="prometheus",
        event="require-cmr-mesh",
        relations=[related("require-cmr-mesh", "remote-web")],
    )
    databag = sent["published"]["require-cmr-mesh"]
    consumed = "remote-0123456789abcdef0123456789abcdef"
    consumer_side = consumer(
        "consumer",
        event="service-mesh",
        relations=[
            related("service-mesh", "beacon"),
            related("metrics", consumed),
            related("provide-cmr-mesh", consumed, remote_app_data=databag),
        ],
    )
    [policy] = json.loads(consumer_side["published"]["service-mesh"]["policies"])
    assert (policy["source_app_name"], policy["source_namespace"]) == ("prometheus", "cos")


def test_refresh_from_the_published_library_writes_nothing():
    relations = [related("service-mesh", "beacon"), related("data", "shop"), related("metrics", "prom")]
    before = theirs("consumer", event="service-mesh", relations=relations)["published"]
    after = ours("consumer", event="service-mesh", relations=relations)["published"]
    # Data that only our provider reads have a key of their own.
    assert after["service-mesh"].pop("declared_policies")
    assert after["service-mesh"] == before["service-mesh"]

    consumer = [related("service-mesh", "web")]
    before = theirs("provider", event="service-mesh", relations=consumer)["published"]
    after = ours("provider", event="service-mesh", relations=consumer)["published"]
    assert after["service-mesh"] == before["service-mesh"]


def test_published_provider_ignores_callers():
    """It ignores unknown fields, and no namespace has a dot in its name."""
    policy = {
        "source_namespace": "no.namespace",
        "source_app_name": "callers",
        "target_namespace": "m",
        "target_app_name": "web",
        "target_type": "unit",
        "callers": {"kind": "anyone"},
    }
    databag = {"policies": json.dumps([policy])}
    relations = [related("service-mesh", "web", remote_app_data=databag)]
    (learned,) = theirs("provider", event="service-mesh", relations=relations)["learned"]["policies"]
    assert (learned["source_namespace"], learned["source_app_name"]) == ("no.namespace", "callers")
    (ours_learned,) = ours("provider", event="service-mesh", relations=relations)["learned"]["policies"]
    assert ours_learned["callers"] == {"kind": "anyone", "namespaces": None}
