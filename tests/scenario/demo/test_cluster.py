"""Configuration from the coordinator through the worker to the program."""

import dataclasses
import datetime
import json
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from charmlibs.interfaces.tls_certificates import (
    Certificate,
    CertificateRequestAttributes,
    CertificateSigningRequest,
    PrivateKey,
)
from ops import testing

from tests.scenario.demo.key_value_model import (
    COORDINATOR,
    WORKER,
    app_data,
    coordinator_context,
    coordinator_of,
    coordinator_state,
    fqdn,
    worker_context,
    worker_state,
    workers,
)
from tests.support.workload_process import HOST, free_port


def test_program_runs_as_the_two_charms_would_have_it(on_host, tmp_path: Path):
    """From the worker's databag to a key that is written and read; only its address is mapped."""
    # The worker publishes its data.
    on_host(fqdn(WORKER))
    context = worker_context()
    to_coordinator = coordinator_of({})
    introduced = context.run(context.on.update_status(), worker_state(to_coordinator)).get_relation(
        to_coordinator.id
    )
    # The coordinator answers.
    on_host(fqdn(COORDINATOR))
    cluster = dataclasses.replace(
        workers(),
        remote_app_data=dict(introduced.local_app_data),
        remote_units_data={0: dict(introduced.local_unit_data)},
    )
    coordinator = coordinator_context()
    answer = app_data(coordinator.run(coordinator.on.update_status(), coordinator_state(cluster)), cluster)
    # The worker sets up its container.
    on_host(fqdn(WORKER))
    context = worker_context()
    state = context.run(context.on.update_status(), worker_state(coordinator_of(answer)))
    container = state.get_container("worker")
    root = tmp_path / "container"
    shutil.copytree(container.get_filesystem(context), root, symlinks=True)
    # Pebble runs it.
    port = free_port()
    config = root / "etc/worker/config.yaml"
    config.write_text(config.read_text().replace(fqdn(WORKER), HOST).replace("8080", str(port)))
    service = container.plan.services["worker"]
    python, *arguments = shlex.split(service.command)
    assert python == "python3"
    command = [sys.executable, *(f"{root}{each}" if each.startswith("/") else each for each in arguments)]
    process = subprocess.Popen([*command, "--listen", HOST], env=service.environment)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                with urllib.request.urlopen(f"http://{HOST}:{port}/healthz") as response:
                    assert response.read().strip() == b"ready"
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        put = urllib.request.Request(f"http://{HOST}:{port}/kv/colour", b"red", method="PUT")
        urllib.request.urlopen(put).close()
        with urllib.request.urlopen(f"http://{HOST}:{port}/kv/colour") as response:
            assert response.read() == b"red"
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0


@pytest.fixture
def certified() -> testing.State:
    """A coordinator that has got a certificate."""
    context = coordinator_context()
    certificates = testing.Relation("certificates", remote_app_name="ca")
    asking = coordinator_state(
        workers(),
        certificates,
        testing.Relation("kv-api", remote_app_name="shop"),
        testing.PeerRelation("peers"),
    )
    state = context.run(context.on.update_status(), asking)
    requested = json.loads(
        state.get_relation(certificates.id).local_unit_data["certificate_signing_requests"]
    )[0]["certificate_signing_request"]
    day = datetime.timedelta(days=1)
    ca_key = PrivateKey.generate()
    ca = Certificate.generate_self_signed_ca(CertificateRequestAttributes(common_name="ca"), ca_key, day)
    certificate = Certificate.generate(CertificateSigningRequest.from_string(requested), ca, ca_key, day)
    answer = {
        "certificate_signing_request": requested,
        "certificate": str(certificate),
        "ca": str(ca),
        "chain": [str(certificate), str(ca)],
    }
    answered = dataclasses.replace(
        state.get_relation(certificates.id), remote_app_data={"certificates": json.dumps([answer])}
    )
    relations = {answered if one.id == certificates.id else one for one in state.relations}
    return context.run(context.on.relation_changed(answered), dataclasses.replace(state, relations=relations))


def test_with_certificate_everything_speaks_tls(certified: testing.State):
    (cluster,) = certified.get_relations("demo-cluster")
    data = app_data(certified, cluster)
    config = json.loads(json.loads(data["worker_config"]))
    assert config["stores"] == [f"https://{fqdn(WORKER)}:8080"]
    assert config["tls"] == {
        "cert": "/etc/worker/server.cert",
        "key": "/etc/worker/private.key",
        "ca": "/etc/worker/ca.cert",
    }
    (kv_api,) = certified.get_relations("kv-api")
    assert app_data(certified, kv_api)["url"] == f"https://{COORDINATOR}.shop.svc.cluster.local:8080"
