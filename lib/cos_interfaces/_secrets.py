"""The form of a Juju secret's id over a relation."""

import re

_SECRET_ID = re.compile(r"(secret:(//[0-9a-f-]{36}/)?)?[a-z0-9]{20}")


def check_secret_id(secret_id: str) -> str:
    """Return a valid secret id: it goes to a tool of Juju, and into that tool's messages.

    Raises:
        ValueError: if it is none, without the text, in which there may be anything.
    """
    if not _SECRET_ID.fullmatch(secret_id):
        raise ValueError("not the id of a Juju secret")
    return secret_id
