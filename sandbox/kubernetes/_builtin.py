"""What the kinds of Kubernetes itself look like: their lists, their defaults, what they must have."""

from ._schema import ATOMIC, INTEGER, LABELS, STRING, Schema, keyed, struct

METADATA = struct(
    {
        "name": STRING,
        "namespace": STRING,
        "generateName": STRING,
        "labels": LABELS,
        "annotations": LABELS,
        "finalizers": Schema(type="array", items=STRING, unique=True),
        "ownerReferences": keyed(
            struct({"uid": STRING, "name": STRING}, required=("apiVersion", "kind", "name", "uid")), "uid"
        ),
    }
)

_CONDITIONS = keyed(struct({"type": STRING}), "type")
_PORT_NUMBER = Schema(type="integer", minimum=1, maximum=65535)
_SELECTOR = Schema(type="object", atomic=True, fields={"matchLabels": LABELS})


def _defaulted(schema: str | int) -> Schema:
    return Schema(type="string" if isinstance(schema, str) else "integer", default=schema)


_CONTAINER = struct(
    {
        "name": STRING,
        "image": STRING,
        "imagePullPolicy": _defaulted("IfNotPresent"),
        "terminationMessagePath": _defaulted("/dev/termination-log"),
        "terminationMessagePolicy": _defaulted("File"),
        "resources": Schema(type="object", default={}),
        "env": keyed(struct({"name": STRING}), "name"),
        "volumeMounts": keyed(struct({"mountPath": STRING}), "mountPath"),
        "volumeDevices": keyed(struct({"devicePath": STRING}), "devicePath"),
        "ports": keyed(
            struct({"containerPort": INTEGER, "protocol": _defaulted("TCP")}),
            *("containerPort", "protocol"),
            merge_key="containerPort",
        ),
    },
    required=("name",),
)

_POD_SPEC = struct(
    {
        "containers": keyed(_CONTAINER, "name"),
        "initContainers": keyed(_CONTAINER, "name"),
        "volumes": keyed(struct({"name": STRING}), "name"),
        "imagePullSecrets": keyed(struct({"name": STRING}), "name"),
        "hostAliases": keyed(struct({"ip": STRING}), "ip"),
        "topologySpreadConstraints": keyed(
            struct({"topologyKey": STRING, "whenUnsatisfiable": STRING}),
            *("topologyKey", "whenUnsatisfiable"),
            merge_key="topologyKey",
        ),
        "nodeSelector": ATOMIC,
        "restartPolicy": _defaulted("Always"),
        "dnsPolicy": _defaulted("ClusterFirst"),
        "schedulerName": _defaulted("default-scheduler"),
        "terminationGracePeriodSeconds": _defaulted(30),
        "securityContext": Schema(type="object", default={}),
    },
    required=("containers",),
)

_TEMPLATE = struct({"metadata": METADATA, "spec": _POD_SPEC})

POD = struct(
    {
        "metadata": METADATA,
        "spec": _POD_SPEC,
        "status": struct({"conditions": _CONDITIONS, "podIPs": keyed(struct({"ip": STRING}), "ip")}),
    },
    required=("spec",),
)

STATEFUL_SET = struct(
    {
        "metadata": METADATA,
        "spec": struct(
            {
                "replicas": _defaulted(1),
                "selector": _SELECTOR,
                "template": _TEMPLATE,
                "podManagementPolicy": _defaulted("OrderedReady"),
                "revisionHistoryLimit": _defaulted(10),
                "updateStrategy": Schema(
                    type="object", default={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
                ),
                "persistentVolumeClaimRetentionPolicy": Schema(
                    type="object", default={"whenDeleted": "Retain", "whenScaled": "Retain"}
                ),
            },
            required=("selector", "template"),
        ),
        "status": struct({"conditions": _CONDITIONS}),
    }
)

DEPLOYMENT = struct(
    {
        "metadata": METADATA,
        "spec": struct(
            {
                "replicas": _defaulted(1),
                "selector": _SELECTOR,
                "template": _TEMPLATE,
                "revisionHistoryLimit": _defaulted(10),
                "progressDeadlineSeconds": _defaulted(600),
                "strategy": Schema(
                    type="object",
                    default={
                        "type": "RollingUpdate",
                        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
                    },
                ),
            },
            required=("selector", "template"),
        ),
        "status": struct({"conditions": _CONDITIONS}),
    }
)

SERVICE = struct(
    {
        "metadata": METADATA,
        "spec": struct(
            {
                "ports": keyed(
                    struct({"port": _PORT_NUMBER, "protocol": _defaulted("TCP")}, required=("port",)),
                    *("port", "protocol"),
                    merge_key="port",
                ),
                "selector": ATOMIC,
                "type": Schema(
                    type="string",
                    enum=("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
                    default="ClusterIP",
                ),
                "sessionAffinity": _defaulted("None"),
                "internalTrafficPolicy": _defaulted("Cluster"),
            }
        ),
        "status": struct({"conditions": _CONDITIONS}),
    }
)

CONFIG_MAP = struct({"metadata": METADATA, "data": LABELS, "binaryData": LABELS})
SECRET = struct({"metadata": METADATA, "data": LABELS, "type": _defaulted("Opaque")})
SERVICE_ACCOUNT = struct({"metadata": METADATA, "secrets": keyed(struct({"name": STRING}), "name")})
NAMESPACE = struct({"metadata": METADATA, "status": struct({"conditions": _CONDITIONS})})

HORIZONTAL_POD_AUTOSCALER = struct(
    {
        "metadata": METADATA,
        "spec": struct(
            {
                "scaleTargetRef": Schema(
                    type="object",
                    atomic=False,
                    fields={"kind": STRING, "name": STRING},
                    required=("kind", "name"),
                ),
                "minReplicas": Schema(type="integer", default=1),
                "maxReplicas": INTEGER,
                "metrics": Schema(
                    type="array",
                    default=[
                        {
                            "type": "Resource",
                            "resource": {
                                "name": "cpu",
                                "target": {"type": "Utilization", "averageUtilization": 80},
                            },
                        }
                    ],
                ),
            },
            required=("scaleTargetRef", "maxReplicas"),
        ),
        "status": struct({"conditions": _CONDITIONS}),
    }
)

ROLE = struct({"metadata": METADATA})
ROLE_BINDING = struct(
    {
        "metadata": METADATA,
        "roleRef": Schema(
            type="object",
            atomic=True,
            fields={"apiGroup": _defaulted("rbac.authorization.k8s.io"), "kind": STRING, "name": STRING},
        ),
    },
    required=("roleRef",),
)

EVENT = struct({"metadata": METADATA})

ENDPOINT_SLICE = struct(
    {
        "metadata": METADATA,
        "addressType": Schema(type="string", enum=("FQDN", "IPv4", "IPv6")),
    },
    required=("addressType",),
)

CUSTOM_RESOURCE_DEFINITION = struct(
    {
        "metadata": METADATA,
        "status": struct({"conditions": _CONDITIONS}),
    }
)
