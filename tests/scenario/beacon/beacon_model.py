"""A model with a beacon in it, run hook by hook against a Kubernetes API."""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import ops
from lightkube import ApiError, Client
from lightkube.core.resource import NamespacedResource
from lightkube.models.apps_v1 import StatefulSetSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import ConfigMap, Namespace, Service
from lightkube.types import PatchType
from ops import testing

from charmlibs.interfaces.service_mesh import MeshPolicy
from istio_policies import PURPOSE, AuthorizationPolicy, Gateway
from k8s_charm import Json, manifest
from sandbox.kubernetes import KubernetesServer, LoggedRequest
from tests.support.charms import load_charm

MODEL = "shop"
BEACON = "beacon"


def policy(source: str, target: str, **fields: object) -> MeshPolicy:
    """`source` may reach `target`; both are of this model unless `fields` say otherwise."""
    defaults: dict[str, object] = {
        "source_namespace": MODEL,
        "source_app_name": source,
        "target_namespace": MODEL,
        "target_app_name": target,
    }
    return MeshPolicy.model_validate({**defaults, **fields})


def databag(*policies: MeshPolicy) -> dict[str, str]:
    """Return a consumer's data for the beacon."""
    return {"policies": json.dumps([each.model_dump(mode="json") for each in policies])}


class BeaconModel:
    """One application of the beacon charm, and what Juju knows of it."""

    def __init__(
        self,
        kubernetes: KubernetesServer,
        *,
        app: str = BEACON,
        model: str = MODEL,
        leader: bool = True,
        config: Mapping[str, bool | str] | None = None,
        unit: int = 0,
    ):
        self.kubernetes = kubernetes
        self.app = app
        self.model = model
        self.client = Client(namespace=model, field_manager="the-test")
        self.juju_deploys(app)
        charm = load_charm("istio-beacon-k8s")
        self.context = testing.Context(charm, app_name=app, unit_id=unit)
        proxy = testing.Container("metrics-proxy", can_connect=True)
        self.state = testing.State(
            leader=leader,
            model=testing.Model(name=model),
            config=dict(config or {}),
            containers={proxy},
            relations={testing.PeerRelation("peers")},
        )

    # What Juju does

    def juju_deploys(self, app: str) -> None:
        """Create the objects of an application, as Juju does."""
        self._create(Namespace(metadata=ObjectMeta(name=self.model)))
        labels = {"app.kubernetes.io/name": app}
        own = ObjectMeta(name=app, namespace=self.model, labels=labels)
        template = PodTemplateSpec(
            metadata=ObjectMeta(labels=labels),
            spec=PodSpec(containers=[Container(name="charm", image="charm")]),
        )
        self._create(
            StatefulSet(
                metadata=own,
                spec=StatefulSetSpec(
                    selector=LabelSelector(matchLabels=labels),
                    serviceName=f"{app}-endpoints",
                    template=template,
                ),
            )
        )
        self.create_service(app, selects=app)

    def create_service(self, name: str, *, selects: str) -> None:
        """Create a Service in front of the pods of an application."""
        selector = {"app.kubernetes.io/name": selects}
        spec = ServiceSpec(selector=selector, ports=[ServicePort(port=80)])
        self._create(Service(metadata=ObjectMeta(name=name, namespace=self.model), spec=spec))

    def _create(self, resource: Namespace | StatefulSet | Service) -> None:
        try:
            self.client.create(resource)
        except ApiError as error:
            if error.status.code != 409:
                raise

    def hook(self, event: str = "update_status") -> ops.StatusBase:
        """Run a hook of this name, and return the unit's status after it."""
        return self._run(getattr(self.context.on, event)())

    def hooks_until_active(self) -> None:
        """Run hooks until nothing is left to do: a hook continues what did not fit in the time of the last
        one.
        """
        for _ in range(20):
            if self.hook().name == "active":
                return
        raise AssertionError(f"still {self.state.unit_status}")

    def relate(
        self, endpoint: str, app: str, data: Mapping[str, str] | None = None, *, model_uuid: str | None = None
    ) -> testing.Relation:
        """Relate an application that has written `data`, and run the resulting hooks.

        It is of this model if there is no `model_uuid`.
        """
        relation = testing.Relation(
            endpoint,
            remote_app_name=app,
            remote_app_data=dict(data or {}),
            remote_model_uuid=model_uuid,
        )
        self._replace(relation)
        self._run(self.context.on.relation_created(relation))
        return self.publish(relation, data or {})

    def created(self, app: str) -> testing.Relation:
        """Relate an application that has no unit in the relation yet, and no data."""
        relation = testing.Relation("service-mesh", remote_app_name=app, remote_units_data={})
        self._replace(relation)
        self._run(self.context.on.relation_created(relation))
        return self.relation(relation)

    def joined(self, relation: testing.Relation) -> None:
        """Have the first unit of a related application join, without a hook."""
        self._replace(dataclasses.replace(self.relation(relation), remote_units_data={0: {}}))

    def consumer(self, app: str, *policies: MeshPolicy) -> testing.Relation:
        """Relate an application of the model that requests policies, and have it join the mesh."""
        self.juju_deploys(app)
        relation = self.relate("service-mesh", app, databag(*policies))
        self.follow_labels(relation)
        return relation

    def follow_labels(self, relation: testing.Relation) -> None:
        """Label a consumer's Services with the beacon's labels, as the consumer's own charm does."""
        app = relation.remote_app_name
        labels = json.loads(self.relation(relation).local_app_data.get("labels", "{}"))
        for service in self.client.list(Service):
            plain = manifest(service)
            if (plain["spec"].get("selector") or {}).get("app.kubernetes.io/name") == app:
                self.label_service(plain["metadata"]["name"], labels)

    def drop_labels(self, app: str) -> None:
        """Have the Services of an application leave the mesh, like its charm does."""
        for service in self.client.list(Service):
            plain = manifest(service)
            if (plain["spec"].get("selector") or {}).get("app.kubernetes.io/name") == app:
                labels = plain["metadata"].get("labels") or {}
                self.label_service(
                    plain["metadata"]["name"], {key: None for key in labels if key.startswith("istio.io/")}
                )

    def label_service(self, name: str, labels: Mapping[str, str | None]) -> None:
        """Change labels of a Service; None removes a label."""
        self.client.patch(Service, name, {"metadata": {"labels": dict(labels)}}, patch_type=PatchType.MERGE)

    def consumer_that_was_there_before(self, app: str, *policies: MeshPolicy) -> None:
        """Relate a consumer without a hook, as after a refresh."""
        self.juju_deploys(app)
        self.label_service(
            app,
            {
                "istio.io/use-waypoint": f"{self.model}-{self.app}-waypoint",
                "istio.io/use-waypoint-namespace": self.model,
            },
        )
        self.relation_that_was_there_before(app, databag(*policies))

    def relation_that_was_there_before(self, app: str, data: Mapping[str, str]) -> None:
        """Relate an application that wrote `data` earlier."""
        relation = testing.Relation("service-mesh", remote_app_name=app, remote_app_data=dict(data))
        self._replace(relation)

    def set_container(self, **changes: Any) -> None:
        """Change the state of the metrics proxy's container."""
        container = self.state.get_container("metrics-proxy")
        self.state = dataclasses.replace(self.state, containers={dataclasses.replace(container, **changes)})

    def publish(self, relation: testing.Relation, data: Mapping[str, str]) -> testing.Relation:
        """Change the remote application's data, and run the hook."""
        known = self.relation(relation)
        relation = dataclasses.replace(known, remote_app_data=dict(data))
        self._replace(relation)
        self._run(self.context.on.relation_changed(relation, remote_unit=0))
        return self.relation(relation)

    def unrelate(self, relation: testing.Relation) -> ops.StatusBase:
        """Remove a relation, with the hooks of both sides."""
        if relation.endpoint == "service-mesh":
            self.drop_labels(relation.remote_app_name)
        return self.leave(relation)

    def leave(self, relation: testing.Relation) -> ops.StatusBase:
        """Remove a relation, and run only the beacon's hook."""
        status = self._run(self.context.on.relation_broken(self.relation(relation)))
        rest = {each for each in self.state.relations if each.id != relation.id}
        self.state = dataclasses.replace(self.state, relations=rest)
        return status

    def configure(self, **options: bool | str) -> ops.StatusBase:
        """Set options, written with underscores, and run the hook."""
        config = {**self.state.config, **{key.replace("_", "-"): value for key, value in options.items()}}
        self.state = dataclasses.replace(self.state, config=config)
        return self.hook("config_changed")

    def plan(self, units: int) -> None:
        """Change the number of planned units, without a hook."""
        self.state = dataclasses.replace(self.state, planned_units=units)

    def scale(self, units: int) -> None:
        """Change the number of planned units, and run the hook of this one."""
        self.plan(units)
        self.hook()

    def plan_action(self, **params: str) -> dict[str, Any]:
        """Run the action `plan`; options are written with underscores. Return what it shows."""
        given = {key.replace("_", "-"): value for key, value in params.items()}
        self.state = self.context.run(self.context.on.action("plan", params=given), self.state)
        assert self.context.action_results is not None
        return self.context.action_results

    def peer_hook(self, what: str) -> ops.StatusBase:
        """Run a hook of the relation with the other units."""
        (relation,) = self.state.get_relations("peers")
        event = getattr(self.context.on, f"relation_{what}")(relation, remote_unit=1)
        return self._run(event)

    def remove(self) -> None:
        """Remove the application, whose last unit this is."""
        self.plan(0)
        self.lead(False)
        self.hook("stop")
        self.hook("remove")
        self.juju_removes()

    def juju_removes(self) -> None:
        """Delete the objects of the application, as Juju does when its last unit has gone."""
        store = self.kubernetes.store
        for kind in ("StatefulSet", "Service"):
            if store.find(kind, self.model, self.app):
                store.delete(kind, self.model, self.app)

    def lead(self, leader: bool) -> None:
        """Make the unit the leader, or not."""
        self.state = dataclasses.replace(self.state, leader=leader)

    def relation(self, relation: testing.Relation) -> testing.Relation:
        """The relation as it is now."""
        known = self.state.get_relation(relation.id)
        assert isinstance(known, testing.Relation)
        return known

    def _run(self, event: object) -> ops.StatusBase:
        self.state = self.context.run(event, self.state)  # type: ignore[arg-type]
        return self.state.unit_status

    def _replace(self, relation: testing.Relation) -> None:
        others = {each for each in self.state.relations if each.id != relation.id}
        self.state = dataclasses.replace(self.state, relations={*others, relation})

    # What is in Kubernetes

    def policies(self) -> dict[str, Json]:
        """The specifications of all AuthorizationPolicies that are requested, by namespace and name."""
        return {
            f"{each['metadata']['namespace']}/{each['metadata']['name']}": each["spec"]
            for each in map(manifest, self.client.list(AuthorizationPolicy, namespace="*"))
            if PURPOSE not in (each["metadata"].get("annotations") or {})
            and not all(source.endswith("-waypoint") for source in _sources(each["spec"]) or ["none"])
        }

    def waypoint_access(self) -> set[str]:
        """Return the targets at which AuthorizationPolicies allow the waypoint and nobody else."""
        found: set[str] = set()
        for each in map(manifest, self.client.list(AuthorizationPolicy, namespace="*")):
            if _sources(each["spec"]) == [f"{self.model}/{self.model}-{self.app}-waypoint"]:
                found.update(_targets(each["spec"]))
        return found

    def allowed(self) -> set[tuple[str, str]]:
        """Each (source, target) that some AuthorizationPolicy allows; both as `namespace/name`."""
        found: set[tuple[str, str]] = set()
        for name, spec in self.policies().items():
            targets = [f"{name.partition('/')[0]}/{target}" for target in _targets(spec)]
            found |= set(itertools.product(_sources(spec), targets))
        return found

    def gateways(self) -> list[Json]:
        """The Gateways of the model."""
        return [manifest(each) for each in self.client.list(Gateway)]

    def autoscalers(self) -> list[HorizontalPodAutoscaler]:
        """The HorizontalPodAutoscalers of the model."""
        return list(self.client.list(HorizontalPodAutoscaler))

    def namespace_labels(self) -> dict[str, str]:
        """The labels of the model's namespace, without those that Kubernetes sets on each."""
        labels: dict[str, str] = (
            manifest(self.client.get(Namespace, self.model))["metadata"].get("labels") or {}
        )
        return {key: value for key, value in labels.items() if key != "kubernetes.io/metadata.name"}

    def pod_labels(self, app: str | None = None) -> dict[str, str]:
        """The labels in the template of an application's pods, without those that Juju gives them."""
        plain = self.kubernetes.store.find("StatefulSet", self.model, app or self.app)
        return _without_jujus(plain["spec"]["template"]["metadata"]["labels"]) if plain else {}

    def service_labels(self) -> dict[str, str]:
        """The labels of the application's Service, without those that Juju gives it."""
        plain = self.kubernetes.store.find("Service", self.model, self.app)
        return _without_jujus(plain["metadata"].get("labels") or {}) if plain else {}

    def metrics_plan(self) -> ops.pebble.Plan:
        """Return the Pebble plan of the metrics proxy's container."""
        return self.state.get_container("metrics-proxy").plan

    def set_gateway_status(self, patch: Json) -> None:
        """Set the status of the Gateway in place of Istio, which stops doing so."""
        self.kubernetes.controllers.waypoints.stop()
        for gateway in self.gateways():
            self.client.patch(Gateway.Status, gateway["metadata"]["name"], patch, patch_type=PatchType.MERGE)

    def label_namespace(self, labels: Mapping[str, str | None]) -> None:
        """Label the model's namespace as another owner; None removes a label."""
        patch = {"metadata": {"labels": dict(labels)}}
        self.client.patch(Namespace, self.model, patch, patch_type=PatchType.MERGE)

    def writes(self) -> list[LoggedRequest]:
        """The requests so far that write."""
        return [request for request in self.kubernetes.requests if request.method != "GET"]

    def lists_of(self, plural: str) -> int:
        """Return the number of requests so far that listed objects of a kind."""
        return sum(request.path.endswith(f"/{plural}") for request in self.kubernetes.requests)

    def edit_policies(self, patch: Json) -> None:
        """Change all AuthorizationPolicies, as an operator with kubectl would."""
        for each in self.client.list(AuthorizationPolicy, namespace="*"):
            own = manifest(each)["metadata"]
            self.client.patch(
                AuthorizationPolicy,
                own["name"],
                patch,
                namespace=own["namespace"],
                patch_type=PatchType.MERGE,
            )

    def left_behind(self) -> list[str]:
        """All objects in the model except those that Juju itself has created."""
        kinds: Iterable[type[NamespacedResource]] = (
            AuthorizationPolicy,
            Gateway,
            HorizontalPodAutoscaler,
            ConfigMap,
        )
        objects: list[str] = []
        for kind in kinds:
            found = (each.metadata for each in self.client.list(kind, namespace="*"))  # type: ignore[attr-defined]
            objects += [f"{kind.__name__} {own.name}" for own in found if own.namespace != "kube-system"]
        labels = [*self.namespace_labels(), *self.pod_labels(), *self.service_labels()]
        return objects + labels


def _targets(spec: Json) -> list[str]:
    if references := spec.get("targetRefs"):
        return [reference["name"] for reference in references]
    return [",".join(f"{key}={value}" for key, value in sorted(spec["selector"]["matchLabels"].items()))]


def _sources(spec: Json) -> list[str]:
    names: list[str] = []
    for rule in spec.get("rules", []):
        for origin in rule.get("from", [{"source": {"principals": ["anybody"]}}]):
            names += origin["source"].get("principals") or origin["source"]["namespaces"]
    return [name.removeprefix("cluster.local/ns/").replace("/sa/", "/") for name in names]


def _without_jujus(labels: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if key != "app.kubernetes.io/name"}
