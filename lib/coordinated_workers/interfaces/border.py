"""What may come in over the cluster relation: checked here, before a file or Kubernetes gets it."""

import ipaddress
import re
from typing import Annotated

import pydantic

from charmlibs.interfaces.service_mesh import check_label
from cos_interfaces import check_authority_or_url, check_url

_DNS_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_DNS_LABEL}(?:\.{_DNS_LABEL})*")
_LONGEST_NAME = 200
_LABELS_OF_JUJU = ("app.kubernetes.io/managed-by", "app.kubernetes.io/name")


def _check_host(host: str) -> str:
    if _HOST_NAME.fullmatch(host):
        return host
    try:
        # Nobody else can do anything with the name of a worker's network interface.
        ipaddress.ip_address("" if "%" in host else host)
    except ValueError:
        raise ValueError("neither a DNS name nor an IP address") from None
    return host


def check_of_another_machine(host: str) -> None:
    """Refuse what would lead nginx to its own machine, or to what only that is to reach.

    Raises:
        ValueError: if it is such a host.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        is_own = host.lower().rpartition(".")[2] == "localhost"
    else:
        address = getattr(address, "ipv4_mapped", None) or address
        is_own = (
            address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
        )
    if is_own:
        raise ValueError("address: none of another machine")


def _check_label(label: tuple[str, str]) -> tuple[str, str]:
    """Hold a label against the rules of Kubernetes, and keep Juju's own labels out of reach."""
    key, value = label
    check_label(key, value)
    prefix = key.rpartition("/")[0]
    if key in _LABELS_OF_JUJU or prefix == "juju.is" or prefix.endswith(".juju.is"):
        raise ValueError("Juju finds its pods by it")
    return label


ApplicationName = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=_LONGEST_NAME)]
UnitName = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9-]*/[0-9]+$", max_length=_LONGEST_NAME)]
CharmName = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=_LONGEST_NAME)]
SecretId = Annotated[str, pydantic.Field(pattern=r"^[!-~]+$", max_length=_LONGEST_NAME)]
Host = Annotated[str, pydantic.AfterValidator(_check_host)]
Url = Annotated[str, pydantic.AfterValidator(check_url)]
Receiver = Annotated[str, pydantic.AfterValidator(check_authority_or_url)]
Protocol = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")]
Port = Annotated[int, pydantic.Field(strict=True, gt=0, lt=65536)]
Label = Annotated[tuple[str, str], pydantic.AfterValidator(_check_label)]
