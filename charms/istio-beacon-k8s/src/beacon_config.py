"""What an operator decides with `juju config`."""

import ops
import pydantic


class BeaconConfig(pydantic.BaseModel):
    """The options of charmcraft.yaml, where they are described."""

    # Not protected: what pydantic 2.8 and 2.9 would not have a field's name start with, `model_`.
    model_config = pydantic.ConfigDict(frozen=True, strict=True, protected_namespaces=())

    manage_authorization_policies: bool
    model_on_mesh: bool
    restrict_consumers: bool


class BadOptionError(Exception):
    """An option has a value that the charm can't work with."""

    def __init__(self, option: str, reason: str):
        super().__init__(f"config {option}: {reason}")
        self.option = option


def load(charm: ops.CharmBase) -> BeaconConfig:
    """The configuration as it is now.

    Raises:
        BadOptionError: for the first option that is not as it should be.
    """
    try:
        return charm.load_config(BeaconConfig)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise BadOptionError(option, first["msg"]) from None
