"""Data that once caused faults."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.security.attack import Attack
from tests.security.databags import HUSH, YAML, Written
from tests.security.harm import harm_of
from tests.security.worlds import BEACON, COORDINATOR, WORKER, WORKER_WITH_OWN_CONFIG, World
from tests.support.broken_certificates import broken_certificate

Change = Callable[[Written], Written]


def app(**sent: Any) -> Change:
    """The application writes these texts, or these values as JSON, in place of valid ones."""
    return lambda valid: replace(valid, app={**valid.app, **_texts(sent)})


def unit(**sent: Any) -> Change:
    return lambda valid: replace(valid, unit={**valid.unit, **_texts(sent)})


def topology(**sent: str) -> Change:
    topology = {"application": "mallory", "unit": "mallory/0", "charm_name": "demo-worker-k8s", **sent}
    return unit(juju_topology=topology)


def _texts(sent: dict[str, Any]) -> dict[str, str]:
    return {
        key.replace("__", "-"): value if isinstance(value, str) else json.dumps(value)
        for key, value in sent.items()
    }


def receiver(url: str, name: str = "otlp_http", kind: str = "http") -> dict[str, Any]:
    return {"protocol": {"name": name, "type": kind}, "url": url}


def certificate(**sent: Any) -> Change:
    """The authority's first answer has these texts in place of valid ones."""

    def change(valid: Written) -> Written:
        first, *others = json.loads(valid.app["certificates"])
        return app(certificates=[{**first, **sent}, *others])(valid)

    return change


DEEP = "[" * 100_000
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
SIGNED = {"ca": PEM, "chain": [PEM], "certificate_signing_request": PEM, "certificate": PEM}
BASIC_CONSTRAINTS, ALTERNATIVE_NAMES = "2.5.29.19", "2.5.29.17"

FOUND: dict[str, tuple[World, str, Change]] = {
    "traces that are no receivers, to be logged whole": (
        BEACON,
        "charm-tracing",
        app(receivers=[{"a": "x" * 3000}]),
    ),
    "a receiver of http whose type is another": (
        COORDINATOR,
        "self-charm-tracing",
        app(receivers=[receiver("tempo:4317", kind="grpc")]),
    ),
    "more receivers than a status has room for": (
        COORDINATOR,
        "self-workload-tracing",
        app(receivers=[receiver("http://tempo:1", f"p{number}") for number in range(500)]),
    ),
    "a chain that is nested deep": (COORDINATOR, "s3", app(tls__ca__chain=DEEP)),
    "a URL that is longer than a word of nginx": (
        COORDINATOR,
        "logging",
        unit(endpoint={"url": "http://evil.test/" + "a" * 5000}),
    ),
    "a receiver's URL that is longer than a word of nginx": (
        COORDINATOR,
        "self-workload-tracing",
        app(receivers=[receiver("http://evil.test/" + "a" * 5000)]),
    ),
    "a unit's name that is longer than a word of nginx": (
        COORDINATOR,
        "demo-cluster",
        topology(application="a" * 5000, unit="a" * 5000 + "/0"),
    ),
    "the name of another worker": (COORDINATOR, "demo-cluster", topology(application="good", unit="good/0")),
    "a charm's name that others would be told": (
        COORDINATOR,
        "demo-cluster",
        topology(charm_name="x" * 150_000),
    ),
    "a Grafana whose name others would be told": (
        COORDINATOR,
        "grafana-source",
        app(grafana_uid="x" * 250_000),
    ),
    "a password where a name for others is meant": (
        COORDINATOR,
        "grafana-source",
        app(grafana_uid="g2", datasource_uids={"kv/0": f"http://user:{HUSH}@evil.test"}),
    ),
    "a password where the name of a label is meant": (
        COORDINATOR,
        "service-mesh",
        app(labels={f"http://evil.test/push?token={HUSH}": None}),
    ),
    "a password where the value of a label is meant": (
        COORDINATOR,
        "service-mesh",
        app(labels={"istio.io/dataplane-mode": f"http://evil.test/push?token={HUSH}"}),
    ),
    "a password as a label without a value": (
        COORDINATOR,
        "service-mesh",
        app(labels={f"http://evil.test/push?token={HUSH}": "x"}),
    ),
    "a password where a role is meant": (
        COORDINATOR,
        "demo-cluster",
        app(role=json.dumps(f"http://evil.test/push?token={HUSH}")),
    ),
    "labels by which Juju finds its pods": (
        COORDINATOR,
        "service-mesh",
        app(labels={"istio.io/dataplane-mode": "ambient", "app.kubernetes.io/name": "good"}),
    ),
    "a name that the history would tell": (
        BEACON,
        "provide-cmr-mesh",
        app(cmr_data={"app_name": "x" * 150_000, "juju_model_name": "cos"}),
    ),
    "a name that the beacon would be told": (
        COORDINATOR,
        "provide-cmr-mesh",
        app(cmr_data={"app_name": "x" * 150_000, "juju_model_name": "front"}),
    ),
    "a label whose name is more than one line": (COORDINATOR, "service-mesh", app(labels={"\n": []})),
    "labels by which a coordinator finds its cluster": (
        COORDINATOR,
        "service-mesh",
        app(labels={"istio.io/dataplane-mode": "ambient", "app.kubernetes.io/part-of": "good"}),
    ),
    "certificates that are none": (COORDINATOR, "certificates", app(certificates=[SIGNED])),
    "certificates that are no JSON": (COORDINATOR, "certificates", app(certificates="{" * 2000)),
    "certificates that are nested deep": (COORDINATOR, "certificates", app(certificates=DEEP)),
    "capabilities that are nested deep": (COORDINATOR, "certificates", app(capabilities=DEEP)),
    "a certificate that may be an authority's, which can't be told": (
        COORDINATOR,
        "certificates",
        certificate(certificate=broken_certificate(BASIC_CONSTRAINTS)),
    ),
    "a certificate whose names are none": (
        COORDINATOR,
        "certificates",
        certificate(certificate=broken_certificate(ALTERNATIVE_NAMES)),
    ),
    "a password where the id of a secret is meant": (
        WORKER,
        "demo-cluster",
        app(privkey_secret_id=json.dumps(f"http://evil.test/push?token={HUSH}")),
    ),
    "a port for each that there can be": (WORKER, "demo-cluster", app(worker_ports=[*range(1, 65536)])),
    "more places for logs than there are workers": (
        WORKER,
        "demo-cluster",
        app(loki_endpoints={f"loki/{unit}": "http://evil.test/push" for unit in range(3000)}),
    ),
    "errors that are none": (COORDINATOR, "certificates", app(request_errors=[{"csr": "x" * 2000}])),
}

FOUND |= {
    f"a configuration with {what}": (
        WORKER_WITH_OWN_CONFIG,
        "demo-cluster",
        app(worker_config=json.dumps(text)),
    )
    for what, text in YAML.items()
}


@pytest.mark.parametrize("found", FOUND)
def test_found_attack_does_no_harm(found: str, attack: Callable[[World, str], Attack]):
    world, endpoint, change = FOUND[found]
    attacked = attack(world, endpoint)
    harm = list(harm_of(attacked, attacked.hook(change(attacked.valid))))
    assert not harm
