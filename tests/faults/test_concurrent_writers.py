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
from tests.faults.changing_charm import Swing
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


def test_new_leader_finishes_after_dead_one(swing: Swing):
    for writes in range(LIBERAL):
        made = 0
        for _ in VARIANTS:
            swing.turn()
            swing.hook(dies_after(writes))
            made = max(made, sum(method != "GET" for method in swing.faulty.seen))
            swing.check_nobody_unwanted_was_let_in()
            swing.check_healed(unit=1)
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
    start: Callable[[World], Swing], world: World, elsewhere: ProcessPoolExecutor, tmp_path: Path
):
    """The new leader is paused at each of its requests until the old one has finished its hook."""
    swing = start(world)
    direct = str(tmp_path / "direct")
    for position in range(LIBERAL):
        stale = swing.variant
        swing.turn()
        reached, resume = threading.Event(), threading.Event()

        def hold(*_: str, position: int = position, reached=reached, resume=resume) -> None:
            if swing.requests == position + 1:
                reached.set()
                resume.wait(10)

        swing.faulty.seen.clear()
        swing.faulty.plan = hold
        faulty = str(tmp_path / "faulty")
        new = elsewhere.submit(lead, WORLDS.index(world), swing.variant, faulty)
        new.add_done_callback(lambda _, reached=reached: reached.set())
        assert reached.wait(60)
        finished = new.done()
        if not finished:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("KUBECONFIG", direct)
                world.hook(stale)
        resume.set()
        assert new.result(60) in ("active", "waiting", "blocked")
        swing.check_nobody_unwanted_was_let_in()
        swing.hook()
        unlike = facts(swing.kubernetes) ^ swing.right[swing.variant]
        assert not unlike, (position, unlike)
        assert not swing.missed
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


def test_edit_during_hook_is_corrected_by_the_next(swing: Swing, kubernetes: KubernetesServer, shift: int):
    for position in range(LIBERAL):
        edit = EDITS[(position + shift) % len(EDITS)]
        swing.turn()
        swing.must_stay_no_more()

        def meddle(*_: str, position: int = position, edit: Edit = edit) -> None:
            if swing.requests == position + 1:
                edit(kubernetes)

        swing.hook(meddle)
        if swing.requests <= position:
            return
        swing.hook()
        assert swing.is_right
        swing.check_healed()  # Istio has reconciled it as well by now
    raise AssertionError(f"more than {LIBERAL} requests")
