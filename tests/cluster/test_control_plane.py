"""The control plane starts, says what it is asked, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.control_plane import (
    ControlPlaneError,
    Istiod,
    NotAvailableError,
    RealKubernetes,
    StartedKubernetes,
    Waypoints,
)

HELD_BY_THE_TEST = """
    import sys
    from sandbox.control_plane import StartedKubernetes

    with StartedKubernetes() as kubernetes:
        print(kubernetes.admin.url, flush=True)
        sys.stdin.read()
"""


def children(parent: int) -> set[int]:
    """The processes that a process has started."""
    listed = Path(f"/proc/{parent}/task").glob("*/children")
    return {int(child) for path in listed for child in path.read_text().split()}


def runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_an_api_server_is_empty_and_knows_its_users(disposable: StartedKubernetes, tmp_path: Path):
    listed = disposable.admin.must("GET", "/api/v1/namespaces")
    assert "default" in [one["metadata"]["name"] for one in listed["items"]]
    assert disposable.admin.send("GET", "/api/v1/pods").json["items"] == []
    with pytest.raises(ValueError, match="nobody knows somebody"):
        disposable.write_kubeconfig(tmp_path / "kubeconfig", user="somebody")


def test_definitions_come_and_go(disposable: StartedKubernetes):
    path = "/apis/security.istio.io/v1/authorizationpolicies"
    assert disposable.admin.send("GET", path).code == 404
    disposable.install_custom_resources("security.istio.io")
    assert disposable.admin.send("GET", path).code == 200
    disposable.install_custom_resources("security.istio.io")
    disposable.uninstall_custom_resources("security.istio.io")
    assert disposable.admin.send("GET", path).code == 404


def test_nothing_runs_on_after_the_end(disposable: StartedKubernetes):
    before = children(os.getpid())
    with StartedKubernetes() as kubernetes:
        started = children(os.getpid()) - before
        assert len(started) == 2
        assert kubernetes.admin.send("GET", "/readyz").code == 200
    assert not any(runs(one) for one in started)


def test_nothing_runs_on_when_the_start_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho it is broken\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    before = children(os.getpid())
    try:
        with pytest.raises(ControlPlaneError, match="it is broken"), StartedKubernetes():
            pass
    except NotAvailableError as missing:
        pytest.skip(str(missing))
    assert children(os.getpid()) == before


def test_nothing_runs_on_when_who_started_it_is_killed(disposable: StartedKubernetes):
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HELD_BY_THE_TEST)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().startswith(b"https://127.0.0.1:")
    started = children(holder.pid)
    assert len(started) == 2
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    end = time.monotonic() + 10
    while any(runs(one) for one in started) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(runs(one) for one in started)


GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways"
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
OF_WAYPOINTS = "?labelSelector=gateway.networking.k8s.io/gateway-name%3Dtaken"


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    assert condition()


def autoscaler(replicas: int) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "taken"}
    spec = {"scaleTargetRef": target, "minReplicas": replicas, "maxReplicas": replicas}
    return {"metadata": {"name": "taken"}, "spec": spec}


def test_istiod_deploys_a_waypoint_which_comes_and_goes(kubernetes: RealKubernetes, istiod: Istiod):
    admin = kubernetes.admin
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    spec = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "taken"},
        "spec": spec,
    }

    def says(condition: str, status: str) -> bool:
        said = admin.must("GET", f"{GATEWAYS}/taken").get("status", {}).get("conditions", [])
        return any(one["type"] == condition and one["status"] == status for one in said)

    def pods() -> list[str]:
        found = admin.must("GET", f"/api/v1/namespaces/default/pods{OF_WAYPOINTS}")["items"]
        return sorted(pod["metadata"]["name"] for pod in found)

    admin.must("POST", GATEWAYS, gateway)
    try:
        wait_until(lambda: says("Accepted", "True") and says("Programmed", "False"))
        with Waypoints(admin):
            wait_until(lambda: pods() == ["taken-1"] and says("Programmed", "True"))
            admin.must("POST", AUTOSCALERS, autoscaler(2))
            wait_until(lambda: pods() == ["taken-1", "taken-2"])
            admin.must("PUT", f"{AUTOSCALERS}/taken", autoscaler(1))
            wait_until(lambda: pods() == ["taken-1"])
            assert istiod.debug("ambientz") is not None
            admin.must("DELETE", f"{GATEWAYS}/taken")
            wait_until(lambda: not pods())
            deployments = f"/apis/apps/v1/namespaces/default/deployments{OF_WAYPOINTS}"
            assert admin.must("GET", deployments)["items"] == []
    finally:
        admin.send("DELETE", f"{GATEWAYS}/taken")
        admin.send("DELETE", f"{AUTOSCALERS}/taken")
