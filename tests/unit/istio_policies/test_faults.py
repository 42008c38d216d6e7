"""An API server that answers badly, late or not at all."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig

from charmlibs.interfaces.service_mesh import MeshPolicy
from istio_policies import PolicyRequestFrom
from k8s_charm import ReconcileResult
from sandbox.kubernetes import KubernetesServer
from tests.support.faulty_server import FaultyServer
from tests.support.policies import LABELS, OWNER, policy
from tests.support.reconciling import reconcile_policies

FAULTS = [409, 429, 500, 503, "hang up", "not json", "no type", "nonsense"]


@pytest.fixture
def faulty(kubernetes: KubernetesServer) -> Iterator[FaultyServer]:
    with FaultyServer(kubernetes.url) as server:
        yield server


@pytest.fixture
def client(faulty: FaultyServer, tmp_path: Path) -> Client:
    config = KubeConfig.from_file(faulty.write_kubeconfig(tmp_path / "faulty"))
    return Client(config, field_manager="beacon")  # type: ignore[arg-type]


def hook(client: Client, policies: list[MeshPolicy], **options) -> ReconcileResult:
    return reconcile_policies(
        client, [PolicyRequestFrom(each) for each in policies], labels=LABELS, owner=OWNER, **options
    )


def ports(kubernetes: KubernetesServer) -> list[int]:
    objects = kubernetes.store.objects("AuthorizationPolicy")
    return sorted(int(each["spec"]["rules"][0]["to"][0]["operation"]["ports"][0]) for each in objects)


@pytest.mark.parametrize("fault", [409, "hang up", "nonsense"])
@pytest.mark.parametrize("position", range(6))
def test_next_hook_recovers_from_a_fault_at_any_request(
    client: Client, kubernetes: KubernetesServer, faulty: FaultyServer, fault: int | str, position: int
):
    hook(client, [policy(1), policy(2), policy(3), policy(4, source_app_name="till")])
    wanted = [policy(2), policy(5), policy(6, source_app_name="till"), policy(7, source_app_name="desk")]
    faulty.seen.clear()
    faulty.plan = lambda *_: fault if len(faulty.seen) == position + 1 else None
    result = hook(client, wanted)
    assert 2 in ports(kubernetes)
    # After the list, a GET is for the Service that owns the policies: they are written without it as well.
    is_for_service = position > 0 and faulty.seen[position:][:1] == ["GET"]
    if (
        faulty.seen[position:]
        and not is_for_service
        and (fault, faulty.seen[position]) != ("nonsense", "DELETE")
    ):
        assert result.failed
    faulty.plan = lambda *_: None
    assert not hook(client, wanted).failed
    assert ports(kubernetes) == [2, 5, 6, 7]


@pytest.mark.parametrize("seed", range(5))
def test_faults_everywhere_end_no_hook(
    client: Client, kubernetes: KubernetesServer, faulty: FaultyServer, seed: int
):
    rng = random.Random(seed)
    hook(client, [policy(port) for port in range(1, 20)])
    wanted = [policy(port) for port in range(10, 30)]
    faulty.plan = lambda *_: rng.choice(FAULTS) if rng.random() < 0.5 else None
    for _ in range(3):
        hook(client, wanted)
        assert set(range(10, 20)) <= set(ports(kubernetes))
    faulty.plan = lambda *_: None
    assert not hook(client, wanted).failed
    assert ports(kubernetes) == list(range(10, 30))


@pytest.mark.parametrize(
    ("fault", "code"),
    [(429, 429), (503, 503), ("hang up", None), ("not json", 502), ("no type", 503), ("nonsense", None)],
)
def test_failure_has_the_code_of_the_answer(
    client: Client, faulty: FaultyServer, fault: int | str, code: int | None
):
    faulty.plan = lambda *_: fault
    (failure,) = hook(client, [policy(1)]).failed
    assert (failure.verb, failure.code) == ("list", code)
    assert failure.reason


def test_nothing_is_written_of_what_could_not_be_listed(
    client: Client, kubernetes: KubernetesServer, faulty: FaultyServer
):
    hook(client, [policy(1)])
    faulty.seen.clear()
    faulty.plan = lambda method, _: 500 if method == "GET" else None
    hook(client, [policy(2)])
    assert faulty.seen == ["GET"]
    assert ports(kubernetes) == [1]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_server_that_hangs_is_left_when_the_time_is_over(
    client: Client, faulty: FaultyServer, kubernetes: KubernetesServer, method: str
):
    of_till = [policy(port, source_app_name="till") for port in range(101, 113)]
    hook(client, [policy(port) for port in range(1, 13)] + of_till)
    faulty.plan = lambda seen, _: "hang" if seen == method else None
    started = time.monotonic()
    result = hook(client, [policy(port) for port in range(10, 22)], seconds=1.2)
    assert time.monotonic() - started < 20
    assert {failure.code for failure in result.failed} == {None}
    reasons = Counter(failure.reason for failure in result.failed)
    if method != "GET":
        assert reasons["no answer in time"] == 8
        assert reasons["not sent: the hook's time was over"] == len(result.failed) - 8
    assert {10, 11, 12} <= set(ports(kubernetes))


def test_slow_server_gets_no_more_requests_than_it_can_answer(client: Client, kubernetes: KubernetesServer):
    kubernetes.latency = 0.15
    try:
        result = hook(client, [policy(port) for port in range(1, 101)], seconds=1.6)
    finally:
        kubernetes.latency = 0
    assert {failure.reason for failure in result.failed} == {"not sent: the hook's time was over"}
    assert len(result.created) == len(ports(kubernetes)) > 0
    assert not hook(client, [policy(port) for port in range(1, 101)]).failed


def test_many_policies_of_one_application_delay_no_other(client: Client, kubernetes: KubernetesServer):
    def ask_for(hook_number: int, *others: PolicyRequestFrom) -> None:
        greedy = [policy(1, source_app_name=f"s{hook_number}-{number}") for number in range(300)]
        reconcile_policies(
            client,
            [*(PolicyRequestFrom(each, ["a-greedy"]) for each in greedy), *others],
            labels=LABELS,
            owner=OWNER,
            seconds=1.2,
        )

    taken_back, new = policy(7001, source_app_name="till"), policy(7002, source_app_name="cart")
    reconcile_policies(client, [PolicyRequestFrom(taken_back, ["z-modest"])], labels=LABELS, owner=OWNER)
    kubernetes.latency = 0.05
    try:
        for number in range(20):
            ask_for(number, PolicyRequestFrom(new, ["z-modest"]))
            if 7001 not in ports(kubernetes) and 7002 in ports(kubernetes):
                break
    finally:
        kubernetes.latency = 0
    assert 7001 not in ports(kubernetes)
    assert 7002 in ports(kubernetes)


def test_an_api_that_is_not_there_is_a_failure_like_any_other(tmp_path: Path, kubernetes: KubernetesServer):
    with FaultyServer(kubernetes.url) as gone:
        config = KubeConfig.from_file(gone.write_kubeconfig(tmp_path / "gone"))
    client = Client(config, field_manager="beacon")  # type: ignore[arg-type]
    (failure,) = hook(client, [policy(1)]).failed
    assert failure.code is None
    assert "no answer from Kubernetes" in failure.reason


def test_error_of_the_server_is_one_short_line(client: Client):
    long = policy(1, target_service="x" * 5000)
    (failure,) = hook(client, [long]).failed
    assert failure.code == 422
    assert len(failure.reason) < 300
    assert "\n" not in failure.reason
