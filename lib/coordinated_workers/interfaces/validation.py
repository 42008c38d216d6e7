"""Validation of the cluster relation's data, before a file or Kubernetes gets them."""

import ipaddress
import re
from typing import Annotated

import pydantic

from charmlibs.interfaces.service_mesh import MESH_LABELS, check_label
from cos_interfaces import check_secret_id, is_host_name, is_ip

_LONGEST_NAME = 200
# Its names in files of hosts and in clusters on a developer's machine, and the metadata servers of clouds:
# Google, AWS, Azure, Rancher, Tencent, Oracle, Equinix, Exoscale, IBM.
_NAME_OF_THE_MACHINE = re.compile(
    r"localhost[46]?(\.localdomain[46]?)?|.+\.localhost|loopback|broadcasthost"
    r"|ip6-(localhost|loopback|localnet|mcastprefix|allnodes|allrouters|allhosts)"
    r"|(host|gateway)\.[^.]+\.internal|(kubernetes|vm)\.docker\.internal|control-plane\.minikube\.internal"
    r"|((rancher-)?metadata|instance-data)(\.(.+\.)?internal)?"
    r"|metadata\.(goog|google|tencentyun\.com|oraclecloud\.com|packet\.net|platformequinix\.com|exoscale\.com)"
    r"|api\.metadata\.cloud\.ibm\.com"
)
# No host name has such an end, and programs differ in the IPv4 address that it stands for, if any.
_ENDS_LIKE_IPV4 = re.compile(r"(.+\.)?([0-9]+|0x[0-9a-f]*)")
# Kubernetes resolves it to the address in its first label, whatever that is.
_NAME_OF_A_POD = re.compile(r"([0-9a-f-]+)\.[^.]+\.pod(?:\..+)?")
# Services of clouds for a machine alone: of most over IPv4, Azure, Alibaba, Oracle.
_METADATA_OVER_IPV4 = tuple(
    map(ipaddress.IPv4Network, ("169.254.0.0/16", "168.63.129.16/32", "100.100.100.0/24", "192.0.0.0/24"))
)
# What the standard library does not classify: this network (RFC 6890), and services of clouds for a machine
# alone: AWS, Google, Scaleway, Oracle and Akamai over IPv6.
_SPECIAL_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", *_METADATA_OVER_IPV4),
            *("fd00:ec2::/32", "fd20:ce::/32", "fd00:42::/32", "fd00:c1::/32", "fd00:a9fe:a9fe::/48"),
            # of translators; the position of the IPv4 address is known only in their network (RFC 8215)
            "64:ff9b:1::/48",
        ),
    )
)
# Prefixes before an IPv4 address in the last 32 bits: of translators (RFC 6052), and of old (RFC 4291).
_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "::/96")))
# The upper half of an interface's id by ISATAP, whose lower half is an IPv4 address: RFC 5214.
_ISATAP = (0x00005EFE, 0x02005EFE)
_PORT = re.compile(r"[1-9][0-9]{0,4}")
PART_OF = "app.kubernetes.io/part-of"
"""The label that all pods of a cluster have; its value is the coordinator's name."""
_LABELS = MESH_LABELS | {PART_OF}


def host_of(address: str) -> str:
    """Return a host without the port that may follow it."""
    host, _, port = address.rpartition(":")
    return host if host and ":" not in host and _PORT.fullmatch(port) and int(port) < 65536 else address


def _check_worker_address(address: str) -> str:
    _check_host(host_of(address))
    return address


def is_host(text: str) -> bool:
    """Return whether a text is a host name, or an IP address that means the same to all hosts."""
    # The name of a network interface, after a percent sign, means nothing to other hosts.
    return is_host_name(text) or ("%" not in text and is_ip(text))


def _check_host(host: str) -> str:
    if is_host(host):
        return host
    raise ValueError("neither a DNS name nor an IP address")


def check_of_another_machine(host: str) -> None:
    """Refuse a host that leads nginx to its own machine, or to what only this machine may reach.

    Raises:
        ValueError: if it is such a host, or programs differ in the address that it stands for.
    """
    name = host.lower()
    if address := ip_address(name):
        is_own = _is_special(address)
    else:
        is_own = bool(_NAME_OF_THE_MACHINE.fullmatch(name) or _ENDS_LIKE_IPV4.fullmatch(name))
    if is_own:
        raise ValueError("leads to this machine or to a metadata service")


def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return a host's address, or the one in its name in Kubernetes; None if there is none."""
    text = host.lower()
    if pod := _NAME_OF_A_POD.fullmatch(text):
        text = pod[1].replace("-", "." if re.fullmatch(r"[0-9]+(-[0-9]+){3}", pod[1]) else ":")
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_special(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return whether an address, or one that it leads to, is not that of an ordinary machine."""
    embedded = embedded_ipv4(address)
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or (address.is_reserved and not embedded)
        or any(address in network for network in _SPECIAL_NETWORKS if network.version == address.version)
        or any(map(_is_special, embedded))
    )


def embedded_ipv4(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address leads to, in any notation."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    is_isatap = int(address) >> 32 & 0xFFFFFFFF in _ISATAP
    if is_isatap or any(address in network for network in _TRANSLATED):
        found.append(last)
    found += [
        each for each in _translatable(address) if any(each in network for network in _METADATA_OVER_IPV4)
    ]
    return [each for each in found if each is not None]


def _translatable(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """Return the addresses that a network may translate it to, by a prefix of six lengths (RFC 6052).

    The IPv4 address follows the prefix, around eight zeros in the middle, and zeros follow. After a prefix of
    96 bits it ends the address.
    """
    found = [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    upper, lower = divmod(int(address), 1 << 64)
    if lower >> 56 == 0:
        for length in (32, 40, 48, 56, 64):
            ipv4, rest = divmod(upper << 56 | lower, 1 << 88 - length)
            found += [ipaddress.IPv4Address(ipv4 & 0xFFFFFFFF)] if rest == 0 else []
    return found


def _check_label(label: tuple[str, str]) -> tuple[str, str]:
    """Reject labels that Kubernetes does not accept, and those by which another owner may select pods."""
    key, value = label
    check_label(key, value)
    if key not in _LABELS:
        raise ValueError("others may select pods by it")
    return label


ApplicationName = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=_LONGEST_NAME)]
UnitName = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9-]*/[0-9]+$", max_length=_LONGEST_NAME)]
CharmName = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=_LONGEST_NAME)]
SecretId = Annotated[str, pydantic.AfterValidator(check_secret_id)]
Host = Annotated[str, pydantic.AfterValidator(_check_host)]
WorkerAddress = Annotated[str, pydantic.AfterValidator(_check_worker_address)]
"""A host; with a port, from workers that are built so."""
Port = Annotated[int, pydantic.Field(strict=True, gt=0, lt=65536)]
Label = Annotated[tuple[str, str], pydantic.AfterValidator(_check_label)]
