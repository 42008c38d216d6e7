"""The nginx for which a configuration is, and its machine."""

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
_POD_NAME = re.compile(
    r"(?P<app>[a-z0-9-]+)-[0-9]+\.(?P=app)-endpoints(?P<namespace>\.[a-z0-9-]+)?", re.IGNORECASE
)
"""The name of a unit of a Juju application, without the cluster's domain, and without its own namespace."""
_NUMBERED = re.compile(r"[a-z0-9-]+-[0-9]+")
LOCAL_RESOLVER = "127.0.0.1"  # the default of a resolv.conf without servers


@dataclass(frozen=True)
class NginxPlatform:
    """The environment that a configuration depends on.

    A charm needs none of this: the containers of a pod share its network, so that the charm's own machine has
    the same values as nginx's. A test or a sandbox, which may have another nginx, sets
    `NginxConfig.platform`.
    """

    resolvers: tuple[str, ...]
    """The DNS servers that know the backends' names: IP addresses, with a port if it is not 53. nginx asks
    them in turn, where programs ask the first one that answers: each has to know all names."""
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
    with a name that it cannot resolve."""
    http2_directive: bool = True
    """True if HTTP/2 has a directive (since 1.25.1); before, it is a word of `listen`."""

    @classmethod
    def here(cls, resolv_conf: Path | None = None) -> "NginxPlatform":
        """Return the nginx of the published images, in a container of this pod."""
        lines = _lines(resolv_conf or Path(published("RESOLV_CONF_PATH")))
        return cls(
            resolvers=tuple(dict.fromkeys(_name_servers(lines))) or (LOCAL_RESOLVER,),
            ipv6=published("is_ipv6_enabled")(),
            search=_search_domains(lines),
        )

    def is_pod(self, host: str) -> bool:
        """Return whether it is a full name that this cluster's DNS resolves to the pod of one unit alone."""
        name, _, domain = host.partition(".svc.")
        pod = _POD_NAME.fullmatch(name)
        return bool(pod and pod["namespace"]) and f"svc.{domain}" in self.search


def is_ipv6_enabled(addresses: Path = IPV6_ADDRESSES) -> bool:
    """Return whether any network interface has an IPv6 address; `addresses` is Linux's list of them."""
    try:
        return bool(addresses.read_text().strip())
    except OSError:
        return False


def complete_names(host: str, search: Sequence[str]) -> list[str]:
    """Return the full names that a short name may stand for, the likeliest first.

    nginx looks up names as they are, where programs try the search domains of resolv.conf. In Kubernetes, a
    name of one label is a Service of this namespace, one of two is a Service of another namespace or else a
    domain, and before either there may be a pod of a StatefulSet, with its number. One that ends in `.svc` or
    `.pod` lacks the cluster's domain alone. Domains of the node's own network complete one or two labels.
    """
    namespace = next((domain for domain in search if ".svc." in domain), "")
    cluster = namespace.partition(".svc.")[2]
    name = host.lower()
    if namespace and name.endswith(f".{cluster}"):
        return [host]
    if namespace and (pod := _POD_NAME.fullmatch(host)):
        return [f"{host}.svc.{cluster}" if pod["namespace"] else f"{host}.{namespace}"]
    labels = name.split(".")
    if namespace and labels[-1] in ("svc", "pod"):
        return [f"{host}.{cluster}"]
    is_numbered = bool(_NUMBERED.fullmatch(labels[0]))
    domains: list[str] = []
    if namespace and len(labels) < 2 + is_numbered:
        domains.append(namespace)
    if namespace and 2 <= len(labels) < 3 + is_numbered:
        domains.append(f"svc.{cluster}")
    if len(labels) < 3:
        domains += [each for each in search if each not in (namespace, f"svc.{cluster}", cluster)]
    completed = [f"{host}.{domain}" for domain in domains]
    if completed and len(labels) == 1:
        return completed
    return [*completed, host] if namespace else [host, *completed]


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

    Only addresses are used: a name would have to be looked up before nginx starts.
    """
    for words in lines:
        keyword, server, *_ = (*words, "", "")
        # an address with % is valid on one link only, which nginx cannot choose
        if keyword == "nameserver" and is_ip(server) and "%" not in server:
            yield authority(server)
