"""A hook never waits for Kubernetes longer than its deadline."""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace

from k8s_charm import Deadline, kubernetes_client, kubernetes_errors
from sandbox.kubernetes import KubernetesServer
from tests.support.faulty_server import FaultyServer


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    with KubernetesServer() as kubernetes, FaultyServer(kubernetes.url) as faulty:
        monkeypatch.setenv("KUBECONFIG", str(faulty.write_kubeconfig(tmp_path / "faulty")))
        yield faulty


def client(seconds: float) -> Client:
    return kubernetes_client("m", "web", Deadline(seconds))


def waited(seconds: float) -> float:
    """Measure the wait of a hook without an answer, with this number of seconds until its deadline."""
    started = time.monotonic()
    late = client(seconds)
    with pytest.raises(kubernetes_errors()):
        late.get(Namespace, "default")
    return time.monotonic() - started


def test_while_there_is_time_requests_are_answered(faulty: FaultyServer):
    assert client(5).get(Namespace, "default").metadata
    assert len(list(client(5).list(Namespace))) > 1


def test_hook_writes_no_longer_than_juju_keeps_its_leader():
    """For 30 seconds after `is-leader` is true, no other unit leads; a charm asks after its deadline has
    begun.
    """
    assert Deadline().seconds(math.inf) < 30


def test_missing_answer_ends_at_deadline(faulty: FaultyServer):
    faulty.plan = lambda *_: "hang"
    assert 0.2 <= waited(0.2) < 10


def test_slow_answer_ends_at_deadline(faulty: FaultyServer):
    faulty.plan, faulty.slowness = lambda *_: "drip", 0.05
    assert 0.2 <= waited(0.2) < 10


def test_no_request_after_the_deadline(faulty: FaultyServer):
    assert waited(0.0) < 10
    assert faulty.seen == []


def test_lost_connection_is_retried_once(faulty: FaultyServer):
    faulty.plan = lambda *_: "hang up" if len(faulty.seen) == 1 else None
    assert client(5).get(Namespace, "default").metadata
    assert faulty.seen == ["GET"] * 2


def test_connection_lost_twice_is_a_failure(faulty: FaultyServer):
    faulty.plan = lambda *_: "hang up"
    with pytest.raises(kubernetes_errors()):
        client(5).patch(Namespace, "default", {"metadata": {"labels": {"a": "b"}}})
    assert faulty.seen == ["PATCH"] * 2


@pytest.mark.parametrize("create", [Client.create, Client.apply])
def test_what_creates_is_not_done_twice(
    faulty: FaultyServer, create: Callable[[Client, Namespace], Namespace]
):
    faulty.plan = lambda *_: "hang up after"
    with pytest.raises(kubernetes_errors()):
        create(client(5), Namespace(apiVersion="v1", kind="Namespace", metadata=ObjectMeta(name="n")))
    assert len(faulty.seen) == 1


def test_time_left_is_shared(monkeypatch: pytest.MonkeyPatch):
    now = 100.0
    monkeypatch.setattr("k8s_charm._deadline.time.monotonic", lambda: now)
    deadline = Deadline(10)
    assert deadline.seconds(at_most=3) == 3
    now = 108.0
    assert deadline.seconds(at_most=3) == 2
    assert not deadline.is_over
    now = 110.0
    assert deadline.seconds(at_most=3) == 0
    assert deadline.is_over


def test_list_which_is_long_in_making_is_waited_for_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("k8s_charm._client._SECONDS_TO_ANSWER", 0.2)
    with KubernetesServer(latency=0.4) as slow:
        monkeypatch.setenv("KUBECONFIG", str(slow.write_kubeconfig(tmp_path / "slow")))
        patient = kubernetes_client("m", "web")
        assert list(patient.list(Namespace, labels={"app": "none"})) == []
        with pytest.raises(kubernetes_errors()):
            patient.get(Namespace, "default")
