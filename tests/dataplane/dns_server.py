"""A DNS server whose answers the test chooses."""

import threading
from collections import Counter

from dnslib import AAAA, QTYPE, RCODE, RR, A
from dnslib.server import DNSLogger, DNSServer


class TestDNS:
    """Answers with the addresses in `hosts`, good for `ttl` seconds; all other names do not exist.

    A host may have several addresses, with spaces between them.
    """

    __test__ = False

    def __init__(self, **hosts: str):
        self.hosts = dict(hosts)
        self.ttl = 1
        self.requested: Counter[str] = Counter()
        self._server = DNSServer(self, address="127.0.0.1", port=0, logger=DNSLogger(log="-request,-reply"))

    def __enter__(self) -> "TestDNS":
        threading.Thread(target=self._server.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server.shutdown()
        self._server.server.server_close()

    @property
    def address(self) -> str:
        host, port = self._server.server.server_address
        return f"{host}:{port}"

    def resolve(self, request, handler):
        reply = request.reply()
        name = str(request.q.qname).rstrip(".")
        self.requested[name] += 1
        addresses = self.hosts.get(name)
        if addresses is None:
            reply.header.rcode = RCODE.NXDOMAIN
        for address in (addresses or "").split():
            if request.q.qtype == (QTYPE.AAAA if ":" in address else QTYPE.A):
                data = AAAA(address) if ":" in address else A(address)
                reply.add_answer(RR(name, request.q.qtype, rdata=data, ttl=self.ttl))
        return reply
