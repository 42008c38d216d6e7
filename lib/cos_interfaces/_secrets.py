"""Juju secrets whose ids are sent over a relation."""

import re
from collections.abc import Mapping

import ops

_SECRET_ID = re.compile(r"(secret:(//[0-9a-f-]{36}/)?)?[a-z0-9]{20}")


def check_secret_id(secret_id: str) -> str:
    """Return a valid secret id, which is passed to Juju's tools."""
    if not _SECRET_ID.fullmatch(secret_id):
        raise ValueError("not the id of a Juju secret")
    return secret_id


def stored_secret(charm: ops.CharmBase, label: str, content: Mapping[str, str]) -> ops.Secret:
    """Return the application's secret of this label, with this content; it is written only if it differs.

    Raises:
        ops.ModelError: if Juju does not store it.
    """
    try:
        secret = charm.model.get_secret(label=label)
    except ops.SecretNotFoundError:
        return charm.app.add_secret(dict(content), label=label)
    if secret.peek_content() != content:
        secret.set_content(dict(content))
    return secret
