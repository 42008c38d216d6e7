"""The waypoint: the proxy through which the mesh sends what goes to the model's Services."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from k8s_charm import Json, ObjectRef, Owner, ReconcileResult, label_value, manifest, reconcile

if TYPE_CHECKING:
    from lightkube import Client

    from k8s_charm import Resource

_SCOPE = "istio-waypoint"


@dataclass(frozen=True)
class Waypoint:
    """The waypoint of one beacon, and the labels that lead to it."""

    owner: Owner

    @property
    def name(self) -> str:
        """The name of the Gateway, and so of the Deployment and the Service that Istio makes of it."""
        return label_value(f"{self.owner.model}-{self.owner.app}-waypoint")

    @property
    def mesh_labels(self) -> dict[str, str]:
        """What puts a pod, a Service or a namespace in the mesh, behind the waypoint."""
        return {
            "istio.io/dataplane-mode": "ambient",
            "istio.io/use-waypoint": self.name,
            "istio.io/use-waypoint-namespace": self.owner.model,
        }

    @property
    def telemetry_labels(self) -> dict[str, str]:
        """What the waypoint's pods, and no others, are labelled with."""
        key = label_value(f"{self.owner.model}.{self.owner.app}.telemetry")
        return {f"charms.canonical.com/{key}": "aggregated"}

    def reconcile(self, client: "Client", *, replicas: int, write: bool = True) -> ReconcileResult:
        """Have Istio run the waypoint with so many pods; with none, it goes.

        With `write` False, nothing is done, and the result says what would be.
        """
        from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler

        from istio_policies import Gateway

        return reconcile(
            client,
            self._objects(replicas) if replicas else [],
            owned_by_labels=self.owner.labels(_SCOPE),
            kinds=[Gateway, HorizontalPodAutoscaler],
            namespaces=[self.owner.model],
            owner=self.owner,
            write=write,
        )

    def problem(self, client: "Client", result: ReconcileResult, replicas: int) -> str:
        """Why traffic does not go through all of the waypoint's pods; empty if it does.

        Istio says on the Gateway whether there is any pod. Only where there are to be several, how many
        there are takes another request.

        Raises:
            lightkube.ApiError: if Kubernetes refuses to tell.
        """
        from istio_policies import Gateway

        for gateway in result.live:
            if isinstance(gateway, Gateway):
                if reason := _not_programmed(manifest(gateway)):
                    return f"waypoint {self.name} is not ready: {reason}"
                return self._shortage(client, replicas) if replicas > 1 else ""
        return f"there is no {ObjectRef('Gateway', self.owner.model, self.name)}"

    def _shortage(self, client: "Client", replicas: int) -> str:
        from lightkube import ApiError
        from lightkube.resources.apps_v1 import Deployment

        try:
            deployment = manifest(client.get(Deployment, self.name, namespace=self.owner.model))
        except ApiError as error:
            if error.status.code != 404:
                raise
            return ""  # istiod may run it as something else
        ready: int = deployment.get("status", {}).get("readyReplicas") or 0
        if ready >= replicas:
            return ""
        why = f"kubectl describe deployment {self.name} -n {self.owner.model}"
        return f"waypoint {self.name} has {ready} of {replicas} replicas: `{why}` says more"

    def _objects(self, replicas: int) -> "list[Resource]":
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
                "gatewayClassName": "istio-waypoint",
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


def _not_programmed(gateway: Json) -> str:
    generation = gateway["metadata"].get("generation", 0)
    conditions = {
        condition["type"]: condition for condition in gateway.get("status", {}).get("conditions") or ()
    }
    for kind in ("Accepted", "Programmed"):
        condition = conditions.get(kind)
        if condition is None or condition.get("observedGeneration", generation) < generation:
            return "Istio has not looked at it yet (is istio-k8s deployed?)"
        if condition["status"] != "True":
            return str(condition.get("message") or condition.get("reason"))
    return ""
