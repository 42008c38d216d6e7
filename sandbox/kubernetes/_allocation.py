"""What the server itself fills in on new objects: addresses, phases, the label of a namespace."""

import itertools

from ._json import Object, labels_of, sequence
from ._kinds import NAMESPACE, POD, SERVICE, Kind

_ALLOCATED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


class Allocator:
    """Gives Services their addresses, and new objects what only the server knows."""

    def __init__(self) -> None:
        self._addresses = itertools.count(1)

    def fill(self, kind: Kind, obj: Object) -> None:
        """Complete a new object in place."""
        if kind is SERVICE:
            self._fill_service(obj)
        elif kind is NAMESPACE:
            name = obj["metadata"]["name"]
            obj["metadata"]["labels"] = labels_of(obj) | {"kubernetes.io/metadata.name": name}
            obj["spec"] = {"finalizers": ["kubernetes"]}
            obj["status"] = {"phase": "Active"}
        elif kind is POD:
            obj["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
        elif kind.status and not kind.custom:
            obj.setdefault("status", {})

    def keep(self, kind: Kind, old: Object, new: Object) -> None:
        """Carry over, in place, what was filled in and is not said anew."""
        if kind is SERVICE:
            spec = new.setdefault("spec", {})
            _default_target_ports(spec)
            if (spec.get("type") == "ExternalName") == (old["spec"].get("type") == "ExternalName"):
                for name in _ALLOCATED:
                    if name in old["spec"] and not spec.get(name):
                        spec[name] = old["spec"][name]
        elif kind is NAMESPACE:
            label = {"kubernetes.io/metadata.name": new["metadata"]["name"]}
            new["metadata"]["labels"] = labels_of(new) | label
            new["spec"] = old["spec"]

    def _fill_service(self, obj: Object) -> None:
        spec = obj.setdefault("spec", {})
        _default_target_ports(spec)
        obj["status"] = {"loadBalancer": {}}
        if spec.get("type") == "ExternalName":
            return
        number = next(self._addresses)
        address = spec.setdefault("clusterIP", f"10.152.{number // 250 % 250}.{number % 250 + 1}")
        spec.setdefault("clusterIPs", [address])
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")


def _default_target_ports(spec: Object) -> None:
    for port in sequence(spec.get("ports")):
        port.setdefault("targetPort", port.get("port"))
