"""The certificate of a coordinator's server."""

import socket
import ssl

from sandbox.juju import Model
from sandbox.mesh import Account
from sandbox.samples import COORDINATOR
from sandbox.world import World

from ._models import PORT, file_of, running

_TIMEOUT = 30.0
_AUTHORITY = "/etc/worker/ca.cert"


def served(world: World, model: Model) -> int:
    """Return the serial number of a coordinator's certificate; 0 without TLS that is trusted."""
    try:
        with connect(world, model) as connection:
            return number_of(connection)
    except OSError:
        return 0


def connect(world: World, model: Model) -> ssl.SSLSocket:
    """Connect from the shop of a model to its coordinator.

    Raises:
        OSError: if there is none, or it is not trusted.
    """
    name = f"{COORDINATOR}.{model.name}.svc.cluster.local"
    (address,) = running(world).mesh.names(Account(model.name, "shop"))[name]
    authority = file_of(model.application("api"), _AUTHORITY)
    if not authority:
        raise OSError("there is no authority to trust yet")
    context = ssl.create_default_context(cadata=authority)
    plain = socket.create_connection((address, PORT), timeout=_TIMEOUT)
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


def number_of(connection: ssl.SSLSocket) -> int:
    certificate = connection.getpeercert() or {}
    return int(str(certificate["serialNumber"]), 16)


def shortened(number: int) -> str:
    """Return a serial number shortened to its last digits."""
    return f"…{number % 10**6:06}"
