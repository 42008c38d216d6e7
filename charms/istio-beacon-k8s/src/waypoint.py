"""The waypoint: the proxy for all requests to the model's Services."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from desired_state import DesiredState
from k8s_charm import (
    Client,
    Json,
    ObjectRef,
    Owner,
    ReconcileResult,
    Resource,
    apply,
    get_object,
    label_value,
    list_owned,
    manifest,
    plan,
    sublist,
    subtree,
)
from kubernetes_problems import problems_of
from model_objects import USE_WAYPOINT, ModelObjects
from problems import Problem, ProblemKind, blocked, waiting
from relation_data import Message
from steps import ObjectsPlan, StepResult

logger = logging.getLogger(__name__)

_SCOPE = "istio-waypoint"
_CLASS = "istio-waypoint"


@dataclass(frozen=True)
class Waypoint:
    """The waypoint of one beacon, and the labels that select it."""

    owner: Owner

    @property
    def name(self) -> str:
        """The name of the Gateway, and so of the Deployment and the Service that Istio creates for it."""
        return label_value(f"{self.owner.model}-{self.owner.app}-waypoint")

    @property
    def mesh_labels(self) -> dict[str, str]:
        """The labels that put a pod, a Service or a namespace in the mesh, behind the waypoint."""
        return {
            "istio.io/dataplane-mode": "ambient",
            USE_WAYPOINT: self.name,
            "istio.io/use-waypoint-namespace": self.owner.model,
        }

    @property
    def telemetry_labels(self) -> dict[str, str]:
        """The label of the waypoint's pods, and of no others."""
        key = label_value(f"{self.owner.model}.{self.owner.app}.telemetry")
        return {f"charms.canonical.com/{key}": "aggregated"}

    def objects(self, replicas: int) -> list[Resource]:
        """Return the objects with which Istio runs the waypoint with this number of pods."""
        from lightkube.models.autoscaling_v2 import CrossVersionObjectReference, HorizontalPodAutoscalerSpec
        from lightkube.models.meta_v1 import ObjectMeta
        from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler

        from istio_policies import Gateway

        gateway = {
            "metadata": {
                "name": self.name,
                "namespace": self.owner.model,
                "labels": {"istio.io/waypoint-for": "service"},
            },
            "spec": {
                "gatewayClassName": _CLASS,
                "infrastructure": {"labels": self.telemetry_labels},
                "listeners": [
                    {
                        "name": "mesh",
                        "port": 15008,
                        "protocol": "HBONE",
                        "allowedRoutes": {"namespaces": {"from": "All"}},
                    }
                ],
            },
        }
        autoscaler = HorizontalPodAutoscaler(
            metadata=ObjectMeta(name=self.name, namespace=self.owner.model),
            spec=HorizontalPodAutoscalerSpec(
                scaleTargetRef=CrossVersionObjectReference(
                    apiVersion="apps/v1", kind="Deployment", name=self.name
                ),
                minReplicas=replicas,
                maxReplicas=replicas,
            ),
        )
        return [Gateway.from_dict(gateway), autoscaler]


def plan_waypoint(waypoint: Waypoint, desired: DesiredState, model: ModelObjects) -> "WaypointPlan":
    """Plan the objects of the waypoint; without replicas, it is removed."""
    from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler

    from istio_policies import Gateway

    owner, kinds = waypoint.owner, [Gateway, HorizontalPodAutoscaler]
    labels = owner.labels(_SCOPE)
    live = list_owned(model.client, kinds, labels, owner, model.deadline, namespaces=[model.name])
    objects = waypoint.objects(desired.replicas) if desired.replicas else []
    return WaypointPlan(plan(live, objects), waypoint, desired)


@dataclass(frozen=True)
class WaypointPlan(ObjectsPlan):
    """The objects of the waypoint to write."""

    waypoint: Waypoint
    desired: DesiredState

    def expect(self, model: ModelObjects) -> StepResult:
        """Return the result if each write succeeds."""
        return self._result(model, self.writes.expected)

    def apply(self, model: ModelObjects) -> StepResult:
        """Write the objects."""
        result = apply(model.client, self.writes, model.deadline)
        if result.changed:
            replicas = self.desired.replicas
            number = f"{replicas} {'replica' if replicas == 1 else 'replicas'}"
            logger.info("scaling waypoint %s to %s", self.waypoint.name, number)
        return self._result(model, result)

    def _result(self, model: ModelObjects, result: ReconcileResult) -> StepResult:
        model.own += result.live
        if result.failed or not self.desired.replicas:
            failed = problems_of(result.failed, self.waypoint.owner.app)
            problems = [replace(problem, kind=ProblemKind.work_on_waypoint) for problem in failed]
            return StepResult(problems, result.changed)
        return StepResult(self._problems(model.client, result), result.changed)

    def _problems(self, client: Client, result: ReconcileResult) -> list[Problem]:
        """Return the problems with the waypoint and its pods.

        Istio reports on the Gateway whether there is any pod. Their number takes another request, which is
        made only if there should be several.
        """
        from istio_policies import Gateway

        waypoint, replicas = self.waypoint, self.desired.replicas
        for gateway in result.live:
            if not isinstance(gateway, Gateway):
                continue
            if reason := _not_programmed(client, manifest(gateway)):
                is_overdue = _is_overdue(manifest(gateway), self.desired.config.ready_timeout)
                message = Message(f"waypoint {waypoint.name} is not ready", reason)
                return [(blocked if is_overdue else waiting)(message, ProblemKind.waypoint)]
            shortage = _shortage(client, waypoint, replicas) if replicas > 1 else None
            return [waiting(shortage, ProblemKind.waypoint)] if shortage else []
        missing = ObjectRef("Gateway", waypoint.owner.model, waypoint.name)
        return [waiting(f"no {missing}", ProblemKind.waypoint)]


def _is_overdue(gateway: Json, seconds: int) -> bool:
    """Return whether the creation and the last change of state of a Gateway are longer ago than this."""
    changed = [each.get("lastTransitionTime") for each in sublist(gateway, "status", "conditions")]
    times = (gateway["metadata"].get("creationTimestamp"), *changed)
    known = [datetime.fromisoformat(str(time).replace("Z", "+00:00")) for time in times if time]
    return bool(known) and (datetime.now(timezone.utc) - max(known)).total_seconds() > seconds


def _shortage(client: Client, waypoint: Waypoint, replicas: int) -> Message | None:
    from lightkube.resources.apps_v1 import Deployment

    name, model = waypoint.name, waypoint.owner.model
    deployment = get_object(client, Deployment, name, model)
    if not deployment:
        return None  # istiod may run it as another kind of object
    ready: int = subtree(manifest(deployment), "status").get("readyReplicas") or 0
    if ready >= replicas:
        return None
    command = f"kubectl describe deployment {name} -n {model}"
    return Message(f"waypoint has {ready} of {replicas} replicas", remedy=command)


def _not_programmed(client: Client, gateway: Json) -> str:
    generation = gateway["metadata"].get("generation", 0)
    conditions = {each["type"]: each for each in sublist(gateway, "status", "conditions")}
    for kind in ("Accepted", "Programmed"):
        condition = conditions.get(kind)
        if condition is None or condition.get("observedGeneration", generation) < generation:
            return _no_class(client) or "not yet reconciled by Istio: is istio-k8s deployed?"
        if condition["status"] != "True":
            return str(condition.get("message") or condition.get("reason"))
    return ""


def _no_class(client: Client) -> str:
    """Return the problem that the class of waypoints is missing, without which Istio ignores the Gateway."""
    from istio_policies import GatewayClass

    found = get_object(client, GatewayClass, _CLASS, None)
    return "" if found else f"no GatewayClass {_CLASS}: deploy istio-k8s"
