"""Valid kubeconfigs, and the errors of others."""

from pathlib import Path

import pytest
import yaml

from sandbox.control_plane import Connection, ControlPlaneError


def write(path: Path, user: object, context: str = "there") -> Path:
    config = {
        "current-context": context,
        "clusters": [{"name": "cluster", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "there", "context": {"cluster": "cluster", "user": "someone"}}],
        "users": [{"name": "someone", "user": user}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


def test_token_is_sent_to_server(tmp_path: Path):
    connection = Connection.of(write(tmp_path / "config", {"token": "known"}))
    assert connection == Connection("http://127.0.0.1:1", "known")


@pytest.mark.parametrize(
    ("how", "user"),
    [
        ("exec", {"exec": {"command": "log-in", "env": [{"name": "KEY", "value": "secret"}]}}),
        ("tokenFile", {"tokenFile": "secret"}),
        ("password, username", {"username": "someone", "password": "secret"}),
    ],
)
def test_other_authentication_is_not_anonymous(tmp_path: Path, how: str, user: object):
    with pytest.raises(ControlPlaneError) as raised:
        Connection.of(write(tmp_path / "config", user))
    assert f"the user someone of {tmp_path / 'config'} has {how}, but neither" in str(raised.value)
    assert "kubectl create token" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_missing_kubeconfig_is_named(tmp_path: Path):
    with pytest.raises(ControlPlaneError, match=f"KUBECONFIG should name: .*{tmp_path / 'missing'}"):
        Connection.of(tmp_path / "missing")


def test_missing_context_is_reported_with_what_to_do(tmp_path: Path):
    with pytest.raises(ControlPlaneError, match="kubectl config use-context"):
        Connection.of(write(tmp_path / "config", {"token": "known"}, context="nowhere"))
