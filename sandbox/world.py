"""A Juju controller with its Kubernetes: the sandbox's own, a real one, or that of KUBECONFIG."""

import contextlib
import itertools
import secrets
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .control_plane import named_kubeconfig, started_control_plane
from .enforcement import DataPlane, enforce
from .flows import Flow, actual_flows, actual_pods, expected_flows, expected_pods
from .juju import Controller, DebugLogLine, Model
from .kubernetes import KubernetesServer

if TYPE_CHECKING:
    from lightkube import Client

_PATIENCE = 60.0


@dataclass
class World:
    """The models of one run, and the cluster that they are in."""

    controller: Controller
    client: "Client"
    """May do everything in the cluster."""
    place: str
    """Where the cluster is, in words."""
    patience: float = 0
    """Seconds that the cluster's own controllers have to catch up."""
    suffix: str = ""
    """Suffix of the names of models, which keeps them apart from others in the same cluster."""
    flows: set[Flow] = field(default_factory=set[Flow])
    """Requests that policies allow, as of the last look."""
    pods: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    """The waypoint of each pod, as of the last look."""
    enforcement: DataPlane | None = None
    """Runs the units' processes behind real proxies; None: nothing runs, and nothing is enforced."""

    @property
    def models(self) -> list[Model]:
        """All models."""
        return list(self.controller.models.values())

    def model(self, name: str) -> Model:
        """The model of that name, added if there is none."""
        return self.controller.models.get(name + self.suffix) or self.controller.add_model(name + self.suffix)

    def look(self) -> None:
        """Return the present flows in Kubernetes."""
        namespaces = [model.name for model in self.models]
        self.flows = actual_flows(self.client, namespaces)
        self.pods = actual_pods(self.client, namespaces)

    def settle(self) -> list[str]:
        """Give all units their events, and compare Kubernetes with what the relations require.

        Returns:
            The differences, in words.

        Raises:
            NotSettledError: if a charm does not come to rest.
        """
        patient_until = time.monotonic() + self.patience
        while True:
            self.controller.settle()
            self._look_at_processes()
            self.look()
            problems = self._problems()
            if not problems or time.monotonic() >= patient_until:
                return problems
            time.sleep(1)
            for model in self.models:
                model.update_status()

    def _look_at_processes(self) -> None:
        """Report the state of their processes to the charms; waiting charms get another event."""
        if not self.enforcement:
            return
        self.enforcement.look(self.models)
        for model in self.models:
            waiting = {unit.application.name for unit in model.units if unit.workload_status[0] == "waiting"}
            if waiting:
                model.update_status(*waiting)
        self.controller.settle()

    def _problems(self) -> list[str]:
        wanted_flows, wanted_pods = expected_flows(self.models), expected_pods(self.models)
        units = list(itertools.chain.from_iterable(model.units for model in self.models))
        return [
            *(f"{unit.name} is in error\n{unit.error.traceback}" for unit in units if unit.error),
            *(f"denied despite a relation: {flow}" for flow in sorted(wanted_flows - self.flows)),
            *(f"allowed without a relation: {flow}" for flow in sorted(self.flows - wanted_flows)),
            *(
                f"pod {pod} should be {_place(wanted_pods.get(pod))}, but is {_place(self.pods.get(pod))}"
                for pod in sorted(wanted_pods.keys() | self.pods.keys())
                if wanted_pods.get(pod) != self.pods.get(pod)
            ),
        ]


@contextlib.contextmanager
def open_world(
    on_log: Callable[[DebugLogLine], None] | None = None,
    *,
    enforcing: bool = False,
    hardened: bool = True,
    real: bool = False,
    juju: int = 3,
) -> Generator[World]:
    """Open a world, which ends with the context.

    Args:
        on_log: called with each line of the models' log.
        enforcing: run the units' processes behind real proxies; not in the cluster of KUBECONFIG.
        hardened: if enforcing, deny everything that no policy allows.
        real: start a real API server and a real istiod, whatever KUBECONFIG names.
        juju: the major version of Juju, as `Controller` takes it.

    Raises:
        NotAvailableError: if these are requested, and a part of them is not on this machine.
    """
    from lightkube import Client, KubeConfig

    theirs = named_kubeconfig()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-")))
        kubernetes: KubernetesServer | Path
        if real:
            place, patience, suffix = "a real API server and a real istiod on this machine", _PATIENCE, ""
            control_plane = stack.enter_context(started_control_plane())
            kubernetes = kubeconfig = control_plane.write_kubeconfig(directory / "kubeconfig")
        elif theirs:
            place, patience, suffix = f"the cluster of {theirs}", _PATIENCE, f"-{secrets.token_hex(2)}"
            kubernetes = kubeconfig = theirs
            enforcing = False
        else:
            place, patience, suffix = "in memory, on this machine", 0.0, ""
            kubernetes = stack.enter_context(KubernetesServer())
            kubeconfig = kubernetes.write_kubeconfig(directory / "kubeconfig")
        client = Client(KubeConfig.from_file(str(kubeconfig)), trust_env=False)
        enforcement = processes = None
        if enforcing:
            enforcement = stack.enter_context(enforce(client, directory, hardened=hardened))
            processes = enforcement.processes
        controller = stack.enter_context(
            Controller(
                kubernetes,
                workload=processes,
                on_log=on_log,
                hosts=processes.hosts if processes else None,
                juju=juju,
            )
        )
        yield World(controller, client, place, patience, suffix, enforcement=enforcement)


def _place(waypoint: str | None) -> str:
    return f"in the mesh behind {waypoint}" if waypoint else "outside the mesh"
