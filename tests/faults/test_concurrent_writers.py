"""Other writers at the same time, and new leaders."""

import multiprocessing
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.faults.changing_charm import ChangingCharm
from tests.faults.cluster import facts
from tests.faults.worlds import BEACON, COORDINATOR, VARIANTS, WORLDS, Variant, World

LIBERAL = 40

Edit = Callable[[KubernetesServer], None]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "shift" in metafunc.fixturenames:
        thorough = metafunc.config.getoption("thorough")
        metafunc.parametrize("shift", range(len(EDITS) if thorough else 1))


def dies_after(writes: int) -> Callable[[str, str], str | None]:
    """Pass on this number of writes, and none of the later requests."""
    left = writes

    def plan(method: str, _: str) -> str | None:
        nonlocal left
        left -= method != "GET" or left <= 0
        return "hang up" if left < 0 else None

    return plan


def test_new_leader_finishes_after_dead_one(changing: ChangingCharm):
    for writes in range(LIBERAL):
        made = 0
        for _ in VARIANTS:
            changing.change_state()
            changing.hook(dies_after(writes))
            made = max(made, sum(method != "GET" for method in changing.faulty.seen))
            changing.check_no_other_is_allowed()
            changing.check_recovered(unit=1)
        if made <= writes:
            return
    raise AssertionError(f"more than {LIBERAL} writes")


def lead(number: int, variant: Variant, kubeconfig: str) -> str:
    """Run a hook of a leader in a process of its own; return the name of its status."""
    world = WORLDS[number]
    host = f"{world.app}-1.{world.app}-endpoints.m.svc.cluster.local"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", kubeconfig)
        patch.setattr(socket, "getfqdn", lambda *_: host)
        return world.hook(variant, unit=1).unit_status.name


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("world", [BEACON, COORDINATOR], ids=str)
def test_two_leaders_do_not_conflict(
    start: Callable[[World], ChangingCharm], world: World, elsewhere: ProcessPoolExecutor, tmp_path: Path
):
    """The new leader is paused at each of its requests until the old one has finished its hook."""
    changing = start(world)
    direct = str(tmp_path / "direct")
    for position in range(LIBERAL):
        stale = changing.variant
        changing.change_state()
        reached, resume = threading.Event(), threading.Event()

        def hold(*_: str, position: int = position, reached=reached, resume=resume) -> None:
            if changing.requests == position + 1:
                reached.set()
                resume.wait(10)

        changing.faulty.seen.clear()
        changing.faulty.plan = hold
        faulty = str(tmp_path / "faulty")
        new = elsewhere.submit(lead, WORLDS.index(world), changing.variant, faulty)
        new.add_done_callback(lambda _, reached=reached: reached.set())
        assert reached.wait(60)
        finished = new.done()
        if not finished:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("KUBECONFIG", direct)
                world.hook(stale)
        resume.set()
        assert new.result(60) in ("active", "waiting", "blocked")
        changing.check_no_other_is_allowed()
        changing.hook()
        unlike = facts(changing.kubernetes) ^ changing.desired[changing.variant]
        assert not unlike, (position, unlike)
        assert not changing.missed
        if finished:
            return
    raise AssertionError(f"more than {LIBERAL} requests")


def delete_a_policy(kubernetes: KubernetesServer) -> None:
    for policy in kubernetes.store.objects("AuthorizationPolicy")[:1]:
        kubernetes.store.delete("AuthorizationPolicy", "m", policy["metadata"]["name"])


def delete_all_that_is_custom(kubernetes: KubernetesServer) -> None:
    for kind in ("AuthorizationPolicy", "Gateway", "HorizontalPodAutoscaler"):
        kubernetes.store.delete_collection(kind, "m")


def open_a_policy_for_all(kubernetes: KubernetesServer) -> None:
    for policy in kubernetes.store.objects("AuthorizationPolicy")[:1]:
        change(kubernetes, "AuthorizationPolicy", policy["metadata"]["name"], {"spec": {"rules": [{}]}})


def take_the_labels_away(kubernetes: KubernetesServer) -> None:
    for stateful_set in kubernetes.store.objects("StatefulSet", "m"):
        name = stateful_set["metadata"]["name"]
        own = {"labels": {"app.kubernetes.io/name": name}}
        change(kubernetes, "StatefulSet", name, {"spec": {"template": {"metadata": own}}})


def change(kubernetes: KubernetesServer, kind: str, name: str, fields: dict[str, Any]) -> None:
    def merged(old: Any, new: dict[str, Any]) -> Any:
        inner = {
            key: merged(old.get(key, {}), value) if isinstance(value, dict) and key != "labels" else value
            for key, value in new.items()
        }
        return {**old, **inner}

    kubernetes.store.patch(kind, "m", name, lambda object_: merged(object_, fields))


EDITS: tuple[Edit, ...] = (
    delete_a_policy,
    delete_all_that_is_custom,
    open_a_policy_for_all,
    take_the_labels_away,
)


def test_edit_during_hook_is_corrected_by_the_next(
    changing: ChangingCharm, kubernetes: KubernetesServer, shift: int
):
    for position in range(LIBERAL):
        edit = EDITS[(position + shift) % len(EDITS)]
        changing.change_state()
        changing.allow_losses()

        def edit_meanwhile(*_: str, position: int = position, edit: Edit = edit) -> None:
            if changing.requests == position + 1:
                edit(kubernetes)

        changing.hook(edit_meanwhile)
        if changing.requests <= position:
            return
        changing.hook()
        assert changing.is_as_desired
        changing.check_recovered()  # Istio has reconciled it as well by now
    raise AssertionError(f"more than {LIBERAL} requests")
