"""A charm that is made to want one thing, then another, and back, each time under other circumstances."""

from collections.abc import Callable

import ops
from ops import testing

from sandbox.kubernetes import KubernetesServer, Writer
from tests.faults.cluster import Fact, Watcher, allowed, facts
from tests.faults.roles import role
from tests.faults.worlds import VARIANTS, Variant, World
from tests.support.faulty_server import FaultyServer

Plan = Callable[[str, str], int | str | None]


class Swing:
    """One charm, its cluster, and what is to be so for each of its variants.

    All that it does in Kubernetes is held against its role from the start.
    """

    def __init__(self, world: World, kubernetes: KubernetesServer, faulty: FaultyServer):
        self.world = world
        self.kubernetes = kubernetes
        self.faulty = faulty
        faulty.granted = role(world.role)
        self.variant: Variant = "one"
        self.right: dict[Variant, frozenset[Fact]] = {}
        """What is in Kubernetes when all is as requested."""
        self.well: dict[Variant, ops.StatusBase] = {}
        """The unit's status then."""
        for variant in (*VARIANTS, "one"):
            self.turn_to(variant)
            self.well[variant] = self.hook().unit_status
            self.right[variant] = facts(kubernetes)
        assert self.right["one"] != self.right["other"]
        self._watcher = Watcher(kubernetes)

    def turn_to(self, variant: Variant) -> None:
        """Let the charm want this, which it learns in its next hook."""
        self.variant = variant

    def turn(self) -> None:
        """Let the charm want the other thing; what both variants have in common must stay from now on."""
        self._watcher.must_stay = self.right["one"] & self.right["other"]
        self.turn_to("other" if self.variant == "one" else "one")

    def must_stay_no_more(self) -> None:
        """Let anything go missing from now on, until the next turn."""
        self._watcher.must_stay = frozenset()

    def hook(
        self, plan: Plan = lambda *_: None, unit: int = 0, after: testing.State | None = None
    ) -> testing.State:
        """Run a hook during which requests are answered by this plan, after another one or as the first."""
        return self._under(plan, lambda: self.world.hook(self.variant, unit, after))

    def end(self, plan: Plan = lambda *_: None) -> testing.State:
        """Run the hook in which the charm takes back what it has done, as above."""
        return self._under(plan, self.world.end)

    def _under(self, plan: Plan, run: Callable[[], testing.State]) -> testing.State:
        self._run_pods()
        self.faulty.seen.clear()
        self.faulty.plan = plan
        try:
            state = run()
        finally:
            self.faulty.plan = lambda *_: None
        assert state.deferred == []
        return state

    def _run_pods(self) -> None:
        """Do what a kubelet does: pods that a hook finds are Ready."""
        store, ready = self.kubernetes.store, {"conditions": [{"type": "Ready", "status": "True"}]}
        for pod in store.objects("Pod", "m"):
            name, kubelet = pod["metadata"]["name"], Writer("kubelet", "Update", "v1", "status")
            store.patch("Pod", "m", name, lambda obj: obj | {"status": ready}, writer=kubelet)

    def hook_with(self, fault: int | str, position: int) -> testing.State:
        """Run a hook in which this happens to the request of this number, from 0, and if it is made again."""
        struck: tuple[str, str] | None = None

        def plan(method: str, path: str) -> int | str | None:
            nonlocal struck
            if self.requests == position + 1:
                struck = method, path
            return fault if (method, path) == struck else None

        return self.hook(plan)

    @property
    def requests(self) -> int:
        """Return the number of requests of the last hook."""
        return len(self.faulty.seen)

    @property
    def missed(self) -> set[Fact]:
        """Return what was missing for a moment, though wanted before and after."""
        return self._watcher.missed

    @property
    def is_right(self) -> bool:
        """Return whether everything is as requested."""
        return facts(self.kubernetes) == self.right[self.variant]

    def check_reported(self, state: testing.State) -> None:
        """Check that all that is not as requested is reported."""
        if not self.is_right:
            assert state.unit_status.name in ("waiting", "blocked"), state.unit_status
            assert state.unit_status.message

    def check_healed(self, unit: int = 0, after: testing.State | None = None) -> None:
        """After all is well again, one hook makes things right, without a moment in which they were worse."""
        state = self.hook(unit=unit, after=after)
        unlike = facts(self.kubernetes) ^ self.right[self.variant]
        assert not unlike, unlike
        # What it says beyond that hangs on how far Istio is by now.
        assert state.unit_status.name == self.well[self.variant].name, state.unit_status
        assert not self.missed

    def check_nobody_unwanted_was_let_in(self) -> None:
        """Nothing is allowed that neither variant allows."""
        wanted = self.right["one"] | self.right["other"]
        assert allowed(self.kubernetes) <= wanted

    def close(self) -> None:
        """Look at the cluster no longer."""
        self._watcher.stop()
