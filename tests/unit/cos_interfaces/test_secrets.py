"""The ids of Juju's secrets."""

import pytest

from cos_interfaces import check_secret_id

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
