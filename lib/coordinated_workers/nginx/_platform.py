"""The nginx that reads a configuration, and the machine that it runs on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ._checks import is_ip, is_ipv6
from ._paths import CERT_PATH, KEY_PATH

RESOLV_CONF = Path("/etc/resolv.conf")
IPV6_ADDRESSES = Path("/proc/net/if_inet6")
LOCAL_RESOLVER = "127.0.0.1"  # what a resolv.conf without servers means to everybody who reads one


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
    def here(cls, resolv_conf: Path = RESOLV_CONF) -> "NginxPlatform":
        """The nginx of the field's images, in a container of this pod."""
        return cls(resolvers=tuple(_name_servers(resolv_conf)) or (LOCAL_RESOLVER,), ipv6=is_ipv6_enabled())


def is_ipv6_enabled(addresses: Path = IPV6_ADDRESSES) -> bool:
    """Whether any network interface has an IPv6 address; `addresses` is where Linux lists them."""
    try:
        return bool(addresses.read_text().strip())
    except OSError:
        return False


def _name_servers(resolv_conf: Path) -> Iterator[str]:
    """The servers as nginx writes them.

    They are taken by address, for the name of one would have to be looked up before nginx starts.
    """
    try:
        lines = resolv_conf.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        match line.split():
            # an address with % is only good on one link, which nginx can't choose
            case ["nameserver", server, *_] if is_ip(server) and "%" not in server:
                yield f"[{server}]" if is_ipv6(server) else server
            case _:
                pass
