"""The Services of the model: the application of each, and whether it uses a waypoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from istio_policies import APPLICATION_LABEL
from k8s_charm import kubernetes_errors, manifest

if TYPE_CHECKING:
    from lightkube import Client

    from k8s_charm import Resource

USE_WAYPOINT = "istio.io/use-waypoint"


class ServicesUnknownError(Exception):
    """The Services could not be listed."""

    def __init__(self, problem: Exception):
        super().__init__(str(problem))
        self.problem = problem


class _Service(NamedTuple):
    app: str | None
    """The application whose pods it selects, if it selects those of one."""
    labels: Mapping[str, str]


@dataclass(frozen=True)
class ModelServices:
    """The Services of a model, or the error of listing them."""

    services: Mapping[str, _Service] | Exception
    listed: "Sequence[Resource]" = ()
    """The Services as Kubernetes has them."""

    def owner(self, service: str) -> str | None:
        """Return the application whose pods a Service selects; None if there is none.

        Raises:
            ServicesUnknownError: if the Services could not be listed.
        """
        found = self._known.get(service)
        return found.app if found else None

    def using(self, waypoint: str) -> set[str]:
        """Return the applications with a Service whose label names the waypoint.

        Raises:
            ServicesUnknownError: if the Services could not be listed.
        """
        return {
            service.app
            for service in self._known.values()
            if service.app and service.labels.get(USE_WAYPOINT) == waypoint
        }

    @property
    def _known(self) -> Mapping[str, _Service]:
        if isinstance(self.services, Exception):
            raise ServicesUnknownError(self.services) from self.services
        return self.services


def list_services(client: "Client", model: str) -> ModelServices:
    """List the Services of a model."""
    from lightkube.resources.core_v1 import Service

    try:
        listed = list(client.list(Service, namespace=model))
        plain = map(manifest, listed)
        return ModelServices({each["metadata"]["name"]: _service(each) for each in plain}, listed)
    except kubernetes_errors() as error:
        return ModelServices(error)


def _service(plain: "Mapping[str, Mapping[str, dict[str, str]]]") -> _Service:
    selector = plain.get("spec", {}).get("selector") or {}
    return _Service(selector.get(APPLICATION_LABEL), plain["metadata"].get("labels") or {})
