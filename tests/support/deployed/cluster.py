"""Objects in Kubernetes."""

from dataclasses import dataclass
from typing import Any

from lightkube import ApiError, Client
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import Pod

from istio_policies import AuthorizationPolicy
from k8s_charm import manifest

_APPLICATION = "app.kubernetes.io/name"
_PRINCIPALS = "cluster.local/ns/{model}/sa/{app}"


@dataclass(frozen=True)
class Cluster:
    """A model's namespace, read with all permissions."""

    client: Client
    model: str

    def allows(self, source: str, target: str, *, source_model: str = "") -> bool:
        """Return whether a policy allows one application to reach another's Service or pods."""
        principal = _PRINCIPALS.format(model=source_model or self.model, app=source)
        return any(_is_on(policy, target) and principal in _principals(policy) for policy in self.policies())

    def policies(self) -> list[dict[str, Any]]:
        """All AuthorizationPolicies of the namespace."""
        return [manifest(each) for each in self.client.list(AuthorizationPolicy, namespace=self.model)]

    def pod_labels(self, app: str) -> list[dict[str, str]]:
        """The labels of each pod of an application."""
        pods = self.client.list(Pod, namespace=self.model, labels={_APPLICATION: app})
        return [dict(manifest(each)["metadata"]["labels"]) for each in pods]

    def waypoint_replicas(self, waypoint: str) -> int | None:
        """Return the number of a waypoint's pods; None if nothing sets it."""
        try:
            autoscaler = self.client.get(HorizontalPodAutoscaler, waypoint, namespace=self.model)
        except ApiError as error:
            if error.status.code == 404:
                return None
            raise
        return int(manifest(autoscaler)["spec"]["minReplicas"])


def _is_on(policy: dict[str, Any], app: str) -> bool:
    spec = policy["spec"]
    services = [reference["name"] for reference in spec.get("targetRefs") or ()]
    labels = (spec.get("selector") or {}).get("matchLabels", {})
    return app in services or labels.get(_APPLICATION) == app


def _principals(policy: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for rule in policy["spec"].get("rules", ()):
        for origin in rule.get("from", ()):
            found += origin["source"].get("principals", ())
    return found
