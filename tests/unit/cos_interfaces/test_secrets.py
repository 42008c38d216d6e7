"""Juju's secrets, and their ids."""

import ops
import pytest
from ops import testing

from cos_interfaces import check_secret_id, stored_secret

ID = "cvq1p2q3r4s5t6u7v8w0"
MODEL = "7c9e2a50-0000-4000-8000-000000000001"


@pytest.mark.parametrize("secret_id", [ID, f"secret:{ID}", f"secret://{MODEL}/{ID}"])
def test_an_id_is_taken(secret_id: str):
    assert check_secret_id(secret_id) == secret_id


@pytest.mark.parametrize(
    "secret_id",
    [
        *("", "secret:", ID[:-1], f"{ID}0", f"{ID}\n", f"{ID} --help", f" {ID}", f"--help {ID}"),
        *(f"x\nsecret:{ID}", f"secret:{ID}\n", f"secret://{MODEL}/{ID}/x", f"secret:///{ID}", ID.upper()),
    ],
)
def test_what_has_id_in_it_is_none(secret_id: str):
    with pytest.raises(ValueError) as error:
        check_secret_id(secret_id)
    assert str(error.value) == "not the id of a Juju secret"


def stored(*held: testing.Secret) -> testing.Secret:
    """Store a secret, and return it as Juju has it then."""
    context = testing.Context(ops.CharmBase, {"name": "kv"})
    state = testing.State(leader=True, secrets=held)
    with context(context.on.update_status(), state) as manager:
        found = stored_secret(manager.charm, "mine", {"key": "hush"})
        assert found.peek_content() == {"key": "hush"}
        (secret,) = manager.run().secrets
    assert secret.label == "mine"
    return secret


def test_is_stored():
    assert stored().tracked_content == {"key": "hush"}


def test_is_written_when_it_differs():
    old = testing.Secret({"key": "old"}, label="mine", owner="app")
    secret = stored(old)
    assert secret.id == old.id
    assert secret.latest_content == {"key": "hush"}


def test_is_not_written_again(monkeypatch: pytest.MonkeyPatch):
    def set_content(*_: object) -> None:
        raise AssertionError("written again")

    monkeypatch.setattr(ops.Secret, "set_content", set_content)
    stored(testing.Secret({"key": "hush"}, label="mine", owner="app"))
