"""CPU and memory of a workload container, as configured, on the application's StatefulSet."""

import functools
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import ops

from k8s_charm import Json, PodTemplate, TemplateChange, kubernetes_errors, planned_units
from relation_data import Message

from .access import KubernetesAccess
from .quantities import parse_quantity

if TYPE_CHECKING:
    from lightkube.models.core_v1 import Container
    from lightkube.resources.apps_v1 import StatefulSet

logger = logging.getLogger(__name__)

Requirements = dict[str, dict[str, str]]

_RESOURCES = {"cpu": "CPU", "memory": "memory"}


class _InvalidLimitError(ValueError):
    """A config option that is not a quantity."""

    def __init__(self, message: Message):
        super().__init__(str(message))
        self.message = message


class KubernetesComputeResourcesPatch:
    """The CPU and memory requests and limits of one container, kept as configured.

    The charm's code sets the requests, config options set the limits; a limit below the request is raised to
    it. The leader writes, and only differences; pods restart after each write.

    Args:
        access: the access to Kubernetes of the application's charm.
        container_name: the container in the application's pods.
        requests: gives `{"cpu": …, "memory": …}`, or one of them.
        limit_options: `cpu_limit` and `memory_limit` → the names of the config options, if they have others.
    """

    def __init__(
        self,
        access: KubernetesAccess,
        container_name: str,
        requests: Callable[[], Mapping[str, str]],
        limit_options: Mapping[str, object] | None = None,
    ):
        self._access = access
        self._charm = access.charm
        self._container_name = container_name
        self._requests = requests
        self._limit_options = limit_options or {}
        self._problem: ops.StatusBase | None = None

    def reconcile(self) -> None:
        """Apply requests and limits to the StatefulSet; the status has any problem."""
        if not self._charm.unit.is_leader() or planned_units(self._charm) == 0 or self._invalid:
            return
        try:
            self._patch()
        except kubernetes_errors() as error:
            logger.warning("cannot set the resources of %s: %s", self._container_name, error)
            self._problem = self._access.status(error, "set CPU and memory")

    @property
    def _namespace(self) -> str:
        """The model's namespace; charms' tests patch it."""
        return self._charm.model.name

    def _patch(self) -> None:
        from lightkube.resources.apps_v1 import StatefulSet

        client = self._access.client
        stateful_set = client.get(StatefulSet, self._charm.app.name, namespace=self._namespace)
        if change := self.change(stateful_set):
            template = PodTemplate(client, stateful_set, self._access.deadline)
            template.apply(TemplateChange.of(stateful_set, {}, change))

    def change(self, stateful_set: "StatefulSet") -> Json | None:
        """Return the strategic merge patch of the pod template for CPU and memory; None if nothing differs.

        The status reports any problem.
        """
        self._problem = None
        if self._invalid:
            return None
        container = self._container_in(stateful_set)
        if container is None:
            cause = f"cannot set CPU and memory: no container {self._container_name} in the pods"
            self._problem = Message(cause).blocked()
            return None
        desired = self._desired
        former = self._set_before(stateful_set) - _fields(desired)
        if not former and _has(container, desired):
            return None
        resources: dict[str, dict[str, str | None]] = {name: {**desired[name]} for name in desired}
        for section, resource in former:
            resources.setdefault(section, {})[resource] = None
        requests, limits = _words(desired["requests"]), _words(desired["limits"])
        logger.info(
            "%s now requests %s, limits %s", self._container_name, requests or "nothing", limits or "none"
        )
        return {"spec": {"containers": [{"name": self._container_name, "resources": resources}]}}

    def get_status(self) -> ops.StatusBase:
        """Return a status with the problem, or an active status."""
        if self._invalid:
            return self._invalid.blocked()
        return self._problem or ops.ActiveStatus()

    def is_ready(self) -> bool:
        """Return whether there is no problem."""
        return isinstance(self.get_status(), ops.ActiveStatus)

    @property
    def _invalid(self) -> Message | None:
        """Return the reason why the configured limits are invalid; None if they are valid."""
        try:
            _ = self._desired
        except _InvalidLimitError as error:
            return error.message
        except ValueError as error:
            return Message(str(error))
        return None

    @property
    def _desired(self) -> Requirements:
        limits = self._limits()
        requests = dict(self._requests())
        for resource, request in requests.items():
            if resource in limits and parse_quantity(limits[resource]) < parse_quantity(request):
                limits[resource] = request
        return {"limits": limits, "requests": requests}

    def _limits(self) -> dict[str, str]:
        limits: dict[str, str] = {}
        for resource in _RESOURCES:
            option = str(self._limit_options.get(f"{resource}_limit", f"{resource}_limit"))
            if limit := str(self._charm.config.get(option, "")):
                try:
                    parse_quantity(limit)
                except ValueError as error:
                    command = f"juju config {self._charm.app.name} {option}=…"
                    raise _InvalidLimitError(Message(f"config {option}", str(error), command)) from None
                limits[resource] = limit
        return limits

    def _container_in(self, stateful_set: "StatefulSet") -> "Container | None":
        pod = stateful_set.spec.template.spec if stateful_set.spec else None
        containers = pod.containers if pod else []
        return next((container for container in containers if container.name == self._container_name), None)

    def _set_before(self, stateful_set: "StatefulSet") -> set[tuple[str, str]]:
        container = f'k:{{"name":"{self._container_name}"}}'
        path = ("spec", "template", "spec", "containers", container, "resources")
        # The field managers of this revision, and of older ones.
        managers = (self._access.field_manager, "ResourcePatcher")
        fields: set[tuple[str, str]] = set()
        for entry in (stateful_set.metadata and stateful_set.metadata.managedFields) or []:
            if entry.manager in managers:
                resources = functools.reduce(_field, path, cast("dict[str, Any]", entry.fieldsV1 or {}))
                for section, owned in resources.items():
                    names = [name.removeprefix("f:") for name in owned if name.startswith("f:")]
                    fields |= {(section.removeprefix("f:"), name) for name in names}
        return fields


def _fields(desired: Requirements) -> set[tuple[str, str]]:
    """Return each section and resource that has a quantity."""
    fields: set[tuple[str, str]] = set()
    for section, quantities in desired.items():
        fields |= {(section, resource) for resource in quantities}
    return fields


def _has(container: "Container", desired: Requirements) -> bool:
    """Return whether a container has the desired values."""
    live = cast("Requirements", container.resources.to_dict() if container.resources else {})
    return all(
        _same(live.get(section, {}).get(resource), desired[section][resource])
        for section, resource in _fields(desired)
    )


def _field(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """One level of Kubernetes' record of field managers."""
    return fields.get(name if name.startswith("k:") else f"f:{name}", {})


def _words(quantities: Mapping[str, str]) -> str:
    shown = [
        f"{quantities[resource]} {name}" for resource, name in _RESOURCES.items() if resource in quantities
    ]
    return ", ".join(shown)


def _same(live: str | None, desired: str) -> bool:
    """Return whether two quantities are equal: Kubernetes writes `500m` for `0.5`."""
    try:
        return live is not None and parse_quantity(live) == parse_quantity(desired)
    except ValueError:
        return False
