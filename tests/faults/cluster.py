"""Facts in Kubernetes, written so that two clusters with the same facts compare equal."""

import itertools
from collections.abc import Iterator
from typing import Any

from sandbox.kubernetes import KubernetesServer, ObjectChange

Fact = tuple[Any, ...]

_PORTS = (80, 81, 82)
_JUJUS = "app.kubernetes.io/name"


def facts(kubernetes: KubernetesServer) -> frozenset[Fact]:
    """Return everything that charms can write: allowed requests, labels, limits, waypoints, records."""
    return frozenset(_facts(kubernetes))


def allowed(kubernetes: KubernetesServer) -> set[Fact]:
    """Return the allowed sources, targets and ports."""
    return set[Fact]().union(*map(_allowed_by, kubernetes.store.objects("AuthorizationPolicy")))


def _facts(kubernetes: KubernetesServer) -> Iterator[Fact]:
    store = kubernetes.store
    policies = store.objects("AuthorizationPolicy")
    yield from allowed(kubernetes)
    yield ("policies", len(policies))
    for gateway in store.objects("Gateway"):
        yield ("waypoint", gateway["metadata"]["name"], gateway["spec"]["gatewayClassName"])
    for scaler in store.objects("HorizontalPodAutoscaler"):
        yield ("replicas", scaler["metadata"]["name"], scaler["spec"]["maxReplicas"])
    for note in store.objects("ConfigMap", "m"):
        yield ("note", note["metadata"]["name"], *sorted(note.get("data", {}).items()))
    for namespace in store.objects("Namespace"):
        yield from _labels("namespace", namespace["metadata"])
    for service in store.objects("Service", "m"):
        yield from _labels("Service", service["metadata"])
    for stateful_set in store.objects("StatefulSet", "m"):
        template = stateful_set["spec"]["template"]
        yield from _labels("pods", template["metadata"])
        for container in template["spec"]["containers"]:
            for name, quantities in container.get("resources", {}).items():
                yield from (("resources", container["name"], name, *each) for each in quantities.items())


def _labels(what: str, metadata: dict[str, Any]) -> Iterator[Fact]:
    for key, value in (metadata.get("labels") or {}).items():
        if key != _JUJUS:
            yield ("label", what, metadata.get("name"), key, value)


def _allowed_by(policy: dict[str, Any]) -> Iterator[Fact]:
    spec = policy["spec"]
    if references := spec.get("targetRefs"):
        target = references[0]["name"]
    else:
        target = str(sorted(spec["selector"]["matchLabels"].items()))
    for rule in spec["rules"]:
        origins = rule.get("from", [{"source": {"principals": ["anybody"]}}])
        sources = list(itertools.chain.from_iterable(each["source"]["principals"] for each in origins))
        operations = [each["operation"] for each in rule.get("to", [{"operation": {}}])]
        for port in _PORTS:
            if any(str(port) in each.get("ports", [str(port)]) for each in operations):
                yield from (("allowed", source, target, port) for source in sources)


class Watcher:
    """Watches each change in Kubernetes when it is made.

    Facts that `must_stay` are in `missed` once a change removes them.
    """

    def __init__(self, kubernetes: KubernetesServer):
        self.must_stay: frozenset[Fact] = frozenset()
        self.missed: set[Fact] = set()
        self._kubernetes = kubernetes
        self.stop = kubernetes.store.observe(self._look)

    def _look(self, _: ObjectChange) -> None:
        if self.must_stay:
            self.missed |= self.must_stay - facts(self._kubernetes)
