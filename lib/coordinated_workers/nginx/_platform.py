"""The nginx that reads a configuration, and the machine that it runs on."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cos_interfaces import authority, is_ip

from ._checks import is_host
from ._compatibility import published
from ._paths import CERT_PATH, KEY_PATH

RESOLV_CONF_PATH = "/etc/resolv.conf"
IPV6_ADDRESSES = Path("/proc/net/if_inet6")
POD_NAME = re.compile(
    r"(?P<app>[a-z0-9-]+)-\d+\.(?P=app)-endpoints\.[a-z0-9-]+\.svc\.[a-z0-9.-]+", re.IGNORECASE
)
"""The name of a unit of a Juju application, which Kubernetes resolves to its pod alone."""
LOCAL_RESOLVER = "127.0.0.1"  # the meaning of a resolv.conf without servers


@dataclass(frozen=True)
class NginxPlatform:
    """The environment that a configuration depends on.

    A charm needs none of this: the containers of a pod share its network, so that the charm's own
    machine is as good as nginx's. A test or a sandbox, which may have another nginx, sets
    `NginxConfig.platform`.
    """

    resolvers: tuple[str, ...]
    """The DNS servers that know the backends' names: IP addresses, with a port if it is not 53."""
    ipv6: bool
    """True if there are IPv6 addresses to listen on, and to look up."""
    listen_address: str | None = None
    """The only address that nginx listens on; None: all of them."""
    directory: str = "/tmp"  # noqa: S108 - the one folder that nginx may write to in every image
    """The directory for nginx's pid and for data that do not fit in memory."""
    mime_types: str = "/etc/nginx/mime.types"
    certificate: str = CERT_PATH
    private_key: str = KEY_PATH
    access_log: str = "/dev/stderr"
    stub_status: bool = True
    """True if nginx is built with the status page that the exporter reads; if not, it is skipped."""
    search: tuple[str, ...] = ()
    """The domains that complete a short name, in the order of resolv.conf."""
    resolve: bool = True
    """True if nginx looks names up while it runs (open source: since 1.27.3); an older one does not start
    with a name that it can't resolve."""
    http2_directive: bool = True
    """True if HTTP/2 has a directive (since 1.25.1); before, it is a word of `listen`."""

    @classmethod
    def here(cls, resolv_conf: Path | None = None) -> "NginxPlatform":
        """Return the nginx of the field's images, in a container of this pod."""
        lines = _lines(resolv_conf or Path(published("RESOLV_CONF_PATH")))
        return cls(
            resolvers=tuple(_name_servers(lines)) or (LOCAL_RESOLVER,),
            ipv6=published("is_ipv6_enabled")(),
            search=_search_domains(lines),
        )


def is_ipv6_enabled(addresses: Path = IPV6_ADDRESSES) -> bool:
    """Return whether any network interface has an IPv6 address; `addresses` is Linux's list of them."""
    try:
        return bool(addresses.read_text().strip())
    except OSError:
        return False


def complete_names(host: str, search: Sequence[str]) -> list[str]:
    """Return the full names that a short name of Kubernetes may stand for, the likeliest first.

    nginx looks up names as they are, where programs try the search domains of resolv.conf. A name of one
    label or of a pod is one of this namespace, one that ends in `.svc` lacks the cluster's domain alone,
    and one of two labels is a Service of another namespace or else a domain.
    """
    cluster = _cluster_domain(search)
    name = host.lower()
    labels = name.split(".")
    if not cluster or name.endswith(f".{cluster}"):
        return [host]
    if len(labels) == 1 or POD_NAME.fullmatch(f"{host}.{search[0]}"):
        return [f"{host}.{search[0]}"]
    if labels[-1] == "svc":
        return [f"{host}.{cluster}"]
    if POD_NAME.fullmatch(f"{host}.svc.{cluster}"):
        return [f"{host}.svc.{cluster}"]
    return [f"{host}.svc.{cluster}", host] if len(labels) == 2 else [host]


def _cluster_domain(search: Sequence[str]) -> str:
    """Return the domain of the cluster, such as `cluster.local`; empty outside of Kubernetes."""
    namespace, is_pod, cluster = (search[0] if search else "").partition(".svc.")
    return cluster if namespace and is_pod else ""


def _lines(resolv_conf: Path) -> list[list[str]]:
    try:
        return [line.split() for line in resolv_conf.read_text().splitlines()]
    except (OSError, UnicodeDecodeError):
        return []


def _search_domains(lines: Iterable[list[str]]) -> tuple[str, ...]:
    """Return the domains of the last line that has them, as resolvers do."""
    found: tuple[str, ...] = ()
    for words in lines:
        if words and words[0] in ("search", "domain"):
            found = tuple(domain.rstrip(".") for domain in words[1:] if is_host(domain.rstrip(".")))
    return found


def _name_servers(lines: Iterable[list[str]]) -> Iterator[str]:
    """Yield the servers as nginx writes them.

    They are taken by address, for the name of one would have to be looked up before nginx starts.
    """
    for words in lines:
        match words:
            # an address with % is only good on one link, which nginx can't choose
            case ["nameserver", server, *_] if is_ip(server) and "%" not in server:
                yield authority(server)
            case _:
                pass
