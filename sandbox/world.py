"""A controller with its Kubernetes: the sandbox's own, or the one that KUBECONFIG names."""

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .enforcement import Enforcement, enforce
from .flows import Flow, actual_flows, actual_pods, expected_flows, expected_pods
from .juju import Controller, LogLine, Model, Unit
from .kubernetes import KubernetesServer

if TYPE_CHECKING:
    from lightkube import Client

_PATIENCE = 60
"""Seconds that another cluster's own controllers have to catch up."""


@dataclass
class World:
    """The models of one run, and the cluster that they are in."""

    controller: Controller
    client: "Client"
    """May do everything in the cluster."""
    server: KubernetesServer | None
    """The sandbox's own cluster; None where KUBECONFIG names another."""
    suffix: str = ""
    """What the names of models end in, for the sake of others in the same cluster."""
    flows: set[Flow] = field(default_factory=set[Flow])
    """What is let through, as of the last look."""
    pods: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    """The waypoint of each pod, as of the last look."""
    enforcement: Enforcement | None = None
    """Runs the units' processes behind real proxies; None: nothing runs, and nothing is enforced."""

    @property
    def models(self) -> list[Model]:
        """All models."""
        return list(self.controller.models.values())

    def model(self, name: str) -> Model:
        """The model of that name, added if there is none."""
        return self.controller.models.get(name + self.suffix) or self.controller.add_model(name + self.suffix)

    def look(self) -> None:
        """Look at what Kubernetes has now."""
        namespaces = [model.name for model in self.models]
        self.flows = actual_flows(self.client, namespaces)
        self.pods = actual_pods(self.client, namespaces)

    def settle(self) -> list[str]:
        """Give all units their events, and see whether all is as the relations ask for it.

        Returns:
            What is not, in words.

        Raises:
            NotSettledError: if a charm does not come to rest.
        """
        patient_until = time.monotonic() + (0 if self.server else _PATIENCE)
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
        """Tell the charms how their processes are; those that wait for them look again."""
        if not self.enforcement:
            return
        self.enforcement.look(self.models)
        for model in self.models:
            waiting = {
                unit.application.name for unit in _units(model) if unit.workload_status[0] == "waiting"
            }
            if waiting:
                model.update_status(*waiting)
        self.controller.settle()

    def _problems(self) -> list[str]:
        wanted_flows, wanted_pods = expected_flows(self.models), expected_pods(self.models)
        units = [unit for model in self.models for unit in _units(model)]
        return [
            *(f"{unit.name} is in error\n{unit.error.traceback}" for unit in units if unit.error),
            *(f"not let through, though asked for: {flow}" for flow in sorted(wanted_flows - self.flows)),
            *(f"let through, though not asked for: {flow}" for flow in sorted(self.flows - wanted_flows)),
            *(
                f"pod {pod} should be {_place(wanted_pods.get(pod))}, but is {_place(self.pods.get(pod))}"
                for pod in sorted(wanted_pods.keys() | self.pods.keys())
                if wanted_pods.get(pod) != self.pods.get(pod)
            ),
        ]


@contextlib.contextmanager
def open_world(
    on_log: Callable[[LogLine], None] | None = None, *, enforcing: bool = False, hardened: bool = True
) -> Generator[World]:
    """A world, which ends with the context, whatever happens in it.

    Args:
        on_log: called with each line of the models' log.
        enforcing: run the units' processes behind real proxies; for the sandbox's own cluster only.
        hardened: where that is so, refuse everything that no policy allows.
    """
    from lightkube import Client, KubeConfig

    with contextlib.ExitStack() as stack:
        if theirs := os.environ.get("KUBECONFIG"):
            kubeconfig = Path(theirs.split(os.pathsep)[0])
            controller = stack.enter_context(Controller(kubeconfig, on_log=on_log))
            client = Client(KubeConfig.from_file(str(kubeconfig)), trust_env=False)
            yield World(controller, client, None, f"-{secrets.token_hex(2)}")
            return
        server = stack.enter_context(KubernetesServer())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-")))
        kubeconfig = server.write_kubeconfig(directory / "kubeconfig")
        client = Client(KubeConfig.from_file(str(kubeconfig)), trust_env=False)
        if not enforcing:
            controller = stack.enter_context(Controller(server, on_log=on_log))
            yield World(controller, client, server)
            return
        enforcement = stack.enter_context(enforce(client, directory, hardened=hardened))
        processes = enforcement.processes
        controller = stack.enter_context(
            Controller(server, workload=processes, on_log=on_log, hosts=processes.hosts)
        )
        yield World(controller, client, server, enforcement=enforcement)


def _units(model: Model) -> list[Unit]:
    return [unit for application in model.applications.values() for unit in application.units]


def _place(waypoint: str | None) -> str:
    return f"in the mesh behind {waypoint}" if waypoint else "outside the mesh"
