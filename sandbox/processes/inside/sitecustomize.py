"""Gives a Python process the addresses and names of the pod that it represents.

Python runs this at its start. `SANDBOX_ADDRESS` is the address at which the process listens in place of all
addresses; `SANDBOX_HOSTS` is a JSON file of host names and their addresses.
"""

import json
import os
import socket
from typing import Any

_bind, _getaddrinfo = socket.socket.bind, socket.getaddrinfo
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  # what is looked for, to be replaced


def _bind_in_pod(self: socket.socket, address: Any) -> None:
    if self.family == socket.AF_INET and address[0] in _EVERYWHERE:
        address = (os.environ["SANDBOX_ADDRESS"], *address[1:])
    _bind(self, address)


def _getaddrinfo_in_pod(host: Any, *args: Any, **kwargs: Any) -> list[Any]:
    with open(os.environ["SANDBOX_HOSTS"]) as file:  # noqa: PTH123  # the start of each process pays for imports
        addresses = json.load(file).get(host)
    if addresses is None:
        return _getaddrinfo(host, *args, **kwargs)
    found: list[Any] = []
    for address in addresses:
        found += _getaddrinfo(address, *args, **kwargs)
    return found


if "SANDBOX_ADDRESS" in os.environ:
    socket.has_dualstack_ipv6 = lambda: False
    socket.socket.bind = _bind_in_pod  # pyright: ignore[reportAttributeAccessIssue]  # its parameter has no name
    socket.getaddrinfo = _getaddrinfo_in_pod
