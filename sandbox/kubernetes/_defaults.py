"""Values that the server fills in beyond a schema's defaults: addresses, phases, implied fields."""

import base64
import itertools
from copy import deepcopy

from ._json import Object, labels_of, mapping, sequence
from ._kinds import DEPLOYMENT, NAMESPACE, POD, SERVICE, STATEFUL_SET, Kind

_TOLERATIONS = [
    {
        "key": f"node.kubernetes.io/{trouble}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    for trouble in ("not-ready", "unreachable")
]
_ALLOCATED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


def imply(kind: Kind, obj: Object) -> None:
    """Fill in, in place, what an object's other fields imply."""
    spec = mapping(obj.get("spec"))
    if kind is NAMESPACE and (name := obj["metadata"].get("name")):
        obj["metadata"]["labels"] = labels_of(obj) | {"kubernetes.io/metadata.name": name}
    elif kind is SERVICE:
        for port in sequence(spec.get("ports")):
            port.setdefault("targetPort", port.get("port"))
        if spec.get("sessionAffinity") == "ClientIP":
            spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10800}})
        else:
            spec.pop("sessionAffinityConfig", None)
    elif kind is POD:
        _imply_in_pod(spec)
        status = mapping(obj.get("status"))
        if address := status.get("podIP"):
            status.setdefault("podIPs", [{"ip": address}])
    elif kind in (STATEFUL_SET, DEPLOYMENT):
        _imply_in_pod(mapping(mapping(spec.get("template")).get("spec")))
        if (strategy := mapping(spec.get("updateStrategy"))).get("type") == "RollingUpdate":
            strategy.setdefault("rollingUpdate", {"partition": 0})
    elif kind.name == "Secret" and (plain := obj.pop("stringData", None)):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
        obj["data"] = mapping(obj.get("data")) | encoded


def _imply_in_pod(pod: Object) -> None:
    # The second is the first's old name.
    if account := pod.get("serviceAccountName") or pod.get("serviceAccount"):
        pod["serviceAccountName"] = pod["serviceAccount"] = account
    for container in (*sequence(pod.get("containers")), *sequence(pod.get("initContainers"))):
        tag = container.get("image", "").rpartition("/")[2].partition(":")[2]
        container.setdefault("imagePullPolicy", "Always" if tag in ("", "latest") else "IfNotPresent")


def _quality_of_service(pod: Object) -> str:
    """Return a pod's class of quality of service."""
    containers = (*sequence(pod.get("containers")), *sequence(pod.get("initContainers")))
    resources = [mapping(container.get("resources")) for container in containers]
    if not any(one.get("requests") or one.get("limits") for one in resources):
        return "BestEffort"
    all_limited = all({"cpu", "memory"} <= mapping(one.get("limits")).keys() for one in resources)
    same = all(one.get("requests", one.get("limits")) == one.get("limits") for one in resources)
    return "Guaranteed" if all_limited and same else "Burstable"


def keep(kind: Kind, old: Object, new: Object) -> None:
    """Copy, in place, the values that the server once filled in and that a request does not have."""
    if kind is SERVICE:
        spec = mapping(new.get("spec"))
        if (spec.get("type") == "ExternalName") == (old["spec"].get("type") == "ExternalName"):
            for name in _ALLOCATED:
                if name in old["spec"] and not spec.get(name):
                    spec[name] = old["spec"][name]
    elif kind is NAMESPACE:
        new["spec"] = old["spec"]


class Allocator:
    """Fills in the values that only the server can set on new objects."""

    def __init__(self) -> None:
        self._addresses = itertools.count(1)

    def fill(self, kind: Kind, obj: Object) -> None:
        """Fill in a new object in place."""
        if kind is SERVICE:
            self._fill_service(obj)
        elif kind is NAMESPACE:
            obj["spec"] = {"finalizers": ["kubernetes"]}
            obj["status"] = {"phase": "Active"}
        elif kind is POD:
            obj["status"] = {"phase": "Pending", "qosClass": _quality_of_service(obj["spec"])}
            obj["spec"] |= {"preemptionPolicy": "PreemptLowerPriority", "priority": 0}
            obj["spec"].setdefault("tolerations", deepcopy(_TOLERATIONS))

    def _fill_service(self, obj: Object) -> None:
        spec = obj["spec"]
        if spec.get("type") == "ExternalName":
            return
        number = next(self._addresses)
        address = spec.setdefault("clusterIP", f"10.152.{number // 250 % 250}.{number % 250 + 1}")
        spec.setdefault("clusterIPs", [address])
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
