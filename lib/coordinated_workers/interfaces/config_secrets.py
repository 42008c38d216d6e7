"""Secrets of a workload's configuration, sent in a Juju secret rather than in the databag.

The published configuration has a placeholder for each. The worker, which is granted the secret, fills them
in.
"""

import json
import logging
import re
from collections.abc import Mapping

import ops

from cos_interfaces import stored_secret

logger = logging.getLogger(__name__)

_LABEL = "worker-config-secrets"
_PLACEHOLDER = re.compile(r"@@juju-secret:([a-z0-9-]+)@@")


def redacted(text: str, secrets: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Replace secrets in a text, also as JSON and YAML write them, by placeholders.

    Args:
        text: the configuration.
        secrets: name → secret; a name fits as a key of a Juju secret.

    Returns:
        The text, and the content of the Juju secret for `filled`: the replaced text, by key.
    """
    keys: dict[str, str] = {}
    for name, secret in secrets.items():
        as_json, as_yaml = json.dumps(secret)[1:-1], secret.replace("'", "''")
        for key, written in ((name, secret), (f"{name}-json", as_json), (f"{name}-yaml", as_yaml)):
            keys.setdefault(written, key)
    longest_first = sorted(filter(None, keys), key=len, reverse=True)
    if not longest_first:
        return text, {}
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    content = {keys[written]: written for written in pattern.findall(text)}
    return pattern.sub(lambda found: f"@@juju-secret:{keys[found[0]]}@@", text), content


def filled(text: str, content: Mapping[str, str]) -> str:
    """Return the text with its placeholders filled in."""
    return _PLACEHOLDER.sub(lambda found: content.get(found[1], found[0]), text)


def share(charm: ops.CharmBase, content: Mapping[str, str]) -> tuple[ops.Secret, str] | None:
    """Return the application's secret with this content, and its id; None if Juju rejects it."""
    try:
        secret = stored_secret(charm, _LABEL, content)
        return secret, secret.get_info().id
    except ops.ModelError as error:
        logger.warning("cannot store secrets of the workers' configuration in Juju: %s", type(error).__name__)
        return None


def read(model: ops.Model, secret_id: str) -> dict[str, str]:
    """Return the content of the coordinator's secret.

    Raises:
        ValueError: if it cannot be read, or not yet; the message does not contain the id, which may be any
            text.
    """
    try:
        return model.get_secret(id=secret_id).get_content(refresh=True)
    except (ops.SecretNotFoundError, ops.ModelError) as error:
        raise ValueError("worker_config: cannot read its secret") from error
