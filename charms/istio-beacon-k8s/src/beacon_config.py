"""The configuration of the beacon."""

import enum
import json
from typing import Annotated

import ops
import pydantic

from istio_policies import check_trust_domain
from problems import Problem, blocked
from relation_data import Message


class PolicyMode(str, enum.Enum):
    """Mode of the policies that consumers request."""

    enforce = "enforce"
    """Policies are enforced."""
    audit = "audit"
    """Policies are written, logged and not enforced."""
    off = "off"
    """No policies are written."""


class BeaconConfig(pydantic.BaseModel):
    """The options of charmcraft.yaml, where they are described."""

    # Not protected: pydantic 2.8 and 2.9 reserve names that start with `model_`.
    model_config = pydantic.ConfigDict(frozen=True, strict=True, protected_namespaces=())

    allow_unrelated_callers: bool
    close_unprotected: bool
    manage_authorization_policies: bool
    model_on_mesh: bool
    policy_mode: PolicyMode = pydantic.Field(strict=False)
    ready_timeout: Annotated[int, pydantic.Field(ge=0)]
    restrict_consumers: bool
    trust_domain: Annotated[str, pydantic.AfterValidator(check_trust_domain)]

    @property
    def mode(self) -> PolicyMode:
        """The mode; off, if either of the two options turns it off."""
        return self.policy_mode if self.manage_authorization_policies else PolicyMode.off

    @property
    def mode_if_on(self) -> PolicyMode:
        """The mode, or the one that it would be if policies were switched on."""
        return PolicyMode.enforce if self.policy_mode is PolicyMode.off else self.policy_mode


def load(charm: ops.CharmBase, last_valid: str) -> tuple[BeaconConfig, list[Problem]]:
    """Return the configuration, and a problem for each invalid option.

    An invalid option keeps its last valid value, so that everything else continues, including revocations. It
    has its default if that value was valid only for another revision of the charm.
    The last valid configuration is JSON, or empty if there was none.
    """
    try:
        return charm.load_config(BeaconConfig), []
    except pydantic.ValidationError as error:
        reasons = {str(each["loc"][0]): each["msg"] for each in error.errors(include_url=False)}
    options = {name.replace("-", "_"): value for name, value in charm.config.items()}
    defaults = {name.replace("-", "_"): option.default for name, option in charm.meta.config.items()}
    last: dict[str, object] = {**defaults, **json.loads(last_valid or "{}")}
    values = {**options, **{name: last[name] for name in reasons}}
    try:
        config = BeaconConfig.model_validate(values)
    except pydantic.ValidationError:
        config = BeaconConfig.model_validate({**values, **{name: defaults[name] for name in reasons}})
    used = config.model_dump(mode="json")
    return config, [_invalid(charm, name, reason, used[name]) for name, reason in reasons.items()]


def _invalid(charm: ops.CharmBase, field: str, reason: str, used: object) -> Problem:
    option = field.replace("_", "-")
    wrong = reason.removeprefix("Value error, ").replace("Input should be", "must be")
    command = f"juju config {charm.app.name} {option}=…"
    return blocked(Message(f"config {option}, using {used}", wrong, command))
