"""The allowed requests: those that the relations require, and those in Kubernetes.

The two are computed separately. The required ones follow from the relations of the models and from
`samples.GRANTS`, and not from the charms' output.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from charmlibs.interfaces.service_mesh import unresolved_name
from istio_policies import ANYBODY, describe_requests, describe_sources, describe_targets
from k8s_charm import Json, manifest

from .juju import Application, Model, Side
from .samples import BEACON, CLUSTERS, GRANTS, Grant

if TYPE_CHECKING:
    from lightkube import Client

_DATAPLANE_MODE = "istio.io/dataplane-mode"
_USE_WAYPOINT = "istio.io/use-waypoint"
# Only applications have StatefulSets here; their pods have no label of Juju's own.
_OF_STATEFUL_SET = "statefulset.kubernetes.io/pod-name"
_NAME = "app.kubernetes.io/name"
_PART_OF = "app.kubernetes.io/part-of"


@dataclass(frozen=True, order=True)
class Flow:
    """Requests that are allowed."""

    source: str
    """An application, as `model/application`."""
    target: str
    """A Service, or units of an application."""
    requests: str

    def __str__(self) -> str:
        return f"{self.source} → {self.target}: {self.requests}"


@dataclass(frozen=True)
class Permission:
    """Requests that the relations of an application allow another one; an empty field is not restricted."""

    source: str
    """An application, as `model/application`."""
    namespace: str
    service: str | None
    """The Service that may be reached, or else each pod with the labels."""
    pod_labels: tuple[tuple[str, str], ...] = ()
    ports: tuple[int, ...] = ()
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def flow(self) -> Flow:
        """Return the requests in words."""
        fields = {"methods": self.methods, "paths": self.paths, "ports": list(map(str, self.ports))}
        operation = {field: sorted(values) for field, values in fields.items() if values}
        if self.service:
            target: Json = {"targetRefs": [{"kind": "Service", "name": self.service}]}
        else:
            target = {"selector": {"matchLabels": dict(self.pod_labels)}}
        (target_in_words,) = describe_targets(self.namespace, target)
        (requests,) = describe_requests({"rules": [{"to": [{"operation": operation}]}]})
        return Flow(self.source, target_in_words, requests)


def expected_flows(models: Iterable[Model]) -> set[Flow]:
    """Return the requests that the relations of the models require."""
    return {permission.flow for permission in permissions(models)}


def permissions(models: Iterable[Model]) -> set[Permission]:
    """Return the requests that the relations of the models require."""
    found: set[Permission] = set()
    for model in models:
        for application in model.applications.values():
            requested = set(_permissions_of(application))
            found |= {*requested, *_permissions_of_waypoint(application, requested)}
    return found


def actual_flows(client: "Client", namespaces: Iterable[str]) -> set[Flow]:
    """Return the requests that the AuthorizationPolicies in these namespaces allow."""
    from istio_policies import AuthorizationPolicy

    found: set[Flow] = set()
    for namespace in namespaces:
        for policy in client.list(AuthorizationPolicy, namespace=namespace):
            found.update(flows_of_policy(manifest(policy)))
    return found


def expected_pods(models: Iterable[Model]) -> dict[str, str | None]:
    """Return each pod, and the waypoint that its labels should name; None outside the mesh."""
    pods: dict[str, str | None] = {}
    for model in models:
        for unit in model.units:
            pods[f"{model.name}/{unit.pod}"] = _waypoint_of(unit.application)
    return pods


def actual_pods(client: "Client", namespaces: Iterable[str]) -> dict[str, str | None]:
    """Return each pod of an application, and the waypoint that its labels name."""
    from lightkube.resources.core_v1 import Pod

    pods: dict[str, str | None] = {}
    for namespace in namespaces:
        for pod in client.list(Pod, namespace=namespace):
            labels = cast("Mapping[str, str]", (pod.metadata and pod.metadata.labels) or {})
            if pod.metadata and _OF_STATEFUL_SET in labels:
                in_mesh = labels.get(_DATAPLANE_MODE) == "ambient"
                pods[f"{namespace}/{pod.metadata.name}"] = labels.get(_USE_WAYPOINT) if in_mesh else None
    return pods


def beacon_of(application: Application) -> Application | None:
    """Return the beacon whose mesh an application should be in; None if it should be outside."""
    if application.charm.name == BEACON:
        return application
    for side in application.sides:
        if side.endpoint.interface == "service_mesh":
            return side.other.application
    # A worker is in the mesh of its coordinator.
    for side in application.sides:
        coordinator = side.other.application
        if CLUSTERS.get(coordinator.charm.name) == side.other.endpoint.name:
            return beacon_of(coordinator)
    return None


def _waypoint_of(application: Application) -> str | None:
    beacon = beacon_of(application)
    return f"{beacon.model.name}-{beacon.name}-waypoint" if beacon else None


def _permissions_of(application: Application) -> Iterator[Permission]:
    if beacon_of(application) is None:
        return
    for grant in GRANTS.get(application.charm.name, ()):
        for side in application.sides:
            if side.endpoint.name == grant.relation:
                yield _permission(application, grant, _source(side))
    if application.charm.name in CLUSTERS:
        yield from _permissions_in_cluster(application)


def _permissions_of_waypoint(
    application: Application, requested: Iterable[Permission]
) -> Iterator[Permission]:
    """Yield that the waypoint reaches the pods behind a Service that some source may reach."""
    beacon = beacon_of(application)
    if beacon and any(permission.service for permission in requested):
        source = f"{beacon.model.name}/{_waypoint_of(application)}"
        yield Permission(source, application.model.name, None, ((_NAME, application.name),))


def _permission(application: Application, grant: Grant, source: str) -> Permission:
    return Permission(
        source=source,
        namespace=application.model.name,
        service=None if grant.on_pods else application.name,
        pod_labels=((_NAME, application.name),) if grant.on_pods else (),
        ports=tuple(grant.ports),
        methods=tuple(grant.methods),
        paths=tuple(grant.paths),
    )


def _permissions_in_cluster(coordinator: Application) -> Iterator[Permission]:
    """Yield that all members reach every pod of the cluster, and workers also the coordinator's Service."""
    model, cluster = coordinator.model.name, CLUSTERS[coordinator.charm.name]
    workers = [side.other.application for side in coordinator.sides if side.endpoint.name == cluster]
    pods = ((_PART_OF, coordinator.name),)
    for member in (coordinator, *workers):
        yield Permission(f"{model}/{member.name}", model, None, pods)
    for worker in workers:
        yield Permission(f"{model}/{worker.name}", model, coordinator.name)


def _source(side: Side) -> str:
    """Return the application on the other side, as far as this side knows it."""
    here, there = side.application, side.other.application
    # The address of its Service identifies it in Kubernetes, if the charm may read that.
    asks_kubernetes = here.trust and bool(there.cluster_ip)
    if there.model is here.model or asks_kubernetes or _publishes_its_name(there, here):
        return f"{there.model.name}/{there.name}"
    # The beacon names its own scrapers in its status.
    name = side.remote_name if here.charm.name == BEACON else unresolved_name(side.remote_name)
    return f"{here.model.name}/{name}"


def _publishes_its_name(application: Application, to: Application) -> bool:
    return any(
        side.endpoint.interface == "cross_model_mesh"
        and side.endpoint.role == "provides"
        and side.other.application is application
        for side in to.sides
    )


def flows_of_policy(policy: Json) -> Iterator[Flow]:
    """Return the requests that one AuthorizationPolicy, in Kubernetes' JSON, allows."""
    namespace, spec = policy["metadata"]["namespace"], policy["spec"]
    if spec.get("action", "ALLOW") != "ALLOW":
        yield Flow(ANYBODY, policy["metadata"]["name"], spec["action"])
        return
    targets = describe_targets(namespace, spec)
    for rule in spec.get("rules") or ():
        requests = describe_requests({"rules": [rule]})
        for source, target, request in itertools.product(
            describe_sources({"rules": [rule]}), targets, requests
        ):
            yield Flow(source, target, request)
