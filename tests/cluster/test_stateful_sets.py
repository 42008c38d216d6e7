"""The stand-in's StatefulSets roll as those of the real kube-controller-manager do."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.control_plane import STATEFUL_SETS, ControllerManager, NotAvailableError, StartedKubernetes
from sandbox.kubernetes import KubernetesServer
from tests.support.kubernetes_api import STRATEGIC, Api, Namespace, stateful_set

pytestmark = pytest.mark.fidelity

NAME = "app"
READY = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
NOT_READY = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}}


@pytest.fixture(scope="module")
def apis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Api]]:
    """The stand-in and the real one."""
    folder = tmp_path_factory.mktemp("kubeconfigs")
    try:
        with (
            StartedKubernetes() as real,
            ControllerManager(real, STATEFUL_SETS),
            KubernetesServer() as stand_in,
        ):
            yield Api(stand_in.write_kubeconfig, "", folder), Api(real.write_kubeconfig, "", folder)
    except NotAvailableError as missing:
        pytest.skip(str(missing))


class Cluster:
    """One of the two, with a StatefulSet in it."""

    def __init__(self, api: Api, name: str, management: str):
        self.namespace = Namespace(api, api.connection(), name)
        self.namespace.connection.must("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        self.namespace.created(stateful_set(NAME, replicas=2, podManagementPolicy=management))
        self._revisions: list[str] = []
        self._uids: list[str] = []

    def step(self, action: str, argument: Any) -> None:
        """Change the StatefulSet or its pods once."""
        pods: list[str] = sorted(self._pods())
        match action:
            case "scale" | "partition" | "label":
                spec = {
                    "scale": {"replicas": argument},
                    "partition": {"updateStrategy": {"rollingUpdate": {"partition": argument}}},
                    "label": {"template": {"metadata": {"labels": {"mesh": argument}}}},
                }[action]
                self.namespace.patched("StatefulSet", NAME, {"spec": spec}, STRATEGIC)
            case "ready" | "unready":
                status = READY if action == "ready" else NOT_READY
                for name in pods:
                    self.namespace.patched("Pod", name, status, STRATEGIC, sub="/status")
            case "delete" if pods:
                name = pods[argument % len(pods)]
                self.namespace.connection.must("DELETE", self.namespace.path("Pod", name))
            case "adopt" if pods:
                newest = self._stateful_set()["status"]["updateRevision"]
                name = pods[argument % len(pods)]
                labels = {"controller-revision-hash": newest}
                self.namespace.patched("Pod", name, {"metadata": {"labels": labels}}, STRATEGIC)
            case _:
                pass

    def seen(self) -> object:
        """Wait until nothing changes any more; revisions and uids are numbered in the order of their
        creation.
        """
        last, since = self._state(), time.monotonic()
        while time.monotonic() < since + 0.4 or not last[0]:
            if (now := self._state()) != last:
                last, since = now, time.monotonic()
            time.sleep(0.05)
        _, status, pods = last
        for name in ("updateRevision", "currentRevision"):
            status[name] = _place(self._revisions, status[name])
        return status, {
            name: (_place(self._uids, uid), _place(self._revisions, revision), mesh)
            for name, (uid, revision, mesh) in pods.items()
        }

    def _state(self) -> tuple[bool, dict[str, Any], dict[str, tuple[str, str, str | None]]]:
        """Return whether the newest spec was observed, the status, and each pod's uid and labels."""
        found = self._stateful_set()
        status = found.get("status", {})
        is_seen = status.get("observedGeneration") == found["metadata"]["generation"]
        pods = {
            name: (
                pod["metadata"]["uid"],
                pod["metadata"]["labels"]["controller-revision-hash"],
                pod["metadata"]["labels"].get("mesh"),
            )
            for name, pod in sorted(self._pods().items())
        }
        return is_seen, status, pods

    def _stateful_set(self) -> dict[str, Any]:
        return self.namespace.get("StatefulSet", NAME)

    def _pods(self) -> dict[str, dict[str, Any]]:
        items = self.namespace.connection.must("GET", self.namespace.path("Pod"))["items"]
        return {pod["metadata"]["name"]: pod for pod in items}


def _place(known: list[str], name: str) -> int:
    if name not in known:
        known.append(name)
    return known.index(name)


def steps(seed: int) -> Iterator[tuple[str, Any]]:
    chosen = random.Random(seed)
    for _ in range(14):
        action = chosen.choice(
            [
                "scale",
                "partition",
                "label",
                "label",
                "ready",
                "ready",
                "ready",
                "unready",
                "delete",
                "adopt",
                "adopt",
            ]
        )
        argument: Any = chosen.randint(0, 3)
        yield action, str(argument % 3) if action == "label" else argument


def history(cluster: Cluster, seed: int) -> list[tuple[object, object]]:
    """Each step, and the state after it."""
    seen: list[tuple[object, object]] = [("create", cluster.seen())]
    for step in steps(seed):
        cluster.step(*step)
        seen.append((step, cluster.seen()))
    return seen


@pytest.mark.parametrize("management", ["Parallel", "OrderedReady"])
def test_both_do_the_same(apis: tuple[Api, Api], management: str):
    seeds = range(4)
    stand_ins, real_ones = (
        [Cluster(api, f"{management.lower()}-{seed}", management) for seed in seeds] for api in apis
    )
    # They spend most of the time waiting for controllers.
    with ThreadPoolExecutor() as threads:
        expected = threads.map(history, real_ones, seeds)
        assert list(threads.map(history, stand_ins, seeds)) == list(expected)
