"""The runtime of the processes of the units' containers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ops import pebble

from ._container import Container
from ._objects import Unit


@dataclass(frozen=True)
class Command:
    """A command that a charm runs in a container."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    working_dir: str | None
    stdin: str
    timeout: float | None
    """Seconds."""


@dataclass(frozen=True)
class CommandResult:
    """The result of a command."""

    code: int = 0
    stdout: str = ""
    stderr: str = ""


class WorkloadError(Exception):
    """The error of Pebble for a command that cannot run or a service that does not start."""


class ContainerRuntime(Protocol):
    """Runs the services of containers.

    It finds a container's files below `Container.root`. When a process ends or a check fails by itself, it
    reports that in `Container.services`, or with `Container.set_check`.
    """

    def exec(self, unit: Unit, container: Container, command: Command) -> CommandResult:
        """Run a command to its end.

        Raises:
            WorkloadError: if there is no such command.
        """
        ...

    def change(
        self, unit: Unit, container: Container, verb: str, services: Sequence[str], plan: pebble.Plan
    ) -> None:
        """Start or stop services for a charm, which waits, as Pebble would.

        Args:
            unit: the unit.
            container: the container, as it was before the event that the charm handles.
            verb: "start", "stop", "restart", or "replan" (start what is enabled, restart what has changed).
            services: the names of the services; for "replan" none is named and all are meant.
            plan: the plan as it is now.

        Raises:
            WorkloadError: if a service does not start.
        """
        ...

    def signal(self, unit: Unit, container: Container, signal: str, services: Sequence[str]) -> None:
        """Send a signal, by name or number, to services."""
        ...

    def end(self, unit: Unit) -> None:
        """Stop all processes of a unit, whose pod is removed."""
        ...


class NoWorkload:
    """Runs nothing; every command succeeds without output."""

    def exec(self, unit: Unit, container: Container, command: Command) -> CommandResult:  # noqa: ARG002  # the interface
        """Succeed."""
        return CommandResult()

    def change(
        self,
        unit: Unit,
        container: Container,
        verb: str,
        services: Sequence[str],
        plan: pebble.Plan,
    ) -> None:
        """Nothing."""

    def signal(self, unit: Unit, container: Container, signal: str, services: Sequence[str]) -> None:
        """Nothing."""

    def end(self, unit: Unit) -> None:
        """Nothing."""
