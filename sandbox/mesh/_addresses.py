"""The loopback addresses of one sandbox."""

import errno
import ipaddress
import random
import socket
import sys
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path

_MARKER_PORT = 15000
_CONNECTIONS = Path("/proc/net/tcp")
_CONNECTIONS_OF_IPV6 = Path("/proc/net/tcp6")
_LISTENS = "0A"


class NoAddressesError(Exception):
    """This machine has no free loopback addresses, or another program listens on a port at all of them."""


class Addresses:
    """A network 127.x.0.0/16 that no other sandbox uses, until it is closed.

    Raises:
        NoAddressesError: if there is none; the message has the remedy.
    """

    def __init__(self) -> None:
        self._marker, self._network = _claim()
        self._given: dict[Hashable, str] = {}

    def of(self, holder: Hashable) -> str:
        """Return the address for a name, always the same for one name."""
        if holder not in self._given:
            self._given[holder] = str(self._network[len(self._given) + 2])
        return self._given[holder]

    @property
    def host(self) -> str:
        """The address of the sandbox's own servers."""
        return str(self._network[1])

    def close(self) -> None:
        """Release the network for another sandbox."""
        self._marker.close()


def _claim() -> tuple[socket.socket, ipaddress.IPv4Network]:
    second_bytes = list(range(16, 240))
    random.shuffle(second_bytes)
    for second in second_bytes:
        network = ipaddress.IPv4Network(f"127.{second}.0.0/16")
        marker = socket.socket()
        try:
            marker.bind((str(network[1]), _MARKER_PORT))
        except OSError as error:
            marker.close()
            if error.errno == errno.EADDRNOTAVAIL:
                raise NoAddressesError(
                    f"this machine does not answer on {network[1]}: only 127.0.0.1 is set up. "
                    "On Linux all of 127.0.0.0/8 is; elsewhere run this in a Linux virtual machine."
                ) from None
            continue
        return marker, network
    raise NoAddressesError("all loopback networks 127.16 to 127.239 are taken: end other sandboxes")


def listening() -> Mapping[str, frozenset[int]]:
    """The ports on which processes of this machine listen, by loopback address (proc_pid_net(5))."""
    found: dict[str, set[int]] = {}
    for address, port in _listeners(_CONNECTIONS):
        if address.endswith("7F"):
            found.setdefault(_dotted(address), set()).add(port)
    return {address: frozenset(ports) for address, ports in found.items()}


def listening_everywhere() -> frozenset[int]:
    """Return the ports on which processes of this machine listen at all addresses."""
    ports: set[int] = set()
    for file in (_CONNECTIONS, _CONNECTIONS_OF_IPV6):
        if file.exists():
            ports.update(port for address, port in _listeners(file) if not address.strip("0"))
    return frozenset(ports)


def _listeners(file: Path) -> Iterator[tuple[str, int]]:
    """Return addresses as the kernel shows them, and ports."""
    for line in file.read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        address, port = local.split(":")
        if state == _LISTENS:
            yield address, int(port, 16)


def _dotted(address: str) -> str:
    """An IPv4 address that the kernel shows as a number in the machine's own order of bytes."""
    return str(ipaddress.IPv4Address(int(address, 16).to_bytes(4, sys.byteorder)))
