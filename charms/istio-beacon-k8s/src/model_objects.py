"""The objects of the beacon's model, each list read at most once in a hook."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from istio_policies import APPLICATION_LABEL
from k8s_charm import (
    Client,
    Deadline,
    Failure,
    Owner,
    Resource,
    kubernetes_errors,
    labels_of,
    list_objects,
    manifest,
    metadata,
    subtree,
)
from mesh_inspection import ControlPlane, read_control_plane

USE_WAYPOINT = "istio.io/use-waypoint"


@dataclass
class ModelObjects:
    """The objects of a model, each list read when it is first needed.

    Reading one raises one of `kubernetes_errors()` if Kubernetes does not return it.
    """

    client: Client
    owner: Owner
    """The beacon."""
    deadline: Deadline = field(default_factory=Deadline)
    """The end of the hook's time."""
    needs_services: bool = False
    """True if all Services are needed in this hook in any case."""
    own: list[Resource] = field(default_factory=list[Resource])
    """The beacon's own objects, as far as its steps have listed them, as they are after its writes."""
    _lists: dict[type[Resource], list[Resource] | Failure] = field(
        default_factory=dict[type[Resource], list[Resource] | Failure]
    )

    @property
    def name(self) -> str:
        """The name of the model, and so of its namespace."""
        return self.owner.model

    @cached_property
    def namespace(self) -> Resource:
        """The namespace of the model."""
        from lightkube.resources.core_v1 import Namespace

        return self.client.get(Namespace, self.name)

    @cached_property
    def control_plane(self) -> ControlPlane:
        """Istio's control plane.

        Raises:
            UnreadableClusterError: if Kubernetes does not return where istiod is, or how it is configured.
        """
        return read_control_plane(self.client)

    @property
    def pods(self) -> list[Resource]:
        """All pods."""
        from lightkube.resources.core_v1 import Pod

        return self._listed(Pod)

    @property
    def pods_if_listed(self) -> list[Resource]:
        """All pods if that takes no request of its own; none otherwise."""
        return self._if_listed(lambda: self.pods)

    @property
    def services(self) -> list[Resource]:
        """All Services."""
        from lightkube.resources.core_v1 import Service

        return self._listed(Service)

    @property
    def own_policies(self) -> list[Resource]:
        """The AuthorizationPolicies among the beacon's own objects."""
        from istio_policies import AuthorizationPolicy

        return [each for each in self.own if isinstance(each, AuthorizationPolicy)]

    @property
    def other_policies(self) -> list[Resource]:
        """All AuthorizationPolicies that are not the beacon's."""
        from istio_policies import AuthorizationPolicy

        return self._listed(AuthorizationPolicy, self.not_own)

    @property
    def not_own(self) -> dict[str, object]:
        """The labels that select objects which are not the beacon's."""
        from lightkube.operators import not_equal

        return {key: not_equal(value) for key, value in self.owner.instance_label.items()}

    def service(self, name: str) -> Resource | None:
        """Return a Service if this hook reads all Services anyway; None otherwise."""
        listed = self._if_listed(lambda: self.services)
        return next((each for each in listed if name_of(each) == name), None)

    def app_behind(self, service: str) -> str | None:
        """Return the application whose pods a Service selects; None if there is none."""
        return self._apps.get(service)

    def apps_using(self, waypoint: str) -> set[str]:
        """Return the applications with a Service whose label names a waypoint."""
        names = {name_of(each) for each in self.services if labels_of(each).get(USE_WAYPOINT) == waypoint}
        return {app for name in names if (app := self._apps[name])}

    def forget(self) -> None:
        """Discard all lists, since some of their objects were written."""
        self._lists.clear()
        for each in ("namespace", "_apps"):
            vars(self).pop(each, None)

    @cached_property
    def _apps(self) -> dict[str, str | None]:
        selectors = {name_of(each): subtree(manifest(each), "spec", "selector") for each in self.services}
        return {name: selector.get(APPLICATION_LABEL) for name, selector in selectors.items()}

    def _if_listed(self, read: Callable[[], list[Resource]]) -> list[Resource]:
        """Return a list that this hook reads anyway; empty otherwise, or if Kubernetes does not return it."""
        try:
            return read() if self.needs_services else []
        except kubernetes_errors():
            return []

    def _listed(self, kind: type[Resource], labels: Mapping[str, object] | None = None) -> list[Resource]:
        # A failure is kept as well: very many policies may depend on the Services.
        if kind not in self._lists:
            self._lists[kind] = list_objects(self.client, kind, self.name, labels)
        found = self._lists[kind]
        if not isinstance(found, Failure):
            return found
        raise found.error if isinstance(found.error, kubernetes_errors()) else ValueError(found.reason)


def name_of(resource: Resource) -> str:
    """Return the name of an object."""
    return metadata(resource)["name"]
