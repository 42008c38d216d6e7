"""Traces for a tracing backend: both sides of `tracing`.

In the reconcile of a charm that has traces to send::

    tracing.request(self, ["otlp_http"])
    url = tracing.receivers(self).get("otlp_http")
"""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import ops
import pydantic

from ._databag import read, relations, write_app
from ._urls import Address, check_url

Protocol = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _ReceiverProtocol(pydantic.BaseModel):
    name: Protocol
    type: Literal["http", "grpc"]


class _Receiver(pydantic.BaseModel):
    protocol: _ReceiverProtocol
    url: Address

    @pydantic.model_validator(mode="after")
    def _check_url(self) -> "_Receiver":
        if self.protocol.type == "http" or self.protocol.name == "otlp_http":
            check_url(self.url)
        return self


_RECEIVERS = pydantic.TypeAdapter(list[_Receiver])


def request(charm: ops.CharmBase, protocols: Iterable[str], *, relation_name: str = "tracing") -> None:
    """Request a receiver of each protocol from each related backend; leader only, if it differs."""
    write_app(charm, relation_name, {"receivers": json.dumps(sorted(set(protocols)))})


def receivers(charm: ops.CharmBase, *, relation_name: str = "tracing") -> dict[str, str]:
    """Return the receivers of traces, by protocol; of several backends, the one that was related first.

    An http receiver has a URL, without the protocol's own path; a gRPC one may be `host:port`.
    """
    found: dict[str, str] = {}
    for relation in relations(charm, relation_name):
        for receiver in read(relation, relation.app, "receivers", _RECEIVERS.validate_json) or []:
            found.setdefault(receiver.protocol.name, receiver.url)
    return found


def trace_charm(url: str | None, ca_cert: str | None = None) -> None:
    """Send this charm's own traces to a receiver of `otlp_http`; None turns them off.

    Args:
        url: the receiver, without the protocol's own path.
        ca_cert: PEM text of the CA to trust there.
    """
    if ops.tracing is not None:
        ops.tracing.set_destination(url=f"{url.rstrip('/')}/v1/traces" if url else None, ca=ca_cert)


def offer(charm: ops.CharmBase, urls: Mapping[str, str], *, relation_name: str = "tracing") -> None:
    """Publish the receivers by protocol to each related charm, for a backend; leader only."""
    offered = [
        {"protocol": {"name": name, "type": "grpc" if name.endswith("grpc") else "http"}, "url": url}
        for name, url in sorted(urls.items())
    ]
    write_app(charm, relation_name, {"receivers": json.dumps(offered)})
