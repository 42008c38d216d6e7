"""Who may reach what: as the relations ask for it, and as Kubernetes has it.

The two are found on separate ways. What is asked for comes from the relations of the models and from
`samples.GRANTS`; nothing of it comes from what a charm has written.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from charmlibs.interfaces.service_mesh import stranger

from .juju import Application, Model, Side
from .samples import BEACON, CLUSTERS, GRANTS, Grant

if TYPE_CHECKING:
    from lightkube import Client

_DATAPLANE_MODE = "istio.io/dataplane-mode"
_USE_WAYPOINT = "istio.io/use-waypoint"
# Only applications have StatefulSets here; their pods have no label that says that they are Juju's.
_OF_STATEFUL_SET = "statefulset.kubernetes.io/pod-name"
_NAME = "app.kubernetes.io/name"
_PART_OF = "app.kubernetes.io/part-of"


@dataclass(frozen=True, order=True)
class Flow:
    """Requests that are let through."""

    source: str
    """An application, as `model/application`."""
    target: str
    """A Service or pods."""
    requests: str

    def __str__(self) -> str:
        return f"{self.source} → {self.target}: {self.requests}"


@dataclass(frozen=True)
class Permission:
    """What the relations of an application let another one do; what is empty is not restricted."""

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
        """The same in words."""
        if self.service:
            target = _service(self.namespace, self.service)
        else:
            target = _pods(self.namespace, dict(self.pod_labels))
        ports = [str(port) for port in self.ports]
        return Flow(self.source, target, _requests(methods=self.methods, paths=self.paths, ports=ports))


def expected_flows(models: Iterable[Model]) -> set[Flow]:
    """What the relations of the models ask for."""
    return {permission.flow for permission in permissions(models)}


def permissions(models: Iterable[Model]) -> set[Permission]:
    """What the relations of the models ask for."""
    found: set[Permission] = set()
    for model in models:
        for application in model.applications.values():
            found.update(_permissions_of(application))
    return found


def actual_flows(client: "Client", namespaces: Iterable[str]) -> set[Flow]:
    """What the AuthorizationPolicies in these namespaces let through."""
    from istio_policies import AuthorizationPolicy
    from k8s_charm import manifest

    found: set[Flow] = set()
    for namespace in namespaces:
        for policy in client.list(AuthorizationPolicy, namespace=namespace):
            found.update(flows_of_policy(manifest(policy)))
    return found


def expected_pods(models: Iterable[Model]) -> dict[str, str | None]:
    """Every pod, and the waypoint that its labels should name; None for a pod that is not in the mesh."""
    pods: dict[str, str | None] = {}
    for model in models:
        for unit in model.units:
            pods[f"{model.name}/{unit.pod}"] = _waypoint_of(unit.application)
    return pods


def actual_pods(client: "Client", namespaces: Iterable[str]) -> dict[str, str | None]:
    """Every pod of an application, and the waypoint that its labels name."""
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
    """The beacon whose mesh an application is to be in; None if it is to be outside."""
    if application.charm.name == BEACON:
        return application
    for side in application.sides:
        if side.endpoint.interface == "service_mesh":
            return side.other.application
    # A worker is where its coordinator is.
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
    """Everybody reaches every pod of the cluster, and the workers the coordinator's Service too."""
    model, cluster = coordinator.model.name, CLUSTERS[coordinator.charm.name]
    workers = [side.other.application for side in coordinator.sides if side.endpoint.name == cluster]
    pods = ((_PART_OF, coordinator.name),)
    for member in (coordinator, *workers):
        yield Permission(f"{model}/{member.name}", model, None, pods)
    for worker in workers:
        yield Permission(f"{model}/{worker.name}", model, coordinator.name)


def _source(side: Side) -> str:
    """Who is on the other side, as far as this side can know."""
    here, there = side.application, side.other.application
    # The address of its Service names it in Kubernetes, where that may be asked.
    asks_kubernetes = here.trust and bool(there.cluster_ip)
    if there.model is here.model or asks_kubernetes or _tells_its_name(there, here):
        return f"{there.model.name}/{there.name}"
    # The beacon names those who scrape itself in its status.
    name = side.remote_name if here.charm.name == BEACON else stranger(side.remote_name)
    return f"{here.model.name}/{name}"


def _tells_its_name(stranger: Application, to: Application) -> bool:
    return any(
        side.endpoint.interface == "cross_model_mesh"
        and side.endpoint.role == "provides"
        and side.other.application is stranger
        for side in to.sides
    )


def flows_of_policy(policy: Mapping[str, Any]) -> Iterator[Flow]:
    """What one AuthorizationPolicy, in Kubernetes' JSON, lets through."""
    namespace, spec = policy["metadata"]["namespace"], policy["spec"]
    if spec.get("action", "ALLOW") != "ALLOW":
        yield Flow("anybody", policy["metadata"]["name"], spec["action"])
        return
    for rule in _list(spec, "rules"):
        origins = (_sources(origin["source"]) for origin in _list(rule, "from"))
        sources = list(itertools.chain.from_iterable(origins))
        operations = [to["operation"] for to in _list(rule, "to")] or [{}]
        for source in sources or ["anybody"]:
            for target in _targets(namespace, spec):
                for operation in operations:
                    yield Flow(source, target, _requests(**operation))


def _list(mapping: Mapping[str, Any], key: str) -> list[Any]:
    return mapping.get(key) or []


def _sources(source: Mapping[str, Any]) -> Iterator[str]:
    for key, values in source.items():
        for value in values:
            parts = value.split("/")
            known = key == "principals" and len(parts) == 5 and parts[0] == "cluster.local"
            yield f"{parts[2]}/{parts[4]}" if known else f"{key} {value}"


def _targets(namespace: str, spec: Mapping[str, Any]) -> Iterator[str]:
    for target in _list(spec, "targetRefs"):
        yield _service(namespace, target["name"])
    if "selector" in spec:
        yield _pods(namespace, spec["selector"]["matchLabels"])


def _service(namespace: str, name: str) -> str:
    return f"Service {namespace}/{name}"


def _pods(namespace: str, labels: Mapping[str, str]) -> str:
    if set(labels) == {_NAME}:
        return f"pods {namespace}/{labels[_NAME]}"
    return f"pods {namespace}/{','.join(f'{key}={value}' for key, value in sorted(labels.items()))}"


def _requests(
    methods: Sequence[str] = (),
    paths: Sequence[str] = (),
    ports: Sequence[str] = (),
    hosts: Sequence[str] = (),
    **unknown: object,
) -> str:
    what = [" or ".join(sorted(methods)), " or ".join(sorted(paths)) or ("" if methods else "anything")]
    if ports:
        what += ["on", " or ".join(sorted(ports))]
    if hosts:
        what += ["as", " or ".join(sorted(hosts))]
    return " ".join([*filter(None, what), *(f"{key}={value}" for key, value in unknown.items())])
