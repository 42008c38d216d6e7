"""Objects in Kubernetes: those that exist, and those expected from the models.

Nothing here uses the libraries and charms that write them: only the models, the documented grants of samples,
and the names that are part of the contract.
"""

import itertools
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from sandbox.juju import Application, Model, Side
from sandbox.kubernetes import KINDS, ObjectStore
from sandbox.samples import BEACON, CLUSTERS, COORDINATOR, GRANTS, WORKER, Grant

BY_HAND, BY_LIBRARY = "by-hand", "by-library"
POLICY = "AuthorizationPolicy"

_SITE = Grant("site", ports=[8000], methods=["GET"])
_GRANTS = {**GRANTS, BY_HAND: [_SITE], BY_LIBRARY: [_SITE]}
_NAME, _PART_OF = "app.kubernetes.io/name", "app.kubernetes.io/part-of"
_MANAGED_BY = "charms.canonical.com/istio.io.waypoint.managed-by"
_OWNER, _REQUESTED_BY = "charms.canonical.com/mesh.owner", "charms.canonical.com/mesh.requested-by"
_DRY_RUN = "istio.io/dry-run"
_OF_MESH = ("istio.io/dataplane-mode", "istio.io/use-waypoint", "istio.io/use-waypoint-namespace", _PART_OF)
_BUILT_IN = ("default", "istio-system", "kube-node-lease", "kube-public", "kube-system")

Json: TypeAlias = "dict[str, Any]"
Labels: TypeAlias = "dict[str, str]"


class Policy(NamedTuple):
    """An AuthorizationPolicy, whatever it is called."""

    owner: str
    namespace: str
    spec: str
    dry_run: bool
    asked_by: str

    def __str__(self) -> str:
        trial = " dry run" if self.dry_run else ""
        return f"{self.owner}{trial} in {self.namespace} for {self.asked_by or 'itself'}: {self.spec}"


@dataclass
class Cluster:
    """All objects in a cluster that charms write."""

    policies: Counter[Policy] = field(default_factory=Counter[Policy])
    labels: dict[str, Labels] = field(default_factory=dict[str, Labels])
    """Of what can be in the mesh: the labels that decide about it."""
    objects: set[str] = field(default_factory=set[str])
    """All others, by kind, namespace and name."""
    contents: dict[str, str] = field(default_factory=dict[str, str])
    """Of some others: what charms say in them."""

    def differences(self, other: "Cluster") -> list[str]:
        """Describe the differences from the expected one."""
        return [
            *(f"missing: {policy}" for policy in other.policies - self.policies),
            *(f"not wanted: {policy}" for policy in self.policies - other.policies),
            *(f"missing: {name}" for name in sorted(other.objects - self.objects)),
            *(f"not wanted: {name}" for name in sorted(self.objects - other.objects)),
            *(
                f"{name} is labelled {self.labels.get(name)}, not {other.labels.get(name)}"
                for name in sorted(self.labels.keys() | other.labels.keys())
                if self.labels.get(name) != other.labels.get(name)
            ),
            *(
                f"{name} says {self.contents.get(name)}, not {text}"
                for name, text in other.contents.items()
                if self.contents.get(name) != text
            ),
        ]


def found(store: ObjectStore) -> Cluster:
    """Return the objects that exist."""
    cluster = Cluster()
    for kind in KINDS:
        for one in store.objects(kind):
            name = _name_of(kind.name, one)
            if kind.name in _OF_ISTIO or one["metadata"]["name"] in _BUILT_IN:
                continue
            if kind.name == "ControllerRevision" and _has_owner(store, one):
                continue
            if kind.name == POLICY:
                cluster.policies[read_policy(one)] += 1
                continue
            cluster.objects.add(name)
            if (read := read_labels(kind.name, one)) and read[1]:
                cluster.labels[name] = read[1]
            if kind.name in _SAID:
                cluster.contents[name] = _plain(_SAID[kind.name](one["spec"]))
    return cluster


_OF_ISTIO = ("CustomResourceDefinition", "GatewayClass")


def _has_owner(store: ObjectStore, one: Json) -> bool:
    """Return whether the StatefulSet of a revision exists."""
    metadata = one["metadata"]
    owners = [each["name"] for each in metadata["ownerReferences"]]
    return any(store.find("StatefulSet", metadata["namespace"], name) for name in owners)


def _autoscaling(spec: Json) -> Json:
    return {key: spec[key] for key in ("scaleTargetRef", "minReplicas", "maxReplicas")}


def _limits(spec: Json) -> Json:
    """Return the limits of a StatefulSet's containers."""
    containers = spec["template"]["spec"]["containers"]
    limits = {each["name"]: each.get("resources", {}).get("limits") for each in containers}
    return {name: each for name, each in limits.items() if each}


_SAID: dict[str, Callable[[Json], Json]] = {
    "Gateway": dict,
    "HorizontalPodAutoscaler": _autoscaling,
    "StatefulSet": _limits,
}


def is_published(app: Application) -> bool:
    """Return whether it runs on the published library, which writes a record even if it has set no labels."""
    return app.source.python != sys.executable


def read_policy(policy: Json) -> Policy:
    """Read an AuthorizationPolicy."""
    metadata = policy["metadata"]
    marks = metadata.get("annotations") or {}
    dry_run, asked_by = marks.get(_DRY_RUN) == "true", marks.get(_REQUESTED_BY, "")
    return Policy(marks.get(_OWNER, ""), metadata["namespace"], _plain(policy["spec"]), dry_run, asked_by)


def read_labels(kind: str, one: Json) -> tuple[str, Labels] | None:
    """The name of an object that can be in the mesh, and those of its labels that decide about it."""
    if kind not in ("Namespace", "Pod", "Service", "StatefulSet"):
        return None
    metadata = one["spec"]["template"]["metadata"] if kind == "StatefulSet" else one["metadata"]
    labels = metadata.get("labels") or {}
    if kind == "Service" and labels.get(_OF_MESH[1]) == "none":
        # A beacon follows other charms' policies at its next hook only.
        labels = {key: value for key, value in labels.items() if key not in (_OF_MESH[1], _MANAGED_BY)}
    return _name_of(kind, one), {key: labels[key] for key in (*_OF_MESH, _MANAGED_BY) if key in labels}


def _name_of(kind: str, one: Json) -> str:
    return f"{kind} {one['metadata'].get('namespace', '')}/{one['metadata']['name']}"


def expected(models: Iterable[Model], store: ObjectStore) -> Cluster:
    """Return the expected objects; the store only shows which of several beacons was first in a namespace."""
    models = list(models)
    cluster = Cluster()
    for model in models:
        cluster.objects.add(f"Namespace /{model.name}")
        takers = [app for app in _beacons(model) if app.config["model-on-mesh"] and app.living_units]
        if takers:
            mark = (store.get("Namespace", "", model.name)["metadata"].get("labels") or {}).get(_MANAGED_BY)
            holder = next((app for app in takers if mark == f"{model.name}.{app.name}"), takers[0])
            cluster.labels[f"Namespace /{model.name}"] = {
                **_mesh_labels(holder),
                _MANAGED_BY: f"{model.name}.{holder.name}",
            }
        for app in model.applications.values():
            if not app.dying:
                _add_application(cluster, app)
    for app in itertools.chain.from_iterable(map(_beacons, models)):
        if app.living_units:
            _add_beacon(cluster, app)
    return cluster


def _add_application(cluster: Cluster, app: Application) -> None:
    place, labels = f"{app.model.name}/{app.name}", _pod_labels(app)
    pods = [f"Pod {app.model.name}/{unit.pod}" for unit in app.living_units]
    names = [f"StatefulSet {place}", f"Service {place}", *pods]
    cluster.objects.update([*names, f"Service {place}-endpoints", f"ServiceAccount {place}"])
    if labels or (is_published(app) and _beacon_of(app)):
        cluster.labels.update(dict.fromkeys(names if labels else (), labels))
        if labels and not _leads_to_waypoint(app):
            cluster.labels[f"Service {place}"] = {
                key: value for key, value in labels.items() if key not in _OF_MESH[1:3]
            }
        in_cluster = app.charm.name in (COORDINATOR, WORKER)
        note = f"{app.name}-pod-labels" if in_cluster else f"juju-service-mesh-{app.name}-labels"
        cluster.objects.add(f"ConfigMap {app.model.name}/{note}")
    if app.charm.name == COORDINATOR and app.living_units:
        limit = app.config.get("cpu-limit")
        cluster.contents[f"StatefulSet {place}"] = _plain({"nginx": {"cpu": limit}} if limit else {})
    if app.charm.name == COORDINATOR and _beacon_of(app) and app.living_units:
        workers = [side.other.application.name for side in _sides(app, CLUSTERS[COORDINATOR])]
        pods = {"selector": {"matchLabels": {_PART_OF: app.name}}}
        dry_run = _is_audit(_beacon_of(app))
        for member in (app.name, *workers):
            cluster.policies[_policy(app, pods, f"{app.model.name}/{member}", dry_run)] += 1
        own_pods = {"selector": {"matchLabels": {_NAME: app.name}}}
        if workers:
            waypoint = f"{_beacon_of(app).model.name}/{_waypoint(_beacon_of(app))}"
            cluster.policies[_policy(app, own_pods, waypoint, dry_run)] += 1
        for worker in workers:
            cluster.policies[_policy(app, _service(app.name), f"{app.model.name}/{worker}", dry_run)] += 1
        targets = [pods, *([_service(app.name)] if workers else [])]
        targets += [own_pods] if workers else []
        for policy in _allowing_all(app, targets if dry_run else []):
            cluster.policies[policy] += 1


def _leads_to_waypoint(app: Application) -> bool:
    """Return whether a Service leads to a waypoint: with a policy on it, or always without this library."""
    if is_published(app) or app.charm.name == BY_HAND:
        return True
    if app.charm.name == COORDINATOR and _sides(app, CLUSTERS[COORDINATOR]):
        return True
    grants = [grant for grant in _GRANTS.get(app.charm.name, ()) if not grant.on_pods]
    return any(_sides(app, grant.relation) for grant in grants)


def _add_beacon(cluster: Cluster, beacon: Application) -> None:
    model, waypoint = beacon.model.name, f"{beacon.model.name}/{_waypoint(beacon)}"
    for kind in ("Gateway", "HorizontalPodAutoscaler", "Deployment", "Service", "ServiceAccount"):
        cluster.objects.add(f"{kind} {waypoint}")
    routes = {"namespaces": {"from": "All"}}
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE", "allowedRoutes": routes}
    cluster.contents[f"Gateway {waypoint}"] = _plain(
        {
            "gatewayClassName": "istio-waypoint",
            "infrastructure": {
                "labels": {f"charms.canonical.com/{model}.{beacon.name}.telemetry": "aggregated"}
            },
            "listeners": [listener],
        }
    )
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "name": _waypoint(beacon)}
    replicas = len(beacon.living_units)
    cluster.contents[f"HorizontalPodAutoscaler {waypoint}"] = _plain(
        {"scaleTargetRef": deployment, "minReplicas": replicas, "maxReplicas": replicas}
    )
    if beacon.config["policy-mode"] == "off" or not beacon.config["manage-authorization-policies"]:
        return
    dry_run = _is_audit(beacon)
    asked_by: defaultdict[str, set[str]] = defaultdict(set)
    for app in (beacon, *(side.other.application for side in _sides(beacon, "service-mesh"))):
        for spec in _asked_for(app, beacon):
            asked_by[spec].add(app.name)
            for ref in json.loads(spec).get("targetRefs", ()):
                own_pods = {"selector": {"matchLabels": {_NAME: ref["name"]}}}
                asked_by[_spec(own_pods, waypoint, Grant("", ports=[]))].add(app.name)
    for spec, apps in asked_by.items():
        cluster.policies[Policy(f"{model}.{beacon.name}", model, spec, dry_run, ",".join(sorted(apps)))] += 1
    if dry_run:
        targets = [_target_of(spec) for spec in asked_by]
        apps = {side.other.application.name for side in _sides(beacon, "service-mesh")}
        apps |= {target["targetRefs"][0]["name"] for target in targets if "targetRefs" in target}
        for app in apps:
            targets += [_service(app), {"selector": {"matchLabels": {_NAME: app}}}]
        for policy in _allowing_all(beacon, targets):
            cluster.policies[policy] += 1
    if beacon.config["model-on-mesh"]:
        for labels in (
            {"operator.juju.is/name": "modeloperator", "operator.juju.is/target": "model"},
            {"juju-modeloperator": "modeloperator"},
        ):
            operator = {"selector": {"matchLabels": labels}, "rules": [{}], "action": "ALLOW"}
            cluster.policies[Policy(f"{model}.{beacon.name}", model, _plain(operator), False, "")] += 1


def _is_audit(beacon: Application | None) -> bool:
    if beacon is None or not beacon.config["manage-authorization-policies"]:
        return False
    return beacon.config["policy-mode"] == "audit"


def _allowing_all(owner: Application, targets: Iterable[Json]) -> Iterator[Policy]:
    """Return the policies that allow everything at these targets while others are in audit mode."""
    for spec in {_plain({**target, "rules": [{}], "action": "ALLOW"}) for target in targets}:
        yield Policy(f"{owner.model.name}.{owner.name}", owner.model.name, spec, dry_run=False, asked_by="")


def _target_of(spec: str) -> Json:
    return {key: value for key, value in json.loads(spec).items() if key in ("selector", "targetRefs")}


def _asked_for(app: Application, beacon: Application) -> Iterator[str]:
    for grant in _GRANTS.get(app.charm.name, ()):
        target = {"selector": {"matchLabels": {_NAME: app.name}}} if grant.on_pods else _service(app.name)
        for side in _sides(app, grant.relation):
            yield _spec(target, _source(side), grant)
            other = app.charm.name == BY_HAND and app.config["also-open"]
            if other and not beacon.config["restrict-consumers"]:
                yield _spec(_service(str(other)), _source(side), grant)


def _policy(owner: Application, target: Json, source: str, dry_run: bool) -> Policy:
    return Policy(
        f"{owner.model.name}.{owner.name}",
        owner.model.name,
        _spec(target, source, Grant("", ports=[])),
        dry_run=dry_run,
        asked_by="",
    )


def _spec(target: Json, source: str, grant: Grant) -> str:
    model, app = source.split("/")
    rule: Json = {"from": [{"source": {"principals": [f"cluster.local/ns/{model}/sa/{app}"]}}]}
    operation = {
        "ports": [str(port) for port in grant.ports],
        "methods": list(grant.methods),
        "paths": list(grant.paths),
    }
    if operation := {key: values for key, values in operation.items() if values}:
        rule["to"] = [{"operation": operation}]
    return _plain({**target, "action": "ALLOW", "rules": [rule]})


def _service(name: str) -> Json:
    return {"targetRefs": [{"group": "", "kind": "Service", "name": name}]}


def _plain(spec: Json) -> str:
    """Return one text for equal values, in whatever order they are."""

    def ordered(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: ordered(value) for key, value in part.items()}
        return sorted(map(ordered, part), key=str) if isinstance(part, list) else part

    return json.dumps(ordered(spec), sort_keys=True)


def _source(side: Side) -> str:
    """Return the identity of the other side, as this side knows it by its data or by its address."""
    here, there = side.application, side.other.application
    is_known = any(each.other.application is there for each in _sides(here, "provide-cmr-mesh"))
    if there.model is here.model or is_known or (here.trust and there.cluster_ip):
        return f"{there.model.name}/{there.name}"
    return f"{here.model.name}/{side.remote_name}"


def _pod_labels(app: Application) -> Labels:
    """Also the labels of future pods: an application without units does not change its own."""
    coordinator = app if app.charm.name == COORDINATOR else None
    if app.charm.name == WORKER:
        clusters = _sides(app, CLUSTERS[COORDINATOR])
        coordinator = next((side.other.application for side in clusters if _has_cluster_data(side)), None)
    beacon = app if app.charm.name == BEACON else _beacon_of(coordinator or app)
    in_mesh = beacon and not beacon.config["model-on-mesh"]
    return {
        **(_mesh_labels(beacon) if beacon and in_mesh else {}),
        **({_PART_OF: coordinator.name} if coordinator else {}),
    }


def _has_cluster_data(worker: Side) -> bool:
    """Return whether a worker was sent its cluster's data, which happens once that is complete."""
    coordinator = worker.other.application
    roles: set[str] = set()
    for side in _sides(coordinator, worker.other.endpoint.name):
        config = side.other.application.config
        roles |= {option for option, has in config.items() if option.startswith("role-") and has}
    own = any(worker.application.config.get(f"role-{role}") for role in ("all", "api", "store"))
    complete = "role-all" in roles or {"role-api", "role-store"} <= roles
    return (complete and own) or "worker_config" in worker.other.data.data


def _mesh_labels(beacon: Application) -> Labels:
    return dict(zip(_OF_MESH, ("ambient", _waypoint(beacon), beacon.model.name), strict=False))


def _waypoint(beacon: Application) -> str:
    return f"{beacon.model.name}-{beacon.name}-waypoint"


def _beacons(model: Model) -> list[Application]:
    return [app for app in model.applications.values() if app.charm.name == BEACON and not app.dying]


def _beacon_of(app: Application) -> Application | None:
    sides = [] if app.charm.name == BEACON else _sides(app, "service-mesh")
    return next((side.other.application for side in sides), None)


def _sides(app: Application, endpoint: str) -> list[Side]:
    return [side for side in app.sides if side.endpoint.name == endpoint and not side.relation.dying]
