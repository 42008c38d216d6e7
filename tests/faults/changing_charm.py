"""A charm whose desired state changes to another one and back, each time under other circumstances."""

from collections.abc import Callable

import ops
from ops import testing

from sandbox.kubernetes import KubernetesServer, Writer
from tests.faults.cluster import Fact, Watcher, allowed, facts
from tests.faults.roles import role
from tests.faults.worlds import VARIANTS, Variant, World
from tests.support.faulty_server import FaultyServer

Plan = Callable[[str, str], int | str | None]


class ChangingCharm:
    """One charm, its cluster, and the desired facts of each of its variants.

    All its requests to Kubernetes are compared with its role from the start.
    """

    def __init__(self, world: World, kubernetes: KubernetesServer, faulty: FaultyServer):
        self.world = world
        self.kubernetes = kubernetes
        self.faulty = faulty
        faulty.granted = role(world.role)
        self.variant: Variant = "one"
        self.desired: dict[Variant, frozenset[Fact]] = {}
        """Variant → the facts in Kubernetes in its desired state."""
        self.statuses: dict[Variant, ops.StatusBase] = {}
        """Variant → the unit's status in its desired state."""
        for variant in (*VARIANTS, "one"):
            self.select(variant)
            self.statuses[variant] = self.hook().unit_status
            self.desired[variant] = facts(kubernetes)
        assert self.desired["one"] != self.desired["other"]
        self._watcher = Watcher(kubernetes)

    def select(self, variant: Variant) -> None:
        """Make this the desired variant, from the next hook on."""
        self.variant = variant

    def change_state(self) -> None:
        """Make the other variant the desired one; from now on, facts that both have in common must stay."""
        self._watcher.must_stay = self.desired["one"] & self.desired["other"]
        self.select("other" if self.variant == "one" else "one")

    def allow_losses(self) -> None:
        """Allow any fact to disappear from now on, until the next change."""
        self._watcher.must_stay = frozenset()

    def hook(
        self, plan: Plan = lambda *_: None, unit: int = 0, after: testing.State | None = None
    ) -> testing.State:
        """Run a hook whose requests are answered by this plan, after another hook or as the first."""
        return self._under(plan, lambda: self.world.hook(self.variant, unit, after))

    def end(self, plan: Plan = lambda *_: None) -> testing.State:
        """Run the hook in which the charm removes its objects, likewise."""
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
        """Make the pods that a hook finds Ready, as a kubelet does."""
        store, ready = self.kubernetes.store, {"conditions": [{"type": "Ready", "status": "True"}]}
        for pod in store.objects("Pod", "m"):
            name, kubelet = pod["metadata"]["name"], Writer("kubelet", "Update", "v1", "status")
            store.patch("Pod", "m", name, lambda obj: obj | {"status": ready}, writer=kubelet)

    def hook_with(self, fault: int | str, position: int) -> testing.State:
        """Run a hook with this fault at the request with this number, from 0, and at its repetitions."""
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
        """Return the facts that were missing for a moment, though desired before and after."""
        return self._watcher.missed

    @property
    def is_as_desired(self) -> bool:
        """Return whether everything is as requested."""
        return facts(self.kubernetes) == self.desired[self.variant]

    def check_reported(self, state: testing.State) -> None:
        """Check that every difference from the desired state is reported."""
        if not self.is_as_desired:
            assert state.unit_status.name in ("waiting", "blocked"), state.unit_status
            assert state.unit_status.message

    def check_recovered(self, unit: int = 0, after: testing.State | None = None) -> None:
        """Check that one hook without faults completes the desired state, and that nothing is worse in
        between.
        """
        state = self.hook(unit=unit, after=after)
        unlike = facts(self.kubernetes) ^ self.desired[self.variant]
        assert not unlike, unlike
        # The rest of the status depends on the state of Istio.
        assert state.unit_status.name == self.statuses[self.variant].name, state.unit_status
        assert not self.missed

    def check_no_other_is_allowed(self) -> None:
        """Check that nothing is allowed that neither variant allows."""
        desired = self.desired["one"] | self.desired["other"]
        assert allowed(self.kubernetes) <= desired

    def close(self) -> None:
        """Stop watching the cluster."""
        self._watcher.stop()
