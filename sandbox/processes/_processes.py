"""The services of units' containers as processes of this machine."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from ops import pebble

from sandbox.juju import Command, CommandResult, Container, Unit, WorkloadError
from sandbox.mesh import Account, Mesh, listening

from ._command_line import command_line
from ._mapping import Place
from ._names import DNS_PORT, NameServer
from ._programs import INSIDE

_COMES_UP_WITHIN = 5.0
_ENDS_WITHIN = 3.0
_COMMAND_ENDS_WITHIN = 30.0
_CHECK_TIMEOUT = 2.0
_DONE_BY_THE_IMAGE = ("update-ca-certificates",)


@dataclass
class _RunningService:
    """A process, and the plan with which it was started."""

    planned: pebble.ServiceDict
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class Missing:
    """A service that does not run, since this machine lacks its program."""

    unit: str
    service: str
    program: str


class Processes:
    """Runs the services of Pebble, from the files that charms pushed, and stops them with the pod.

    Args:
        mesh: has the addresses.
        names: resolves names for the processes.
        directory: an existing directory for logs and hosts files.
    """

    def __init__(self, mesh: Mesh, names: NameServer, directory: Path):
        self._mesh = mesh
        self._names = names
        self._directory = directory
        self._services: dict[tuple[str, str, str, str], _RunningService] = {}
        self.missing: set[Missing] = set()

    def exec(self, unit: Unit, container: Container, command: Command) -> CommandResult:
        """Run nginx's commands; other programs of an image succeed without output.

        Raises:
            WorkloadError: if there is no such program, or it does not end in time.
        """
        name = Path(command.arguments[0]).name
        if name in _DONE_BY_THE_IMAGE:
            return CommandResult()
        place = self._place(unit, container)
        arguments = command_line(place, command.arguments)
        if arguments is None:
            raise WorkloadError(f"this machine has no {command.arguments[0]!r}")
        try:
            done = subprocess.run(
                arguments,
                env=self._environment(unit, place, command.environment),
                input=command.stdin,
                capture_output=True,
                text=True,
                timeout=command.timeout or _COMMAND_ENDS_WITHIN,
            )
        except subprocess.TimeoutExpired as error:
            raise WorkloadError(f"{name} did not end within {error.timeout:g} s") from None
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def change(
        self, unit: Unit, container: Container, verb: str, services: Sequence[str], plan: pebble.Plan
    ) -> None:
        """Start and stop services as Pebble would.

        Raises:
            WorkloadError: if a service ends as soon as it starts; with the end of its output.
        """
        if verb == "replan":
            services = [
                name for name, service in plan.services.items() if self._is_due(unit, container, service)
            ]
        for name in services:
            key = self._key(unit, container, name)
            if verb in ("stop", "restart", "replan"):
                self._stop(key)
            if verb != "stop" and key not in self._running():
                self._start(unit, container, plan.services[name])

    def signal(self, unit: Unit, container: Container, signal: str, services: Sequence[str]) -> None:
        """Send a signal to services."""
        number = _signal_number(signal)
        for name in services:
            if service := self._services.get(self._key(unit, container, name)):
                service.process.send_signal(number)

    def end(self, unit: Unit) -> None:
        """Stop the processes of a unit, once no proxy uses its removed pod any more."""
        if keys := [key for key in self._services if key[:2] == (unit.application.model.name, unit.name)]:
            self._mesh.sync()
        for key in keys:
            self._stop(key)

    def close(self) -> None:
        """End all processes."""
        for key in list(self._services):
            self._stop(key)

    def name_everything(self) -> None:
        """Update the names and addresses that processes find."""
        for account in {pod.account for pod in self._mesh.state.pods}:
            names = self._mesh.names(account)
            self._names.answer(self._mesh.resolver(account), names)
            _write(self.hosts(account.namespace, account.name), names)
        labels, sockets = self._mesh.state.pod_labels, self._mesh.sockets()
        waypoints = [
            {"labels": dict(labels[each]), "socket": str(sockets[each])} for each in labels if each in sockets
        ]
        _write(self._waypoints, waypoints)

    def hosts(self, model: str, app: str) -> Path:
        """The file in which an application's Python processes find names."""
        return self._directory / f"{model}.{app}.hosts.json"

    def number(self, unit: Unit, container: Container, service: str) -> int | None:
        """Return the id of a service's process; None if it does not run."""
        running = self._running().get(self._key(unit, container, service))
        return running.process.pid if running else None

    def look(self, unit: Unit, container: Container) -> None:
        """Report to the container services that ended by themselves, and the results of its HTTP checks."""
        for name in container.services:
            service = self._services.get(self._key(unit, container, name))
            if service and service.process.poll() is not None:
                container.services[name] = "error"
        place = self._place(unit, container)
        for name, check in container.plan.checks.items():
            url = (check.http or {}).get("url")
            if url and any(known["name"] == name for known in container.checks):
                container.set_check(name, up=self._answers(unit, place.argument(url)))

    def _start(self, unit: Unit, container: Container, service: pebble.Service) -> None:
        place = self._place(unit, container)
        words = shlex.split(service.command)
        arguments = command_line(place, words)
        if arguments is None:
            self.missing.add(Missing(unit.name, service.name, words[0]))
            return
        log = self._log(unit, service.name)
        with log.open("ab") as output:
            try:
                process = subprocess.Popen(
                    arguments,
                    env=self._environment(unit, place, service.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=place.root,
                    start_new_session=True,
                )
            except OSError as error:
                raise WorkloadError(f"cannot start {words[0]}: {error}") from None
        self._services[self._key(unit, container, service.name)] = _RunningService(service.to_dict(), process)
        self._wait_until_up(process, place, log)

    def _wait_until_up(self, process: subprocess.Popen[bytes], place: Place, log: Path) -> None:
        """Wait until the service listens, if it listens on any port."""
        deadline = time.monotonic() + _COMES_UP_WITHIN
        before = _ports(place)
        while time.monotonic() < deadline:
            if process.poll() is not None:
                end = " / ".join(log.read_text(errors="replace").splitlines()[-5:])
                raise WorkloadError(f"exited with code {process.returncode}: {end}")
            if _ports(place) - before or (before and _is_settled(process)):
                return
            time.sleep(0.02)

    def _stop(self, key: tuple[str, str, str, str]) -> None:
        service = self._services.pop(key, None)
        if service is None or service.process.poll() is not None:
            return
        service.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            service.process.wait(_ENDS_WITHIN)
        # Also the processes that it has started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(service.process.pid, signal.SIGKILL)
        service.process.wait()

    def _is_due(self, unit: Unit, container: Container, planned: pebble.Service) -> bool:
        running = self._running().get(self._key(unit, container, planned.name))
        if running is None:
            return planned.startup == "enabled"
        return running.planned != planned.to_dict()

    def _running(self) -> dict[tuple[str, str, str, str], _RunningService]:
        return {key: each for key, each in self._services.items() if each.process.poll() is None}

    def _environment(self, unit: Unit, place: Place, planned: Mapping[str, str]) -> dict[str, str]:
        account = _account(unit)
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(INSIDE),
            "PYTHONUNBUFFERED": "1",
            "SANDBOX_ADDRESS": place.address,
            "SANDBOX_HOSTS": str(self.hosts(account.namespace, account.name)),
            "SANDBOX_WAYPOINTS": str(self._waypoints),
            **{key: place.argument(str(value)) for key, value in planned.items()},
        }

    def _answers(self, unit: Unit, url: str) -> bool:
        for name, addresses in self._mesh.names(_account(unit)).items():
            url = url.replace(f"//{name}:", f"//{addresses[0] if addresses else name}:")
        try:
            with build_opener(ProxyHandler({})).open(url, timeout=_CHECK_TIMEOUT) as answer:
                return answer.status < 400
        except (HTTPError, OSError):
            return False

    def _place(self, unit: Unit, container: Container) -> Place:
        account = _account(unit)
        return Place(
            root=container.root,
            address=self._mesh.inside(account.namespace, unit.pod),
            resolver=f"{self._mesh.resolver(account)}:{DNS_PORT}",
        )

    @property
    def _waypoints(self) -> Path:
        return self._directory / "waypoints.json"

    def _log(self, unit: Unit, service: str) -> Path:
        model = unit.application.model.name
        return self._directory / f"{model}.{unit.name.replace('/', '-')}.{service}.log"

    def _key(self, unit: Unit, container: Container, service: str) -> tuple[str, str, str, str]:
        return unit.application.model.name, unit.name, container.name, service


def _write(file: Path, content: object) -> None:
    """Write JSON to a file that other processes may be reading."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(content))
    new.rename(file)


def _account(unit: Unit) -> Account:
    """Juju gives each application a service account of its own name."""
    return Account(unit.application.model.name, unit.application.name)


def _ports(place: Place) -> frozenset[int]:
    return listening().get(place.address, frozenset())


def _is_settled(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process that listens on no port has run for a moment."""
    try:
        process.wait(0.3)
    except subprocess.TimeoutExpired:
        return True
    return False


def _signal_number(name: str) -> int:
    return int(name) if name.isdigit() else signal.Signals[name].value
