"""Buckets of an object store: both sides of `s3`.

In the reconcile of a charm that stores objects::

    s3.request(self)
    try:
        store = s3.connection(self)
    except S3NotFoundError as missing:
        ...  # str(missing) is the reason, fit for a status
"""

import json
import logging
from typing import Annotated

import ops
import pydantic
import pydantic_core

import relation_data

from ._databag import relations
from ._secrets import check_secret_id, stored_secret
from ._urls import Address

logger = logging.getLogger(__name__)

_SECRET = "secret-extra"  # noqa: S105  # the key under which a secret's id goes over the relation


_Text = Annotated[str, pydantic.AfterValidator(relation_data.check_text)]


class S3NotFoundError(Exception):
    """There is no usable object store; the message has the reason."""


def _parse_list(value: object) -> object:
    return pydantic_core.from_json(value) if isinstance(value, str) else value


def _check_certificates(chain: list[str] | None) -> list[str] | None:
    import ssl  # most stores have no chain

    for number, certificate in enumerate(chain or ()):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificate)
        except (OSError, TypeError, ValueError):
            raise ValueError(f"entry {number} is not a certificate in PEM") from None
    return chain


class S3ConnectionInfo(pydantic.BaseModel, populate_by_name=True, frozen=True):
    """The connection details of a bucket."""

    endpoint: Address
    """The address of the store, with or without `http://` or `https://`."""
    bucket: _Text = pydantic.Field(min_length=1)
    access_key: _Text = pydantic.Field(alias="access-key", min_length=1, repr=False)
    secret_key: _Text = pydantic.Field(alias="secret-key", min_length=1, repr=False)
    region: _Text | None = None
    tls_ca_chain: Annotated[
        list[str] | None,
        pydantic.BeforeValidator(_parse_list),
        pydantic.AfterValidator(_check_certificates),
    ] = pydantic.Field(None, alias="tls-ca-chain")
    """The CA certificates, as PEM, that verify the store's own."""

    @property
    def ca_cert(self) -> str | None:
        """The whole chain as one text."""
        return "\n\n".join(self.tls_ca_chain) if self.tls_ca_chain else None


def request(charm: ops.CharmBase, bucket: str | None = None, *, relation_name: str = "s3") -> None:
    """Request a bucket; leader only, if it differs.

    Some stores only answer requests. A charm that accepts any bucket therefore requests one that is named
    after the relation; a store with a configured bucket ignores the name.
    """
    if not charm.unit.is_leader():
        return
    for relation in relations(charm, relation_name):
        relation_data.write(relation, charm.app, {"bucket": bucket or f"relation-{relation.id}"})


def connection(charm: ops.CharmBase, *, relation_name: str = "s3") -> S3ConnectionInfo:
    """Return the connection details of the charm's bucket; of several, the one that was related first.

    Raises:
        S3NotFoundError: if there is none yet, or its details are invalid.
    """
    problem = "no object store is related"
    for relation in relations(charm, relation_name):
        try:
            return _read(charm, relation)
        except S3NotFoundError as error:
            problem = str(error)
    raise S3NotFoundError(problem)


def offer(
    charm: ops.CharmBase, info: S3ConnectionInfo, *, relation_name: str = "s3", in_secret: bool = False
) -> None:
    """Publish the bucket's connection details to each related charm, for a store; leader only.

    The keys are sent in plain text, for older charms, or in a Juju secret.
    """
    if not charm.unit.is_leader():
        return
    keys = {"access-key": info.access_key, "secret-key": info.secret_key}
    for relation in relations(charm, relation_name):
        sent = {
            "endpoint": info.endpoint,
            "bucket": info.bucket,
            "region": info.region or "",
            "tls-ca-chain": json.dumps(info.tls_ca_chain) if info.tls_ca_chain else "",
            **({_SECRET: _share(charm, relation, keys) or ""} if in_secret else keys),
        }
        relation_data.write(relation, charm.app, sent)


def _read(charm: ops.CharmBase, relation: ops.Relation) -> S3ConnectionInfo:
    try:
        sent = {key: text for key, text in relation_data.read(relation, relation.app).items() if text}
    except relation_data.DatabagError as error:
        raise S3NotFoundError(f"{relation.app.name}: {error}") from error
    if secret_id := sent.get(_SECRET):
        sent |= _content(charm, relation, secret_id)
    if not {"bucket", "endpoint", "access-key", "secret-key"} & sent.keys():
        raise S3NotFoundError(f"{relation.app.name} has not sent the bucket's connection details yet")
    try:
        return S3ConnectionInfo.model_validate(sent)
    except pydantic.ValidationError as error:
        why = relation_data.reason(error)
        raise S3NotFoundError(f"invalid connection details from {relation.app.name}: {why}") from None


def _content(charm: ops.CharmBase, relation: ops.Relation, secret_id: str) -> dict[str, str]:
    try:
        return charm.model.get_secret(id=check_secret_id(secret_id)).get_content(refresh=True)
    except (ValueError, ops.SecretNotFoundError, ops.ModelError) as error:
        raise S3NotFoundError(f"cannot read the secret with the keys from {relation.app.name}") from error


def _share(charm: ops.CharmBase, relation: ops.Relation, content: dict[str, str]) -> str | None:
    """Return the id of the secret with the keys; None if Juju does not share it."""
    published: str | None = None
    try:
        published = relation_data.read(relation, charm.app).get(_SECRET)
        secret = stored_secret(charm, f"s3-{relation.id}", content)
        if not published:
            secret.grant(relation)
        return published or secret.get_info().id
    except (ops.ModelError, relation_data.DatabagError) as error:
        logger.warning("%s:%d: secret not shared: %s", relation.name, relation.id, error)
        return published
