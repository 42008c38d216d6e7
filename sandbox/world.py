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

from .flows import Flow, actual_flows, actual_pods, expected_flows, expected_pods
from .juju import Controller, LogLine, Model
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
            self.look()
            problems = self._problems()
            if not problems or time.monotonic() >= patient_until:
                return problems
            time.sleep(1)
            for model in self.models:
                model.update_status()

    def _problems(self) -> list[str]:
        wanted_flows, wanted_pods = expected_flows(self.models), expected_pods(self.models)
        units = [unit for model in self.models for app in model.applications.values() for unit in app.units]
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
def open_world(on_log: Callable[[LogLine], None] | None = None) -> Generator[World]:
    """A world, which ends with the context, whatever happens in it.

    Args:
        on_log: called with each line of the models' log.
    """
    from lightkube import Client, KubeConfig

    with contextlib.ExitStack() as stack:
        if theirs := os.environ.get("KUBECONFIG"):
            kubeconfig = Path(theirs.split(os.pathsep)[0])
            controller = Controller(kubeconfig, on_log=on_log)
            server, suffix = None, f"-{secrets.token_hex(2)}"
        else:
            server = stack.enter_context(KubernetesServer())
            file = stack.enter_context(tempfile.NamedTemporaryFile(prefix="sandbox-"))
            kubeconfig, suffix = server.write_kubeconfig(file.name), ""
            controller = Controller(server, on_log=on_log)
        stack.enter_context(controller)
        client = Client(KubeConfig.from_file(str(kubeconfig)), trust_env=False)
        yield World(controller, client, server, suffix)


def _place(waypoint: str | None) -> str:
    return f"in the mesh behind {waypoint}" if waypoint else "outside the mesh"
