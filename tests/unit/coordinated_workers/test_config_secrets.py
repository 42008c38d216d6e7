"""Secrets of a configuration, which are sent in a Juju secret."""

import json

import ops
import pytest
from ops import testing

from coordinated_workers.interfaces import config_secrets


@pytest.mark.parametrize(
    ("secrets", "text", "public", "content"),
    [
        ({"key": "hush"}, "a: hush", "a: @@juju-secret:key@@", {"key": "hush"}),
        (
            {"one": "hush", "two": "hush-hush"},
            "a: hush-hush\nb: hush",
            "a: @@juju-secret:two@@\nb: @@juju-secret:one@@",
            {"one": "hush", "two": "hush-hush"},
        ),
        (
            {"key": 'a "b"'},
            json.dumps({"a": 'a "b"'}),
            '{"a": "@@juju-secret:key-json@@"}',
            {"key-json": r"a \"b\""},
        ),
        ({"key": "it's"}, "a: 'it''s'", "a: '@@juju-secret:key-yaml@@'", {"key-yaml": "it''s"}),
        ({"key": "a.c"}, "a: abc", "a: abc", {}),
        ({"key": ""}, "a: b", "a: b", {}),
        ({"key": "hush"}, "a: b", "a: b", {}),
    ],
    ids=["plain", "one within another", "JSON", "YAML", "no pattern", "empty", "absent"],
)
def test_placeholders(secrets: dict[str, str], text: str, public: str, content: dict[str, str]):
    assert config_secrets.redacted(text, secrets) == (public, content)
    assert config_secrets.filled(public, content) == text


def test_unknown_placeholder_stays():
    text = "a: @@juju-secret:other@@"
    assert config_secrets.filled(text, {"key": "hush"}) == text


def test_id_is_not_in_the_error():
    context = testing.Context(ops.CharmBase, {"name": "kv"})
    with (
        context(context.on.start(), testing.State()) as manager,
        pytest.raises(ValueError, match=r"^worker_config: cannot read its secret$"),
    ):
        config_secrets.read(manager.charm.model, "secret:cvq1p2q3r4s5t6u7v8w0")
