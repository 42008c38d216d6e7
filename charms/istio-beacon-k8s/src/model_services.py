"""The Services of the model: whose each is, and which are led through a waypoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from istio_policies import APPLICATION_LABEL
from k8s_charm import kubernetes_errors, manifest

if TYPE_CHECKING:
    from lightkube import Client

USE_WAYPOINT = "istio.io/use-waypoint"


class ServicesUnknownError(Exception):
    """Kubernetes does not tell which Services there are; raised from why."""

    def __init__(self, problem: Exception):
        super().__init__(str(problem))
        self.problem = problem


class _Service(NamedTuple):
    app: str | None
    """The application whose pods it stands for, if it is one's."""
    labels: Mapping[str, str]


@dataclass(frozen=True)
class ModelServices:
    """Looks Services up; they are listed when first asked for, once, whatever comes of it.

    Nearly every policy is on the Service that is named after its application, which needs no look-up.
    """

    client: "Client"
    model: str

    def owner(self, service: str) -> str | None:
        """The application whose pods the Service stands for; None if there is none.

        Raises:
            ServicesUnknownError: if Kubernetes does not tell.
        """
        found = self._services.get(service)
        return found.app if found else None

    def led_through(self, waypoint: str) -> set[str]:
        """The applications with a Service whose label leads to the waypoint.

        Raises:
            ServicesUnknownError: if Kubernetes does not tell.
        """
        return {
            service.app
            for service in self._services.values()
            if service.app and service.labels.get(USE_WAYPOINT) == waypoint
        }

    @property
    def _services(self) -> dict[str, _Service]:
        if isinstance(self._answer, Exception):
            raise ServicesUnknownError(self._answer) from self._answer
        return self._answer

    @cached_property
    def _answer(self) -> dict[str, _Service] | Exception:
        from lightkube.resources.core_v1 import Service

        try:
            services = [manifest(each) for each in self.client.list(Service, namespace=self.model)]
            return {each["metadata"]["name"]: _service(each) for each in services}
        except kubernetes_errors() as error:
            return error


def _service(plain: "Mapping[str, Mapping[str, dict[str, str]]]") -> _Service:
    selector = plain.get("spec", {}).get("selector") or {}
    return _Service(selector.get(APPLICATION_LABEL), plain["metadata"].get("labels") or {})
