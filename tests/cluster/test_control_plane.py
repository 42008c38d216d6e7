"""The control plane starts, answers requests, and cleans up after itself."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.control_plane import (
    ETCD,
    ISTIOD,
    KUBE_APISERVER,
    KUBE_CONTROLLER_MANAGER,
    ControlPlaneError,
    GoProgram,
    Istiod,
    NotAvailableError,
    RealKubernetes,
    StartedKubernetes,
    Waypoints,
    started_control_plane,
)

pytestmark = pytest.mark.fidelity

HELD_BY_THE_TEST = """
    import sys
    from sandbox.control_plane import StartedKubernetes

    with StartedKubernetes() as kubernetes:
        print(kubernetes.admin.url, flush=True)
        sys.stdin.read()
"""


def build(*programs: GoProgram) -> list[Path]:
    """The programs, if this machine can build them."""
    try:
        return [program.build() for program in programs]
    except NotAvailableError as missing:
        pytest.skip(str(missing))


def children(parent: int) -> set[int]:
    """The processes that a process has started."""
    listed = Path(f"/proc/{parent}/task").glob("*/children")
    return set(map(int, " ".join(path.read_text() for path in listed).split()))


def runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_api_server_is_empty_and_has_named_users(disposable: StartedKubernetes, tmp_path: Path):
    listed = disposable.admin.must("GET", "/api/v1/namespaces")
    assert "default" in [one["metadata"]["name"] for one in listed["items"]]
    assert disposable.admin.send("GET", "/api/v1/pods").json["items"] == []
    with pytest.raises(ValueError, match="unknown user somebody"):
        disposable.write_kubeconfig(tmp_path / "kubeconfig", user="somebody")


def test_definitions_come_and_go(disposable: StartedKubernetes):
    path = "/apis/security.istio.io/v1/authorizationpolicies"
    assert disposable.admin.send("GET", path).code == 404
    disposable.install_custom_resources("security.istio.io")
    assert disposable.admin.send("GET", path).code == 200
    disposable.install_custom_resources("security.istio.io")
    disposable.uninstall_custom_resources("security.istio.io")
    assert disposable.admin.send("GET", path).code == 404


def test_nothing_runs_on_after_end(disposable: StartedKubernetes):
    before = children(os.getpid())
    with StartedKubernetes() as kubernetes:
        started = children(os.getpid()) - before
        assert len(started) == 2
        assert kubernetes.admin.send("GET", "/readyz").code == 200
    assert not any(runs(one) for one in started)


def test_nothing_runs_on_when_start_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    build(ETCD)
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho it is broken\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    before = children(os.getpid())
    with pytest.raises(ControlPlaneError, match="it is broken"), StartedKubernetes():
        pass
    assert children(os.getpid()) == before


MISSING = rf"^not built yet: {KUBE_CONTROLLER_MANAGER.name}, {ISTIOD.name}\."


def test_programs_that_are_given_are_not_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assets = tmp_path / "assets"
    assets.mkdir()
    for program in build(ETCD, KUBE_APISERVER):
        (assets / program.name).symlink_to(program)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(NotAvailableError, match=MISSING), started_control_plane():
        pass
    with StartedKubernetes() as kubernetes:
        assert kubernetes.admin.send("GET", "/readyz").code == 200
    assert not (tmp_path / "cache").exists()


@dataclass(frozen=True)
class Holder:
    """A process in a group of its own that starts a control plane, with a folder for what is temporary."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def folders(self) -> list[Path]:
        return list(self.folder.iterdir())

    def wait_for_children(self, number: int) -> set[int]:
        wait_until(lambda: len(children(self.process.pid)) == number or self.process.poll() is not None)
        return children(self.process.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; for Ctrl-C, as a terminal does, also to the programs that it has started."""
        if number is signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        self.process.wait(timeout=120)


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[..., Holder]]:
    """Runs a command that starts a control plane."""
    build(ETCD, KUBE_APISERVER, ISTIOD)
    started: list[subprocess.Popen[bytes]] = []

    def run(*command: str) -> Holder:
        folder = tmp_path / "temporary"
        folder.mkdir()
        process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(folder)},
            start_new_session=True,
            # Where the tests run in the background, they ignore Ctrl-C, and so would their children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return Holder(process, folder)

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_process_that_started_them(
    hold: Callable[..., Holder], number: signal.Signals
):
    holder = hold("-c", textwrap.dedent(HELD_BY_THE_TEST))
    assert holder.process.stdout is not None
    assert holder.process.stdout.readline().startswith(b"https://127.0.0.1:")
    started = children(holder.process.pid)
    assert len(started) == 2
    holder.signal(number)
    wait_until(lambda: not any(map(runs, started)))
    # A killed process cannot clean up: the next one does.
    assert [folder.name.split("-")[2] for folder in holder.folders] == (
        [] if number is signal.SIGINT else ["kubernetes"]
    )


def test_nothing_is_left_when_start_is_interrupted(hold: Callable[..., Holder]):
    holder = hold("-c", textwrap.dedent(HELD_BY_THE_TEST))
    (etcd,) = holder.wait_for_children(1)
    holder.signal(signal.SIGINT)
    assert not runs(etcd)
    assert holder.folders == []


def test_nothing_is_left_when_tests_are_interrupted(hold: Callable[..., Holder]):
    tests = "tests/cluster/test_istiod.py"
    holder = hold("-m", "pytest", "-q", "-p", "no:cacheprovider", tests)
    started = holder.wait_for_children(3)
    assert len(started) == 3
    holder.signal(signal.SIGINT)
    assert not any(map(runs, started))
    assert [folder for folder in holder.folders if not folder.name.startswith("pytest-of-")] == []


GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways"
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
OF_WAYPOINTS = "?labelSelector=gateway.networking.k8s.io/gateway-name%3Dtaken"


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    assert condition()


def autoscaler(replicas: int) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "taken"}
    spec = {"scaleTargetRef": target, "minReplicas": replicas, "maxReplicas": replicas}
    return {"metadata": {"name": "taken"}, "spec": spec}


def test_istiod_deploys_waypoint_which_comes_and_goes(kubernetes: RealKubernetes, istiod: Istiod):
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
        conditions = admin.must("GET", f"{GATEWAYS}/taken").get("status", {}).get("conditions", [])
        return any(one["type"] == condition and one["status"] == status for one in conditions)

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
