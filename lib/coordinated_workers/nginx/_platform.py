"""The nginx that reads a configuration, and the machine that it runs on."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from ._paths import CERT_PATH, KEY_PATH

RESOLV_CONF = Path("/etc/resolv.conf")
IPV6_ADDRESSES = Path("/proc/net/if_inet6")


@dataclass(frozen=True)
class NginxPlatform:
    """All that a configuration depends on besides what it is to do.

    A charm needs none of this: the containers of a pod share its network, so that the charm's own
    machine is as good as nginx's. A test or a sandbox, which may have another nginx, sets
    `NginxConfig.platform`.
    """

    resolvers: tuple[str, ...]
    """The DNS servers that know the backends' names: IP addresses, with a port if it is not 53."""
    ipv6: bool
    """Whether there are IPv6 addresses to listen on, and to look up."""
    listen_address: str | None = None
    """The only address that nginx listens on; None: all of them."""
    directory: str = "/tmp"  # noqa: S108 - the one folder that nginx may write to in every image
    """Where nginx keeps its pid and what does not fit in memory."""
    mime_types: str = "/etc/nginx/mime.types"
    certificate: str = CERT_PATH
    private_key: str = KEY_PATH
    access_log: str = "/dev/stderr"
    stub_status: bool = True
    """Whether nginx is built with the status page that the exporter reads; it is left out if not."""
    resolve: bool = True
    """Whether nginx looks names up while it runs (open source: since 1.27.3); an older one refuses to start
    with a name that it can't resolve."""
    http2_directive: bool = True
    """Whether HTTP/2 has a directive (since 1.25.1); before, it is a word of `listen`."""

    @classmethod
    def here(cls) -> "NginxPlatform":
        """The field's nginx in a container of this pod."""
        return cls(resolvers=_name_servers(), ipv6=is_ipv6_enabled())


def is_ipv6_enabled() -> bool:
    """Whether any network interface has an IPv6 address."""
    try:
        return bool(IPV6_ADDRESSES.read_text().strip())
    except OSError:
        return False


def _name_servers() -> tuple[str, ...]:
    """The servers of resolv.conf: IP addresses, as those of a name would have to be looked up somewhere."""
    try:
        lines = RESOLV_CONF.read_text().splitlines()
    except OSError:
        lines = []
    words = (line.split() for line in lines)
    servers = tuple(word[1] for word in words if len(word) > 1 and word[0] == "nameserver")
    # none means the machine itself, as for everybody who reads resolv.conf
    return tuple(filter(None, map(_resolver, servers))) or ("127.0.0.1",)


def _resolver(server: str) -> str | None:
    try:
        address = ipaddress.ip_address(server)
    except ValueError:
        return None
    if address.version == 4:
        return server
    # nginx can't use an address that is only good on one link
    return None if "%" in server else f"[{server}]"
