"""An event for a unit."""

from dataclasses import dataclass
from typing import Any, cast

from sandbox.host.messages import HookEvent


@dataclass(frozen=True)
class RelationName:
    """A relation, as an event names it."""

    id: int
    endpoint: str
    remote_application: str


@dataclass(frozen=True)
class Hook:
    """An event for a unit; everything in it is named as the unit's model names it."""

    kind: str
    """As ops names it, without what it is about."""
    relation: RelationName | None = None
    remote_unit: int | None = None
    version: int = 0
    """Of the data or the secret that has changed."""
    departing: str | None = None
    container: str | None = None
    check: str | None = None
    notice: str | None = None
    secret: str | None = None
    revision: int | None = None
    storage: str | None = None
    action: str | None = None
    params: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """The name in Juju, such as `catalogue-relation-changed`."""
        kind = self.kind.replace("_", "-")
        endpoint = self.relation.endpoint if self.relation else None
        subject = endpoint or self.container or self.storage or self.action
        return f"{subject}-{kind}" if subject else kind

    def __str__(self) -> str:
        if not self.relation:
            return self.name
        remote = self._remote_unit_name or self.relation.remote_application
        return f"{self.name} ({self.relation.id}, {remote})"

    def event(self) -> HookEvent:
        """Return the event as the charm's process is given it."""
        subjects: dict[str, object] = {
            "kind": self.kind,
            "relation": self.relation.id if self.relation else None,
            "remote_unit": self.remote_unit,
            "container": self.container,
            "check": self.check,
            "notice": self.notice,
            "secret": self.secret,
            "revision": self.revision,
            "storage": self.storage,
            "action": self.action,
            "params": self.params,
            "environment": self._environment(),
        }
        return cast("HookEvent", {key: value for key, value in subjects.items() if value is not None})

    @property
    def _remote_unit_name(self) -> str:
        if self.relation is None or self.remote_unit is None:
            return ""
        return f"{self.relation.remote_application}/{self.remote_unit}"

    def _environment(self) -> dict[str, str]:
        if not self.relation:
            return {}
        return {"JUJU_REMOTE_UNIT": self._remote_unit_name, "JUJU_DEPARTING_UNIT": self.departing or ""}


@dataclass(frozen=True)
class HookError:
    """The reason that a unit is in error."""

    hook: Hook
    traceback: str
