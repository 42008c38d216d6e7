"""Which application of the model a Service belongs to."""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesh_resources import manifest

if TYPE_CHECKING:
    from lightkube import Client

_APPLICATION_LABEL = "app.kubernetes.io/name"


@dataclass(frozen=True)
class ServiceOwners:
    """Tells whose a Service is, by the pods that it selects.

    The Services are listed when first asked for: nearly every policy is on the Service that is named
    after its application, which needs no look-up.
    """

    client: "Client"
    model: str

    def __call__(self, service: str) -> str | None:
        """The application whose pods the Service stands for; None if there is none.

        Raises:
            lightkube.ApiError: if Kubernetes refuses to tell.
        """
        return self._applications.get(service)

    @functools.cached_property
    def _applications(self) -> dict[str, str]:
        from lightkube.resources.core_v1 import Service

        services = map(manifest, self.client.list(Service, namespace=self.model))
        selectors: dict[str, dict[str, str]] = {
            each["metadata"]["name"]: each["spec"].get("selector") or {} for each in services
        }
        return {
            name: selector[_APPLICATION_LABEL]
            for name, selector in selectors.items()
            if _APPLICATION_LABEL in selector
        }
