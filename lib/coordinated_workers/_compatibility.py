"""Names that charms written for the published library use, and nothing here does.

Where a charm calls, overrides or patches a name of ours that does something, it stays where it is.
"""

import json
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import ops
import pydantic

_Model = TypeVar("_Model", bound="PublishedDatabagMethods")
_Value = TypeVar("_Value")


CONSOLIDATED_METRICS_ALERT_RULES_PATH = Path("src/prometheus_alert_rules/consolidated_rules")
CONSOLIDATED_LOGS_ALERT_RULES_PATH = Path("src/loki_alert_rules/consolidated_rules")
"""Folder to which the published coordinator writes rules; this one reads them from their own folders."""

NGINX_ORIGINAL_METRICS_ALERT_RULES_PATH = Path("src/prometheus_alert_rules/nginx")
WORKER_ORIGINAL_METRICS_ALERT_RULES_PATH = Path("src/prometheus_alert_rules/workers")
ORIGINAL_LOGS_ALERT_RULES_PATH = Path("src/loki_alert_rules")
"""Folder from which the published coordinator reads rules."""

PEER_RELATION_DEFAULT_NAME = "peers"

BASE_DIR = "/worker"

ROOT_CA_CERT_PATH = Path("/usr/local/share/ca-certificates/ca.crt")
"""File of a CA in the charm's own container, where nothing here writes it."""

LAZY_NAMES = {
    "Coordinator": "coordinator",
    "Nginx": "nginx",
    "NginxConfig": "nginx",
    "NginxPrometheusExporter": "nginx",
    "NginxTracingConfig": "nginx",
    "TelemetryCorrelation": "telemetry_correlation",
    "Worker": "worker",
    "WorkerTelemetryProxyConfig": "worker_telemetry",
}
"""Class → its module; importers find them in the package itself, too."""


class AssignableProperty(Generic[_Value]):
    """A property that subclasses and tests may assign: the published class keeps a value there."""

    def __init__(self, function: Callable[[Any], _Value]):
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: object, owner: type | None = None) -> _Value:
        return cast("_Value", self) if instance is None else self._function(instance)


def name_for_tests(name: str) -> Any:
    """Return `Client` of lightkube, which tests replace in the modules that imported it: their `__getattr__`.

    It is not imported until then, since most hooks start faster without it.
    """
    if name == "Client":
        from lightkube import Client

        return Client
    raise AttributeError(f"no such name: {name!r}")


def can_connect(container: ops.Container) -> bool:
    """Return whether Pebble answers in a container.

    The tests of Tempo's charm omit containers, for which ops.testing raises a RuntimeError.
    """
    try:
        return container.can_connect()
    except RuntimeError:
        return False


class PublishedDatabagMethods(pydantic.BaseModel):
    """Methods of the published databag models that the charms' tests call; cosl's `DatabagModel` has them."""

    @classmethod
    def load(cls: type[_Model], databag: MutableMapping[str, str]) -> _Model:
        """Return the contents of a databag.

        Raises:
            cosl.interfaces.utils.DataValidationError: if it is invalid.
        """
        from cosl.interfaces.utils import DataValidationError

        try:
            return cls.model_validate(
                {key: json.loads(databag[key]) for key in cls.model_fields if key in databag}
            )
        except ValueError as error:
            raise DataValidationError(f"invalid databag of {cls.__name__}") from error

    def dump(
        self, databag: MutableMapping[str, str] | None = None, clear: bool = True
    ) -> MutableMapping[str, str]:
        """Write the values that are not defaults into a databag, or a new one, and return it."""
        databag = {} if databag is None else databag
        if clear:
            databag.clear()
        sent = self.model_dump(mode="json", exclude_defaults=True)
        databag.update({key: json.dumps(value) for key, value in sent.items()})
        return databag


class PublishedCoordinatorNames:
    """Underscored names of the published `Coordinator` that charms and their tests use all the same."""

    def _consolidate_alert_rules(self) -> None:
        """Do nothing: rules are read where they are. The tests of Tempo's and Pyroscope's charms patch it."""


class PublishedWorkerNames:
    """Names of the published `Worker` that charms set, and that have no effect: no hook waits."""

    readiness_check_name = "ready"
    """The name of Pebble's check of the workload."""

    SERVICE_START_RETRY_STOP: Any = None
    SERVICE_START_RETRY_WAIT: Any = None
    SERVICE_START_RETRY_IF: Any = None
    SERVICE_STATUS_UP_RETRY_STOP: Any = None
    SERVICE_STATUS_UP_RETRY_WAIT: Any = None
    SERVICE_STATUS_UP_RETRY_IF: Any = None
