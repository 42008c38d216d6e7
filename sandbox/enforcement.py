"""A cluster whose pods run behind proxies that enforce the policies in Kubernetes."""

import contextlib
import http.client
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .hardening import harden, is_hardened
from .juju import Model
from .mesh import Account, Addresses, Mesh
from .processes import NameServer, Processes

if TYPE_CHECKING:
    from lightkube import Client

_TIMEOUT = 30.0


@dataclass(frozen=True)
class DataPlane:
    """The processes of all units, and the mesh between them."""

    mesh: Mesh
    processes: Processes

    @property
    def hardened(self) -> bool:
        """Return whether requests that no policy allows are denied everywhere."""
        return is_hardened(self.mesh.state.policies)

    def look(self, models: Iterable[Model]) -> None:
        """Update the mesh, and report the state of the processes to the models."""
        self.mesh.sync()
        for model in models:
            for application in model.applications.values():
                for unit in application.units:
                    for container in unit.containers.values():
                        self.processes.look(unit, container)

    def ask(
        self, source: str, service: str, port: int, method: str, path: str, body: bytes | None = None
    ) -> str:
        """Return the answer of a Service to an application: status and text, or the reason for none.

        Args:
            source: the application, as `model/application`.
            service: the Service, as `model/name`.
            port: its port.
            method: the HTTP method.
            path: the path of the request.
            body: the body of the request.
        """
        model, name = service.split("/")
        [address] = self.mesh.names(Account(*source.split("/")))[f"{name}.{model}.svc.cluster.local"]
        connection = http.client.HTTPConnection(address, port, timeout=_TIMEOUT)
        try:
            connection.request(method, path, body=body, headers={"Host": name})
            answer = connection.getresponse()
            return f"{answer.status} {answer.read(200).decode(errors='replace')}".strip()
        except (OSError, http.client.HTTPException) as error:
            return f"no answer ({error})"
        finally:
            connection.close()


@contextlib.contextmanager
def enforce(
    client: "Client", directory: Path, *, hardened: bool, auto_allow: bool = True
) -> Generator[DataPlane]:
    """Run the processes and enforce the policies while the context lasts.

    Args:
        client: a client with all permissions in the cluster.
        directory: an existing directory for keys, configurations, and logs.
        hardened: True to deny everything that no policy allows, also where there is no policy.
        auto_allow: whether istiod allows waypoints at the pods behind them, and closes these to others.

    Raises:
        NoAddressesError: if this machine has no free loopback addresses.
        EnvoyError: if there is no proxy, or it does not start.
    """
    if hardened:
        harden(client)
    with contextlib.ExitStack() as stack:
        addresses = Addresses()
        stack.callback(addresses.close)
        names = stack.enter_context(NameServer())
        places = [directory / name for name in ("mesh", "processes")]
        for place in places:
            place.mkdir()
        mesh = Mesh(client, places[0], addresses, auto_allow=auto_allow)
        processes = Processes(mesh, names, places[1])
        mesh.on_change = processes.name_everything
        stack.callback(processes.close)
        stack.enter_context(mesh)
        yield DataPlane(mesh, processes)
