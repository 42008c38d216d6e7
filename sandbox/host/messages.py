"""Messages between a model and the process of a charm: one JSON object a line.

The model begins with `Start`, and the process answers that it is `Started`. For each event, the model
sends a `Delivery`; while the charm runs, the process may send a `Question` and wait for the `Answer`,
any number of times; it ends with an `Outcome` or a `Failure`.
"""

from typing import Any, TypedDict

Databag = dict[str, str]
Status = tuple[str, str]
"""A name such as "active", and a message."""


class Start(TypedDict):
    """The charm that the process is to run."""

    app: str
    directory: str
    """The charm's, for this process alone."""
    path: list[str]
    """Where the charm finds its modules, before those of the interpreter."""
    environment: dict[str, str]
    errors: str
    """The file that takes what the charm prints."""


class Started(TypedDict):
    """The process has started; it leads a process group of its own."""

    pid: int


class RelationState(TypedDict):
    """A relation as one unit sees it."""

    id: int
    endpoint: str
    interface: str
    is_peer: bool
    remote_app: str
    remote_model_uuid: str
    local_app_data: Databag
    local_unit_data: Databag
    remote_app_data: Databag
    remote_units_data: dict[str, Databag]
    """By the number of the unit."""


class CheckState(TypedDict):
    """A Pebble check."""

    name: str
    level: str
    startup: str
    status: str
    failures: int
    threshold: int


class NoticeState(TypedDict):
    """A custom notice of a workload."""

    id: str
    key: str
    data: dict[str, str]


class ContainerState(TypedDict):
    """A container of a unit; its files are those below `root`."""

    name: str
    root: str
    can_connect: bool
    layers: list[tuple[str, dict[str, Any]]]
    """Labels and Pebble layers, in the order in which they were added."""
    services: dict[str, str]
    """The status of each service that was ever started."""
    checks: list[CheckState]
    notices: list[NoticeState]


class SecretState(TypedDict):
    """A secret that a unit may read."""

    id: str
    owner: str | None
    """"app" or "unit" for one's own, None for another application's."""
    label: str | None
    description: str | None
    rotate: str | None
    tracked: dict[str, str]
    latest: dict[str, str]
    tracked_revision: int
    latest_revision: int
    grants: dict[str, list[str]]
    """By relation id: the applications and units that it is granted to."""


class UnitState(TypedDict):
    """Everything that a unit's charm can read through Juju, and its changes."""

    leader: bool
    planned_units: int
    config: dict[str, Any]
    model_name: str
    model_uuid: str
    relations: list[RelationState]
    containers: list[ContainerState]
    secrets: list[SecretState]
    storages: dict[str, str]
    """Name and directory."""
    opened_ports: list[tuple[str, int]]
    app_status: Status
    unit_status: Status
    workload_version: str
    memory: str
    """What the charm itself keeps from event to event (deferred events, stored state), opaque."""


class Subject(TypedDict, total=False):
    """The subject of an event, in the keys of its kind."""

    relation: int
    remote_unit: int
    container: str
    check: str
    notice: str
    secret: str
    revision: int
    storage: str
    action: str
    params: dict[str, Any]


class HookEvent(Subject):
    """An event."""

    kind: str
    """As ops names it, without what it is about: "install", "relation_changed", "pebble_ready", …"""
    environment: dict[str, str]
    """What Juju sets for this event and ops-scenario does not know."""


class Delivery(TypedDict):
    """An event for a unit."""

    unit: int
    fqdn: str
    address: str
    event: HookEvent
    state: UnitState


class HookOutcome(TypedDict):
    """The result of an event."""

    state: UnitState
    logs: list[tuple[str, str]]
    """Level and message."""
    consumed: list[str]
    """The secrets whose content was read, and so is tracked from now on."""
    refreshed: list[str]
    """Those of them whose latest revision is tracked from now on."""
    removed_revisions: list[tuple[str, int]]
    results: dict[str, Any]
    """Of an action, as are the next two."""
    messages: list[str]
    failure: str | None


class HookFailure(TypedDict):
    """The charm raised, or its process ended."""

    traceback: str
    logs: list[tuple[str, str]]


class ContainerRequest(TypedDict):
    """The charm's request about a container's processes."""

    container: str
    verb: str
    """"exec", "start", "stop", "restart", "replan" or "signal"."""
    services: list[str]
    """The services that it is about; "replan" is about all."""
    plan: dict[str, Any]
    signal: str
    command: list[str]
    environment: dict[str, str]
    working_dir: str | None
    stdin: str
    timeout: float | None


class ContainerReply(TypedDict):
    """The result of the request; all keys except `error` are for "exec"."""

    error: str
    """Why Pebble would refuse; empty if it would not."""
    code: int
    stdout: str
    stderr: str


class Reply(TypedDict, total=False):
    """A line from the charm's process: one of these."""

    question: ContainerRequest
    outcome: HookOutcome
    failure: HookFailure
