"""Schemas of the kinds of the Gateway API, as in their CRDs."""

from dataclasses import replace

from ._custom_schemas import DNS_NAME, closed, custom_resource, list_of, text, word
from ._schema import ANY, MAP, STRING, Rule, Schema, keyed, struct

_DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

_HOSTNAME = text(rf"^(\*\.)?{DNS_NAME}$")

_PORT = Schema(type="integer", minimum=1, maximum=65535)

_CONDITIONS = keyed(struct({"type": STRING}), "type")


def _awaited(*conditions: str, **fields: Schema) -> Schema:
    """Return a status whose conditions are initially pending for a controller."""
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
        "name": text(f"^{DNS_NAME}$"),
        "hostname": _HOSTNAME,
        "port": _PORT,
        "protocol": text(
            r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9]+$",
            most=255,
        ),
        "tls": ANY,
        "allowedRoutes": struct(
            {
                "namespaces": struct(
                    {"from": word("All", "Selector", "Same", default="Same"), "selector": ANY},
                    closed=True,
                    default={"from": "Same"},
                ),
                "kinds": list_of(ANY, most=8),
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

GATEWAY = custom_resource(
    struct(
        {
            "gatewayClassName": text(),
            "listeners": Schema(
                type="array",
                items=_LISTENER,
                keys=("name",),
                min_items=1,
                max_items=64,
                rules=_LISTENER_RULES,
            ),
            "addresses": list_of(ANY, most=16),
            "infrastructure": closed(labels=MAP, annotations=MAP, parametersRef=ANY),
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

_CONTROLLER = rf"^{DNS_NAME}\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$"

GATEWAY_CLASS = custom_resource(
    struct(
        {"controllerName": text(_CONTROLLER), "description": text(least=0, most=64), "parametersRef": ANY},
        required=("controllerName",),
        closed=True,
    ),
    required=("spec",),
    status=_awaited("Accepted"),
)

_REFERENCE = {
    "group": text(least=0, default="gateway.networking.k8s.io"),
    "kind": text(most=63, default="Gateway"),
    "namespace": text(_DNS_LABEL, most=63),
    "name": text(),
    "sectionName": text(),
    "port": _PORT,
}

_BACKEND = {
    "group": text(least=0, default=""),
    "kind": text(most=63, default="Service"),
    "namespace": text(_DNS_LABEL, most=63),
    "name": text(),
    "port": _PORT,
    "weight": Schema(type="integer", default=1),
    "filters": ANY,
}

_PATH_MATCH = struct(
    {
        "type": word("Exact", "PathPrefix", "RegularExpression", default="PathPrefix"),
        "value": text(most=1024, least=0, default="/"),
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

_ROUTE_RULE = closed(
    name=text(),
    matches=Schema(
        type="array",
        items=closed(
            path=_PATH_MATCH,
            headers=ANY,
            queryParams=ANY,
            method=word("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"),
        ),
        max_items=64,
        default=[{"path": {"type": "PathPrefix", "value": "/"}}],
    ),
    filters=list_of(ANY, most=16),
    backendRefs=list_of(struct(_BACKEND, required=("name",), closed=True), most=16),
    timeouts=ANY,
    retry=ANY,
    sessionPersistence=ANY,
)

HTTP_ROUTE = custom_resource(
    struct(
        {
            "parentRefs": list_of(struct(_REFERENCE, required=("name",), closed=True), most=32),
            "hostnames": list_of(_HOSTNAME, most=16),
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
