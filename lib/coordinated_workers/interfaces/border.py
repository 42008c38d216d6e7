"""What may come in over the cluster relation: checked here, before a file or Kubernetes gets it."""

import ipaddress
import re
from typing import Annotated

import pydantic

from cos_interfaces import check_authority_or_url, check_url

_DNS_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_DNS_LABEL}(?:\.{_DNS_LABEL})*")
_LABEL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(
    r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
)
_LABELS_OF_JUJU = ("app.kubernetes.io/managed-by", "app.kubernetes.io/name")
_LONGEST_REASON = 200


def _check_host(host: str) -> str:
    if _HOST_NAME.fullmatch(host):
        return host
    try:
        # Nobody else can do anything with the name of a worker's network interface.
        ipaddress.ip_address("" if "%" in host else host)
    except ValueError:
        raise ValueError("neither a DNS name nor an IP address") from None
    return host


def _check_label(label: tuple[str, str]) -> tuple[str, str]:
    """Hold a label against the rules of Kubernetes, and keep Juju's own labels out of reach.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
    """
    key, value = label
    prefix, slash, name = key.rpartition("/")
    if not _LABEL_NAME.fullmatch(name) or (slash and not _LABEL_PREFIX.fullmatch(prefix)):
        raise ValueError("Kubernetes does not take the key")
    if value and not _LABEL_NAME.fullmatch(value):
        raise ValueError("Kubernetes does not take the value")
    if key in _LABELS_OF_JUJU or prefix == "juju.is" or prefix.endswith(".juju.is"):
        raise ValueError("Juju finds its pods by it")
    return label


ApplicationName = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9-]*$")]
UnitName = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9-]*/[0-9]+$")]
Host = Annotated[str, pydantic.AfterValidator(_check_host)]
Url = Annotated[str, pydantic.AfterValidator(check_url)]
Receiver = Annotated[str, pydantic.AfterValidator(check_authority_or_url)]
Protocol = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")]
Port = Annotated[int, pydantic.Field(strict=True, gt=0, lt=65536)]
Label = Annotated[tuple[str, str], pydantic.AfterValidator(_check_label)]


def reason(error: pydantic.ValidationError) -> str:
    """What is wrong with a value, in one line without the value: it may be long, or a secret."""
    first, *more = error.errors(include_url=False, include_context=False, include_input=False)
    field = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    text = (f"{field}: {message}" if field else message)[:_LONGEST_REASON]
    return f"{text} (and {len(more)} more)" if more else text
