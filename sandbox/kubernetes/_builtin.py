"""The kinds of Kubernetes itself: their lists, their defaults, and their required fields."""

from collections.abc import Mapping, Sequence
from functools import partial

from ._json import Value
from ._schema import ATOMIC, BOOLEAN, INTEGER, STRING, Schema, keyed, struct

_MAP = Schema(type="object", values=STRING, omit_empty=True)
_STRINGS = Schema(type="array", items=STRING, omit_empty=True)
_list = partial(keyed, omit_empty=True)
_inherent = partial(struct, inherent=True)

METADATA = Schema(
    type="object",
    closed=True,
    inherent=True,
    fields={
        **dict.fromkeys(
            (
                *("name", "namespace", "generateName", "uid", "resourceVersion", "selfLink"),
                *("creationTimestamp", "deletionTimestamp"),
            ),
            STRING,
        ),
        **dict.fromkeys(("generation", "deletionGracePeriodSeconds"), INTEGER),
        "managedFields": Schema(type="array"),
        "labels": _MAP,
        "annotations": _MAP,
        "finalizers": Schema(type="array", items=STRING, unique=True, omit_empty=True),
        "ownerReferences": _list(
            struct({"uid": STRING, "name": STRING}, required=("apiVersion", "kind", "name", "uid")), "uid"
        ),
    },
)


def _kind(*, required: Sequence[str] = (), **fields: Schema) -> Schema:
    """Return the schema of a whole kind: apiVersion, kind, metadata and its own fields."""
    own = {"apiVersion": STRING, "kind": STRING, "metadata": METADATA, **fields}
    return struct(own, closed=True, required=required)


def _default(value: str | int | Mapping[str, Value] | list[Value]) -> Schema:
    match value:
        case str():
            return Schema(type="string", default=value)
        case int():
            return Schema(type="integer", default=value)
        case list():
            return Schema(type="array", default=value)
        case _:
            return Schema(type="object", default=value)


_SELECTOR = Schema(type="object", atomic=True, fields={"matchLabels": _MAP}, omit_empty=True)
_STATUS = _inherent({"conditions": _list(struct({"type": STRING}), "type")})

_CONTAINER = struct(
    {
        "name": STRING,
        "image": STRING,
        "command": _STRINGS,
        "args": _STRINGS,
        "imagePullPolicy": STRING,
        "terminationMessagePath": _default("/dev/termination-log"),
        "terminationMessagePolicy": _default("File"),
        "resources": _default({}),
        "env": _list(struct({"name": STRING}), "name"),
        "volumeMounts": _list(struct({"mountPath": STRING}), "mountPath"),
        "volumeDevices": _list(struct({"devicePath": STRING}), "devicePath"),
        "ports": _list(
            struct({"containerPort": INTEGER, "protocol": _default("TCP")}),
            *("containerPort", "protocol"),
            merge_key="containerPort",
        ),
    }
)

_POD_FIELDS = {
    "containers": keyed(_CONTAINER, "name", inherent=True),
    "initContainers": _list(_CONTAINER, "name"),
    "volumes": _list(struct({"name": STRING}), "name"),
    "imagePullSecrets": _list(struct({"name": STRING}), "name"),
    "hostAliases": _list(struct({"ip": STRING}), "ip"),
    "topologySpreadConstraints": _list(
        struct({"topologyKey": STRING, "whenUnsatisfiable": STRING}),
        *("topologyKey", "whenUnsatisfiable"),
        merge_key="topologyKey",
    ),
    "nodeSelector": ATOMIC,
    "restartPolicy": _default("Always"),
    "dnsPolicy": _default("ClusterFirst"),
    "schedulerName": _default("default-scheduler"),
    "terminationGracePeriodSeconds": _default(30),
    "securityContext": _default({}),
}

_TEMPLATE = _inherent({"metadata": METADATA, "spec": _inherent(_POD_FIELDS)})

POD = _kind(
    spec=_inherent(_POD_FIELDS | {"enableServiceLinks": Schema(type="boolean", default=True)}),
    status=_inherent(
        {
            "conditions": _list(struct({"type": STRING}), "type"),
            "podIPs": _list(struct({"ip": STRING}), "ip"),
            "containerStatuses": Schema(type="array", omit_empty=True),
        }
    ),
)

STATEFUL_SET = _kind(
    spec=_inherent(
        {
            "replicas": _default(1),
            "selector": _SELECTOR,
            "serviceName": STRING,
            "template": _TEMPLATE,
            "volumeClaimTemplates": Schema(type="array", omit_empty=True),
            "podManagementPolicy": _default("OrderedReady"),
            "revisionHistoryLimit": _default(10),
            "updateStrategy": _inherent(
                {
                    "type": _default("RollingUpdate"),
                    "rollingUpdate": struct({"partition": _default(0)}),
                }
            ),
            "persistentVolumeClaimRetentionPolicy": _default(
                {"whenDeleted": "Retain", "whenScaled": "Retain"}
            ),
        },
        required=("selector",),
    ),
    status=_inherent(
        {
            "conditions": _list(struct({"type": STRING}), "type"),
            **dict.fromkeys(("replicas", "availableReplicas"), _default(0)),
        }
    ),
)

CONTROLLER_REVISION = _kind(data=Schema(), revision=INTEGER)

DEPLOYMENT = _kind(
    spec=_inherent(
        {
            "replicas": _default(1),
            "selector": _SELECTOR,
            "template": _TEMPLATE,
            "revisionHistoryLimit": _default(10),
            "progressDeadlineSeconds": _default(600),
            "strategy": _inherent(
                {
                    "type": _default("RollingUpdate"),
                    "rollingUpdate": _default({"maxSurge": "25%", "maxUnavailable": "25%"}),
                }
            ),
        },
        required=("selector",),
    ),
    status=_STATUS,
)

SERVICE = _kind(
    spec=_inherent(
        {
            "ports": _list(
                struct({"port": INTEGER, "protocol": _default("TCP")}, required=("port",)),
                *("port", "protocol"),
                merge_key="port",
            ),
            "selector": Schema(type="object", values=STRING, atomic=True, omit_empty=True),
            "type": Schema(
                type="string",
                enum=("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
                default="ClusterIP",
            ),
            "sessionAffinity": _default("None"),
            "internalTrafficPolicy": _default("Cluster"),
        }
    ),
    status=_inherent({"conditions": _list(struct({"type": STRING}), "type"), "loadBalancer": _inherent({})}),
)

CONFIG_MAP = _kind(data=_MAP, binaryData=_MAP, immutable=BOOLEAN)
SECRET = _kind(data=_MAP, stringData=_MAP, type=_default("Opaque"), immutable=BOOLEAN)
SERVICE_ACCOUNT = _kind(
    secrets=_list(struct({"name": STRING}), "name"),
    imagePullSecrets=Schema(type="array", omit_empty=True),
    automountServiceAccountToken=BOOLEAN,
)
NAMESPACE = _kind(spec=_inherent({}), status=_STATUS)

HORIZONTAL_POD_AUTOSCALER = _kind(
    spec=_inherent(
        {
            "scaleTargetRef": _inherent({"kind": STRING, "name": STRING}, required=("kind", "name")),
            "minReplicas": _default(1),
            "maxReplicas": _default(0),
            "metrics": _default(
                [
                    {
                        "type": "Resource",
                        "resource": {
                            "name": "cpu",
                            "target": {"type": "Utilization", "averageUtilization": 80},
                        },
                    }
                ]
            ),
        }
    ),
    status=_inherent({"conditions": _list(struct({"type": STRING}), "type"), "desiredReplicas": _default(0)}),
)

ROLE = _kind(rules=Schema(type="array"), aggregationRule=ATOMIC)
ROLE_BINDING = _kind(
    subjects=Schema(type="array", omit_empty=True),
    roleRef=Schema(
        type="object",
        atomic=True,
        inherent=True,
        fields={"apiGroup": _default("rbac.authorization.k8s.io"), "kind": STRING, "name": STRING},
    ),
)
WEBHOOK_CONFIGURATION = _kind(webhooks=Schema(type="array"))
EVENT = struct({"metadata": METADATA})
ENDPOINT_SLICE = _kind(
    addressType=Schema(type="string", enum=("FQDN", "IPv4", "IPv6")),
    endpoints=Schema(type="array"),
    ports=Schema(type="array", items=struct({"protocol": _default("TCP")})),
    required=("addressType",),
)
CUSTOM_RESOURCE_DEFINITION = _kind(spec=_inherent({}), status=_STATUS)
