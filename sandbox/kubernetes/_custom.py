"""What the kinds of Istio and of the Gateway API look like, as their CRDs say."""

from collections.abc import Sequence
from dataclasses import replace

from ._builtin import METADATA
from ._schema import ANY, MAP, STRING, Rule, Schema, keyed, struct


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


_DNS_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_NO_WILDCARD = "wildcard not allowed in label"

_WORKLOADS = _closed(
    matchLabels=Schema(
        type="object",
        values=Schema(
            type="string",
            max_length=63,
            rules=(Rule(f"{_NO_WILDCARD} value match", lambda value: "*" not in value),),
        ),
        rules=(
            Rule(f"{_NO_WILDCARD} key match", lambda labels: not any("*" in key for key in labels)),
            Rule("key must not be empty", lambda labels: "" not in labels),
        ),
    ),
)
_POLICY_TARGET = struct(
    {
        "group": _text(rf"^$|^{_DNS_NAME}$", least=0),
        "kind": _text(r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", most=63),
        "name": _text(),
        "namespace": Schema(
            type="string",
            rules=(Rule("cross namespace referencing is not currently supported", lambda name: not name),),
        ),
    },
    required=("kind", "name"),
    closed=True,
)
_PRINCIPALS = ("principals", "notPrincipals", "namespaces", "notNamespaces")
_ACCOUNTS = ("serviceAccounts", "notServiceAccounts")
_SOURCE = struct(
    {
        **dict.fromkeys(
            (
                *_PRINCIPALS,
                *("requestPrincipals", "notRequestPrincipals", "trustDomains", "notTrustDomains"),
                *("ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"),
            ),
            _list(),
        ),
        **dict.fromkeys(_ACCOUNTS, _list(Schema(type="string", max_length=320), most=16)),
    },
    closed=True,
    rules=(
        Rule(
            "Cannot set serviceAccounts with namespaces or principals",
            lambda source: source.keys().isdisjoint(_ACCOUNTS) or source.keys().isdisjoint(_PRINCIPALS),
        ),
    ),
)
_OPERATION = _closed(
    **dict.fromkeys(
        ("hosts", "notHosts", "ports", "notPorts", "methods", "notMethods", "paths", "notPaths"), _list()
    )
)
_CONDITION = struct({"key": STRING, "values": _list(), "notValues": _list()}, required=("key",), closed=True)

AUTHORIZATION_POLICY = _custom_resource(
    struct(
        {
            "action": _word("ALLOW", "DENY", "AUDIT", "CUSTOM"),
            "provider": _closed(name=STRING),
            "rules": _list(
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
            "selector": _WORKLOADS,
            "targetRef": _POLICY_TARGET,
            "targetRefs": _list(_POLICY_TARGET, most=16),
        },
        closed=True,
        rules=(
            Rule(
                "only one of targetRefs or selector can be set",
                lambda spec: sum(name in spec for name in ("selector", "targetRef", "targetRefs")) <= 1,
            ),
        ),
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
_HOSTNAME = _text(rf"^(\*\.)?{_DNS_NAME}$")
_PORT = Schema(type="integer", minimum=1, maximum=65535)
_CONDITIONS = keyed(struct({"type": STRING}), "type")


def _awaited(*conditions: str, **fields: Schema) -> Schema:
    """A status that says of each condition, from the start, that a controller has yet to look."""
    waiting = [
        {
            "type": kind,
            "status": "Unknown",
            "reason": "Pending",
            "message": "Waiting for controller",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
        for kind in conditions
    ]
    own = {"conditions": replace(_CONDITIONS, default=waiting), **fields}
    return struct(own, default={"conditions": waiting})


_LISTENER = struct(
    {
        "name": _text(f"^{_DNS_NAME}$"),
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
                    {"from": _word("All", "Selector", "Same", default="Same"), "selector": ANY},
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

_LISTENER_RULES = (
    Rule(
        "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
        lambda listeners: (
            not any("tls" in one and one["protocol"] in ("HTTP", "TCP", "UDP") for one in listeners)
        ),
    ),
    Rule(
        "hostname must not be specified for protocols ['TCP', 'UDP']",
        lambda listeners: (
            not any(one.get("hostname") and one["protocol"] in ("TCP", "UDP") for one in listeners)
        ),
    ),
    Rule(
        "Listener name must be unique within the Gateway",
        lambda listeners: len({one["name"] for one in listeners}) == len(listeners),
    ),
    Rule(
        "Combination of port, protocol and hostname must be unique for each listener",
        lambda listeners: (
            len({(one["port"], one["protocol"], one.get("hostname")) for one in listeners}) == len(listeners)
        ),
    ),
)

GATEWAY = _custom_resource(
    struct(
        {
            "gatewayClassName": _text(),
            "listeners": Schema(
                type="array",
                items=_LISTENER,
                keys=("name",),
                min_items=1,
                max_items=64,
                rules=_LISTENER_RULES,
            ),
            "addresses": _list(ANY, most=16),
            "infrastructure": _closed(labels=MAP, annotations=MAP, parametersRef=ANY),
            "allowedListeners": ANY,
            "backendTLS": ANY,
            "tls": ANY,
            "defaultScope": STRING,
        },
        required=("gatewayClassName", "listeners"),
        closed=True,
    ),
    required=("spec",),
    status=_awaited(
        "Accepted", "Programmed", listeners=keyed(struct({"name": STRING, "conditions": _CONDITIONS}), "name")
    ),
)

_CONTROLLER = rf"^{_DNS_NAME}\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$"

GATEWAY_CLASS = _custom_resource(
    struct(
        {"controllerName": _text(_CONTROLLER), "description": _text(least=0, most=64), "parametersRef": ANY},
        required=("controllerName",),
        closed=True,
    ),
    required=("spec",),
    status=_awaited("Accepted"),
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
    rules=(
        Rule(
            "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']",
            lambda path: path["type"] == "RegularExpression" or path["value"].startswith("/"),
        ),
    ),
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
