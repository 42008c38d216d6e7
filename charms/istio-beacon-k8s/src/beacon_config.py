"""What an operator decides with `juju config`."""

import enum
from dataclasses import dataclass

import ops
import pydantic


class PolicyMode(str, enum.Enum):
    """What becomes of the policies that consumers ask for."""

    enforce = "enforce"
    """They hold."""
    audit = "audit"
    """They are written, and only tried: waypoints record what they would refuse."""
    off = "off"
    """There are none."""


class BeaconConfig(pydantic.BaseModel):
    """The options of charmcraft.yaml, where they are described."""

    # Not protected: what pydantic 2.8 and 2.9 would not have a field's name start with, `model_`.
    model_config = pydantic.ConfigDict(frozen=True, strict=True, protected_namespaces=())

    manage_authorization_policies: bool
    model_on_mesh: bool
    policy_mode: PolicyMode = pydantic.Field(strict=False)
    restrict_consumers: bool

    @property
    def mode(self) -> PolicyMode:
        """What both options that say something of it come to: off, if either of them says so."""
        return self.policy_mode if self.manage_authorization_policies else PolicyMode.off

    @property
    def mode_if_on(self) -> PolicyMode:
        """The mode, or what it would be if it were switched on."""
        return PolicyMode.enforce if self.policy_mode is PolicyMode.off else self.policy_mode


@dataclass(frozen=True)
class BadOption:
    """An option with a value that the charm can't work with."""

    app: str
    option: str
    reason: str

    def __str__(self) -> str:
        return (
            f"config {self.option}: {self.reason}; all stays as it is until "
            f"`juju config {self.app} {self.option}=…`"
        )


def load(charm: ops.CharmBase) -> BeaconConfig | BadOption:
    """The configuration as it is now, or the first option that is not as it should be."""
    try:
        return charm.load_config(BeaconConfig)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        option = str(first["loc"][0]).replace("_", "-")
        return BadOption(charm.app.name, option, first["msg"])
