"""What the kinds of Istio and of the Gateway API look like, as their CRDs say."""

from collections.abc import Sequence

from ._builtin import METADATA
from ._schema import ANY, LABELS, STRING, Schema, keyed, struct


def _closed(**fields: Schema) -> Schema:
    return struct(fields, closed=True)


def _list(items: Schema = STRING, *, least: int = 0, most: int | None = None) -> Schema:
    return Schema(type="array", items=items, min_items=least, max_items=most)


def _word(*words: str, default: str | None = None) -> Schema:
    return Schema(type="string", enum=words, default=default)


def _text(pattern: str = "", *, least: int = 1, most: int = 253, default: str | None = None) -> Schema:
    return Schema(type="string", pattern=pattern, min_length=least, max_length=most, default=default)


def _custom_resource(spec: Schema, *, required: Sequence[str] = (), status: Schema = ANY) -> Schema:
    fields = {"apiVersion": STRING, "kind": STRING, "metadata": METADATA, "spec": spec, "status": status}
    return struct(fields, closed=True, required=required)


_WORKLOADS = _closed(
    matchLabels=Schema(type="object", values=Schema(type="string", max_length=63)),
)
_POLICY_TARGET = struct(
    {
        "group": _text(least=0),
        "kind": _text(most=63),
        "name": _text(),
        "namespace": _text(least=0),
    },
    required=("kind", "name"),
    closed=True,
)
_SOURCE = _closed(
    **dict.fromkeys(
        (
            *("principals", "notPrincipals", "requestPrincipals", "notRequestPrincipals"),
            *(
                "namespaces",
                "notNamespaces",
                "ipBlocks",
                "notIpBlocks",
                "remoteIpBlocks",
                "notRemoteIpBlocks",
            ),
        ),
        _list(),
    ),
    serviceAccounts=_list(Schema(type="string", max_length=320), most=16),
    notServiceAccounts=_list(Schema(type="string", max_length=320), most=16),
)
_OPERATION = _closed(
    **dict.fromkeys(
        ("hosts", "notHosts", "ports", "notPorts", "methods", "notMethods", "paths", "notPaths"), _list()
    )
)
_CONDITION = struct({"key": STRING, "values": _list(), "notValues": _list()}, required=("key",), closed=True)

AUTHORIZATION_POLICY = _custom_resource(
    _closed(
        action=_word("ALLOW", "DENY", "AUDIT", "CUSTOM"),
        provider=_closed(name=STRING),
        rules=_list(
            struct(
                {
                    "from": _list(_closed(source=_SOURCE), most=512),
                    "to": _list(_closed(operation=_OPERATION)),
                    "when": _list(_CONDITION),
                },
                closed=True,
            ),
            most=512,
        ),
        selector=_WORKLOADS,
        targetRef=_POLICY_TARGET,
        targetRefs=_list(_POLICY_TARGET, most=16),
    )
)

PEER_AUTHENTICATION = _custom_resource(
    _closed(
        mtls=_closed(mode=_word("UNSET", "DISABLE", "PERMISSIVE", "STRICT")),
        portLevelMtls=Schema(
            type="object", values=_closed(mode=_word("UNSET", "DISABLE", "PERMISSIVE", "STRICT"))
        ),
        selector=_WORKLOADS,
    )
)

_DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_DNS_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_HOSTNAME = _text(r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_PORT = Schema(type="integer", minimum=1, maximum=65535)
_CONDITIONS = keyed(struct({"type": STRING}), "type")

_LISTENER = struct(
    {
        "name": _text(_DNS_NAME),
        "hostname": _HOSTNAME,
        "port": _PORT,
        "protocol": _text(
            r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9]+$",
            most=255,
        ),
        "tls": ANY,
        "allowedRoutes": struct(
            {
                "namespaces": struct(
                    {"from": _word("All", "Selector", "Same", "None", default="Same"), "selector": ANY},
                    closed=True,
                    default={"from": "Same"},
                ),
                "kinds": _list(ANY, most=8),
            },
            closed=True,
            default={"namespaces": {"from": "Same"}},
        ),
    },
    required=("name", "port", "protocol"),
    closed=True,
)

GATEWAY = _custom_resource(
    struct(
        {
            "gatewayClassName": _text(),
            "listeners": Schema(type="array", items=_LISTENER, keys=("name",), min_items=1, max_items=64),
            "addresses": _list(ANY, most=16),
            "infrastructure": _closed(labels=LABELS, annotations=LABELS, parametersRef=ANY),
            "allowedListeners": ANY,
            "backendTLS": ANY,
            "tls": ANY,
            "defaultScope": STRING,
        },
        required=("gatewayClassName", "listeners"),
        closed=True,
    ),
    required=("spec",),
    status=struct(
        {
            "conditions": _CONDITIONS,
            "listeners": keyed(struct({"name": STRING, "conditions": _CONDITIONS}), "name"),
        },
        default={
            "conditions": [
                {
                    "type": kind,
                    "status": "Unknown",
                    "reason": "Pending",
                    "message": "Waiting for controller",
                    "lastTransitionTime": "1970-01-01T00:00:00Z",
                }
                for kind in ("Accepted", "Programmed")
            ]
        },
    ),
)

GATEWAY_CLASS = _custom_resource(
    struct(
        {"controllerName": _text(), "description": STRING, "parametersRef": ANY},
        required=("controllerName",),
        closed=True,
    ),
    required=("spec",),
    status=struct({"conditions": _CONDITIONS}),
)

_REFERENCE = {
    "group": _text(least=0, default="gateway.networking.k8s.io"),
    "kind": _text(most=63, default="Gateway"),
    "namespace": _text(_DNS_LABEL, most=63),
    "name": _text(),
    "sectionName": _text(),
    "port": _PORT,
}
_BACKEND = {
    "group": _text(least=0, default=""),
    "kind": _text(most=63, default="Service"),
    "namespace": _text(_DNS_LABEL, most=63),
    "name": _text(),
    "port": _PORT,
    "weight": Schema(type="integer", default=1),
    "filters": ANY,
}
_PATH_MATCH = struct(
    {
        "type": _word("Exact", "PathPrefix", "RegularExpression", default="PathPrefix"),
        "value": _text(most=1024, least=0, default="/"),
    },
    closed=True,
    default={"type": "PathPrefix", "value": "/"},
)
_ROUTE_RULE = _closed(
    name=_text(),
    matches=Schema(
        type="array",
        items=_closed(
            path=_PATH_MATCH,
            headers=ANY,
            queryParams=ANY,
            method=_word("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"),
        ),
        max_items=64,
        default=[{"path": {"type": "PathPrefix", "value": "/"}}],
    ),
    filters=_list(ANY, most=16),
    backendRefs=_list(struct(_BACKEND, required=("name",), closed=True), most=16),
    timeouts=ANY,
    retry=ANY,
    sessionPersistence=ANY,
)

HTTP_ROUTE = _custom_resource(
    struct(
        {
            "parentRefs": _list(struct(_REFERENCE, required=("name",), closed=True), most=32),
            "hostnames": _list(_HOSTNAME, most=16),
            "rules": Schema(
                type="array",
                items=_ROUTE_RULE,
                min_items=1,
                max_items=16,
                default=[{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}],
            ),
            "useDefaultGateways": STRING,
        },
        closed=True,
    ),
    required=("spec",),
)
