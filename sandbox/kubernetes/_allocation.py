"""What the server itself fills in on new objects: addresses, phases, the label of a namespace."""

import itertools

from ._json import Object, labels_of, mapping, sequence
from ._kinds import NAMESPACE, POD, SERVICE, STATEFUL_SET, Kind

_ALLOCATED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


class Allocator:
    """Gives Services their addresses, and new objects what only the server knows."""

    def __init__(self) -> None:
        self._addresses = itertools.count(1)

    def default(self, kind: Kind, obj: Object) -> None:
        """Fill in, in place, what an object's other fields say."""
        if kind is NAMESPACE and (name := obj["metadata"].get("name")):
            obj["metadata"]["labels"] = labels_of(obj) | {"kubernetes.io/metadata.name": name}
        elif kind is SERVICE:
            for port in sequence(mapping(obj.get("spec")).get("ports")):
                port.setdefault("targetPort", port.get("port"))

    def fill(self, kind: Kind, obj: Object) -> None:
        """Complete a new object in place."""
        if kind is SERVICE:
            self._fill_service(obj)
        elif kind is NAMESPACE:
            obj["spec"] = {"finalizers": ["kubernetes"]}
            obj["status"] = {"phase": "Active"}
        elif kind is POD:
            obj["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
        elif kind is STATEFUL_SET:
            obj["status"] = {"replicas": 0, "availableReplicas": 0}
        elif kind.name == "HorizontalPodAutoscaler":
            obj["status"] = {"desiredReplicas": 0}
        elif kind.status and not kind.custom:
            obj.setdefault("status", {})

    def keep(self, kind: Kind, old: Object, new: Object) -> None:
        """Carry over, in place, what was filled in and is not said anew."""
        if kind is SERVICE:
            spec = new.setdefault("spec", {})
            if (spec.get("type") == "ExternalName") == (old["spec"].get("type") == "ExternalName"):
                for name in _ALLOCATED:
                    if name in old["spec"] and not spec.get(name):
                        spec[name] = old["spec"][name]
        elif kind is NAMESPACE:
            new["spec"] = old["spec"]

    def _fill_service(self, obj: Object) -> None:
        spec = obj.setdefault("spec", {})
        obj["status"] = {"loadBalancer": {}}
        if spec.get("type") == "ExternalName":
            return
        number = next(self._addresses)
        address = spec.setdefault("clusterIP", f"10.152.{number // 250 % 250}.{number % 250 + 1}")
        spec.setdefault("clusterIPs", [address])
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
