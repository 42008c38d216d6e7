"""Names of a cluster by DNS, as each application finds them."""

import selectors
import socket
import threading
from collections.abc import Mapping
from typing import Any

from dnslib import QTYPE, RCODE, RR, A, DNSError, DNSRecord  # pyright: ignore[reportMissingTypeStubs]  # has none

Names = Mapping[str, list[str]]

DNS_PORT = 15053
_TTL = 1
_new_record: Any = RR
_LARGEST_QUERY = 4096


class NameServer:
    """Answers each application at an address of its own, while its context lasts."""

    def __init__(self) -> None:
        self._names: dict[str, Names] = {}
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="dns", daemon=True)
        self._end = False

    def __enter__(self) -> "NameServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end = True
        self._wake.send(b".")
        self._thread.join()
        for each in (*self._sockets, self._wake, self._woken):
            each.close()
        self._selector.close()

    def answer(self, address: str, names: Names) -> None:
        """Answer at an address, on `DNS_PORT`, with these names from now on."""
        if address not in self._names:
            new = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            new.bind((address, DNS_PORT))
            self._sockets.append(new)
            self._selector.register(new, selectors.EVENT_READ, address)
            self._wake.send(b".")
        self._names[address] = names

    def _serve(self) -> None:
        while not self._end:
            for key, _ in self._selector.select():
                if key.data is None:
                    self._woken.recv(1024)
                elif isinstance(key.fileobj, socket.socket):
                    self._reply(key.fileobj, key.data)

    def _reply(self, on: socket.socket, address: str) -> None:
        query, sender = on.recvfrom(_LARGEST_QUERY)
        try:
            request: Any = DNSRecord.parse(query)
        except DNSError:
            return
        name = str(request.q.qname).rstrip(".")
        reply = request.reply()
        addresses = self._names[address].get(name.lower())
        if addresses is None:
            reply.header.rcode = RCODE.NXDOMAIN
        elif request.q.qtype == QTYPE.A:
            for each in addresses:
                reply.add_answer(_new_record(name, QTYPE.A, rdata=A(each), ttl=_TTL))
        on.sendto(reply.pack(), sender)
