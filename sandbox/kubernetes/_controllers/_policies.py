"""Conditions that istiod writes on an AuthorizationPolicy: whether a waypoint or ztunnel enforces it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from .._json import Object, labels_of, mapping, sequence
from .._kinds import AUTHORIZATION_POLICY, GATEWAY, NAMESPACE, SERVICE
from .._records import ObjectChange
from .._store import ObjectStore
from ._base import KubernetesController
from ._waypoints import is_waypoint

_ROOT_NAMESPACE = "istio-system"
_MANAGERS = {
    "WaypointAccepted": "istio-ambient-waypoint-policy",
    "ZtunnelAccepted": "istio-ambient-ztunnel-policy",
}
_TCP_KEYS = ("source.ip", "source.namespace", "source.principal", "destination.ip", "destination.port")
_HTTP_SOURCES = ("requestPrincipals", "notRequestPrincipals", "remoteIpBlocks", "notRemoteIpBlocks")
_HTTP_OPERATIONS = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")


@dataclass(frozen=True)
class _Verdict:
    condition: str
    enforced: bool
    reason: str
    message: str


class PolicyStatusController(KubernetesController):
    """Writes on each policy the condition `WaypointAccepted` or `ZtunnelAccepted`."""

    def __init__(self, store: ObjectStore):
        self._in_namespace: dict[str, set[str]] = defaultdict(set)
        super().__init__(store)

    def handle(self, change: ObjectChange) -> None:
        metadata = change.object["metadata"]
        if change.kind is AUTHORIZATION_POLICY:
            names = self._in_namespace[metadata["namespace"]]
            if change.new is None:
                names.discard(metadata["name"])
            else:
                names.add(metadata["name"])
                if change.old is None or _asks(change.old) != _asks(change.new):
                    self._judge(change.new)
        elif change.kind is SERVICE and _came_or_changed_labels(change):
            self._judge_namespace(metadata["namespace"])
        elif change.kind is NAMESPACE and _came_or_changed_labels(change) and change.old:
            self._judge_namespace(metadata["name"])
        elif change.kind is GATEWAY and _ready(change.old) != _ready(change.new):
            self.catch_up()

    def catch_up(self) -> None:
        for policy in self.store.objects(AUTHORIZATION_POLICY):
            self._in_namespace[policy["metadata"]["namespace"]].add(policy["metadata"]["name"])
            self._judge(policy)

    def _judge_namespace(self, namespace: str) -> None:
        for name in sorted(self._in_namespace[namespace]):
            if policy := self.store.find(AUTHORIZATION_POLICY, namespace, name):
                self._judge(policy)

    def _judge(self, policy: Object) -> None:
        metadata, spec = policy["metadata"], mapping(policy.get("spec"))
        targets = sequence(spec.get("targetRefs")) or ([spec["targetRef"]] if "targetRef" in spec else [])
        if targets:
            verdict = self._waypoint_verdict(metadata["namespace"], targets)
        else:
            verdict = _ztunnel_verdict(metadata, spec)
        condition = {
            "type": verdict.condition,
            "status": str(verdict.enforced),
            "reason": verdict.reason,
            "message": verdict.message,
            "observedGeneration": str(metadata["generation"]),
        }
        conditions = sequence(mapping(policy.get("status")).get("conditions"))
        if conditions and condition.items() <= conditions[0].items():
            return
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {"conditions": [condition | {"lastTransitionTime": now}]}
        self.report(AUTHORIZATION_POLICY, policy, status, manager=_MANAGERS[verdict.condition])

    def _waypoint_verdict(self, namespace: str, targets: list[Object]) -> _Verdict:
        verdicts = [self._target_verdict(namespace, target) for target in targets]
        if len(verdicts) == 1:
            return verdicts[0]
        unbound = [
            f"{target['kind']}.{target.get('group') or 'core'}:{namespace}/{target['name']}"
            for target, verdict in zip(targets, verdicts, strict=True)
            if not verdict.enforced
        ]
        enforced = len(unbound) < len(verdicts)
        reason = "Invalid" if not enforced else "PartiallyInvalid" if unbound else "Accepted"
        message = f"Invalid targetRefs: {', '.join(unbound)}" if unbound else ""
        return _Verdict("WaypointAccepted", enforced, reason, message)

    def _target_verdict(self, namespace: str, target: Object) -> _Verdict:
        key = f"{namespace}/{target['name']}"
        if target["kind"] == "GatewayClass":
            message = (
                f"AuthorizationPolicy must be in the root namespace `{_ROOT_NAMESPACE}` "
                "when referencing a GatewayClass"
            )
            return _Verdict("WaypointAccepted", False, "Invalid", message)
        if target["kind"] not in (GATEWAY.name, SERVICE.name):
            return _Verdict("WaypointAccepted", False, "unknown", "not bound")
        if target["kind"] == GATEWAY.name:
            gateway = self.store.find(GATEWAY, namespace, target["name"])
            if gateway and _ready(gateway):
                return _Verdict("WaypointAccepted", True, "Accepted", f"bound to {key}")
            return _Verdict("WaypointAccepted", False, "TargetNotFound", "not bound")
        service = self.store.find(SERVICE, namespace, target["name"])
        if service is None:
            return _Verdict("WaypointAccepted", False, "TargetNotFound", f"Service {key} was not found")
        waypoint = self._waypoint_of(service)
        if waypoint is None:
            message = f"Service {key} is not bound to a waypoint"
            return _Verdict("WaypointAccepted", False, "AncestorNotBound", message)
        return _Verdict("WaypointAccepted", True, "Accepted", f"bound to {waypoint}")

    def _waypoint_of(self, service: Object) -> str | None:
        """The ready waypoint that a Service's labels, or else its namespace's, name."""
        if labels_of(service).get("gateway.istio.io/managed"):
            return None
        home = self.store.find(NAMESPACE, "", service["metadata"]["namespace"])
        for labels in (labels_of(service), labels_of(home) if home else {}):
            name = labels.get("istio.io/use-waypoint")
            if name == "none":
                return None
            if name:
                namespace = labels.get("istio.io/use-waypoint-namespace") or service["metadata"]["namespace"]
                gateway = self.store.find(GATEWAY, namespace, name)
                return f"{namespace}/{name}" if gateway and _serves(gateway, service) else None
        return None


def _asks(policy: Object) -> tuple[Object, Object]:
    return mapping(policy.get("spec")), mapping(policy["metadata"].get("annotations"))


def _came_or_changed_labels(change: ObjectChange) -> bool:
    if change.old is None or change.new is None:
        return True
    return labels_of(change.old) != labels_of(change.new)


def _ready(gateway: Object | None) -> bool:
    if gateway is None or not is_waypoint(gateway):
        return False
    conditions = sequence(mapping(gateway.get("status")).get("conditions"))
    return any(one["type"] == "Programmed" and one["status"] == "True" for one in conditions)


def _serves(gateway: Object, service: Object) -> bool:
    if not _ready(gateway):
        return False
    if labels_of(gateway).get("istio.io/waypoint-for", "service") not in ("service", "all"):
        return False
    if gateway["metadata"]["namespace"] == service["metadata"]["namespace"]:
        return True
    return any(
        listener["allowedRoutes"]["namespaces"]["from"] == "All" for listener in gateway["spec"]["listeners"]
    )


def _ztunnel_verdict(metadata: Object, spec: Object) -> _Verdict:
    if mapping(metadata.get("annotations")).get("istio.io/dry-run") in (
        "true",
        "True",
        "TRUE",
        "1",
        "t",
        "T",
    ):
        message = (
            f'found policy "{metadata["namespace"]}/{metadata["name"]}" using dry-run annotation, '
            "but support for ambient dry-run authorizationPolicies isn't enabled"
        )
        return _Verdict("ZtunnelAccepted", False, "UnsupportedValue", message)
    if (action := spec.get("action", "ALLOW")) not in ("ALLOW", "DENY"):
        message = f"ztunnel does not support the {action} action"
        return _Verdict("ZtunnelAccepted", False, "UnsupportedValue", message)
    found = sorted(set(_http_attributes(spec)))
    if not found:
        return _Verdict("ZtunnelAccepted", True, "Accepted", "attached to ztunnel")
    what = (
        "Within an ALLOW policy, rules matching HTTP attributes are omitted."
        if action == "ALLOW"
        else "DENY policy with HTTP attributes is enforced without the HTTP rules."
    )
    message = (
        f"ztunnel does not support HTTP attributes (found: {', '.join(found)}). In ambient mode you must use "
        f"a waypoint proxy to enforce HTTP rules. {what} This will be more restrictive than requested."
    )
    return _Verdict("ZtunnelAccepted", True, "UnsupportedValue", message)


def _http_attributes(spec: Object) -> Iterator[str]:
    for rule in sequence(spec.get("rules")):
        for to in sequence(rule.get("to")):
            operation = mapping(to.get("operation"))
            yield from (name for name in _HTTP_OPERATIONS if operation.get(name))
        for origin in sequence(rule.get("from")):
            source = mapping(origin.get("source"))
            yield from (name for name in _HTTP_SOURCES if source.get(name))
        yield from (when["key"] for when in sequence(rule.get("when")) if when["key"] not in _TCP_KEYS)
