"""The databags of the cluster relation: each field is a key, its value JSON."""

import itertools
import json
from collections.abc import Collection
from typing import Annotated, Any, TypeVar, cast

import ops
import pydantic
import typing_extensions

import relation_data
from cos_interfaces import Address, Url, check_url
from cos_interfaces.tracing import Protocol
from relation_data import reason, shown_name

from .._compatibility import PublishedDatabagMethods
from .validation import (
    ApplicationName,
    CharmName,
    Label,
    Port,
    SecretId,
    UnitName,
    WorkerAddress,
)

_Model = TypeVar("_Model", bound=pydantic.BaseModel)

_NOT_JSON = object()
_MOST_ENTRIES = 100


class _Databag(PublishedDatabagMethods):
    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _refuse_what_is_not_json(cls, value: object) -> object:
        if value is _NOT_JSON:
            raise ValueError("not JSON")
        return value

    @pydantic.model_serializer(mode="wrap")
    def _in_order(self, handler: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Return the offered values, with mappings always in the same order."""
        return {
            key: dict(sorted(value.items())) if isinstance(getattr(self, key), dict) else value
            for key, value in handler(self).items()
        }


class RemoteWriteEndpoint(typing_extensions.TypedDict):
    """A backend that takes metrics by Prometheus' remote-write."""

    url: str


class WorkerTopology(pydantic.BaseModel):
    """The Juju topology of a worker unit."""

    application: ApplicationName
    unit: UnitName
    charm_name: CharmName


class ClusterRequirerAppData(_Databag):
    """The data that a worker application publishes to the coordinator."""

    role: str
    """Roles, comma-joined."""


class ClusterRequirerUnitData(_Databag):
    """The data that a worker unit publishes to the coordinator."""

    juju_topology: WorkerTopology
    address: WorkerAddress
    """The unit's FQDN."""
    takes_config_secrets: bool | None = None
    """True if the unit fills in secrets of its configuration; older releases do not."""


class ClusterProviderAppData(_Databag):
    """The data that the coordinator publishes to a worker application; None is not published."""

    worker_config: str
    """The workload's whole configuration; YAML, usually."""
    worker_config_secret_id: str | None = None
    """The Juju secret that fills in the placeholders in `worker_config`; None if there are none in it."""

    loki_endpoints: dict[str, str] | None = None
    """Loki unit → the URL it takes logs at."""
    charm_tracing_receivers: dict[str, str] | None = None
    """Protocol → where the charm sends its traces."""
    workload_tracing_receivers: dict[str, str] | None = None
    """Protocol → where the workload sends its traces."""
    remote_write_endpoints: list[RemoteWriteEndpoint] | None = None
    worker_ports: list[int] | None = None
    """The ports that the worker opens."""

    ca_cert: str | None = None
    server_cert: str | None = None
    privkey_secret_id: str | None = None
    """The Juju secret that has the private key of `server_cert` under `private-key`."""
    s3_tls_ca_chain: str | None = None

    worker_labels: dict[str, str] | None = None
    """The labels that the worker puts on its pods."""


class CoordinatorOffer(ClusterProviderAppData):
    """The data that the coordinator published to a worker application, without invalid entries."""

    privkey_secret_id: SecretId | None = None
    worker_config_secret_id: SecretId | None = None

    refused: tuple[str, ...] = ()
    """The ignored entries, with reasons."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _ignore_invalid_entries(cls, data: dict[str, Any]) -> dict[str, Any]:
        refused: list[str] = []
        for field, entry in _ENTRIES.items():
            container = data.get(field)
            if isinstance(container, dict):
                items = cast("dict[str, object]", container).items()
                data[field] = dict(_usable(field, entry, items, refused))
            elif isinstance(container, list):
                data[field] = _usable(field, entry, cast("list[object]", container), refused)
        return {**data, "refused": tuple(refused)}


def _check_url_of(endpoint: RemoteWriteEndpoint) -> RemoteWriteEndpoint:
    return {**endpoint, "url": check_url(endpoint["url"])}


_ENTRIES: dict[str, pydantic.TypeAdapter[Any]] = {
    "loki_endpoints": pydantic.TypeAdapter(tuple[UnitName, Url]),
    "charm_tracing_receivers": pydantic.TypeAdapter(tuple[Protocol, Address]),
    "workload_tracing_receivers": pydantic.TypeAdapter(tuple[Protocol, Address]),
    "remote_write_endpoints": pydantic.TypeAdapter(
        Annotated[RemoteWriteEndpoint, pydantic.AfterValidator(_check_url_of)]
    ),
    "worker_ports": pydantic.TypeAdapter(Port),
    "worker_labels": pydantic.TypeAdapter(Label),
}


def _usable(
    field: str, entry: pydantic.TypeAdapter[Any], items: Collection[object], refused: list[str]
) -> list[Any]:
    """Return the valid entries, up to a limit: opening a port starts a process."""
    usable: list[Any] = []
    for number, item in enumerate(itertools.islice(items, _MOST_ENTRIES)):
        try:
            usable.append(entry.validate_python(item))
        except pydantic.ValidationError as error:
            name = str(cast("tuple[object, ...]", item)[0]) if isinstance(item, tuple) else str(number)
            refused.append(f"{field}[{shown_name(name)!r}]: {reason(error)}")
    if len(items) > _MOST_ENTRIES:
        too_many = len(items) - _MOST_ENTRIES
        refused.append(f"{field}: {too_many} entries too many, the limit is {_MOST_ENTRIES}")
    return usable


def load(relation: ops.Relation, author: ops.Application | ops.Unit, model: type[_Model]) -> _Model | None:
    """Return the data that `author` published over `relation`; None until it is complete.

    Raises:
        ValueError: if the data are invalid; the message is one line, without the text.
    """
    databag = relation_data.read(relation, author)
    needed = {name for name, field in model.model_fields.items() if field.is_required()}
    if not needed <= databag.keys():
        return None
    try:
        fields = {key: _decode(databag[key]) for key in model.model_fields if key in databag}
        return model.model_validate(fields)
    except pydantic.ValidationError as error:
        raise ValueError(reason(error)) from None


def save(relation: ops.Relation, author: ops.Application | ops.Unit, data: pydantic.BaseModel) -> None:
    """Write `data` to `author`'s databag: changed keys are written, those not offered removed."""
    texts = {
        key: "" if value is None else json.dumps(value) for key, value in data.model_dump(mode="json").items()
    }
    relation_data.write(relation, author, texts)


def _decode(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # deep nesting exceeds the recursion limit
        return _NOT_JSON
