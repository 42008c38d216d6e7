"""Schemas of Istio's kinds, as in their CRDs."""

from ._custom_schemas import DNS_NAME, closed, custom_resource, list_of, text, word
from ._schema import STRING, Rule, Schema, struct

_NO_WILDCARD = "wildcard not allowed in label"

_WORKLOADS = closed(
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
        "group": text(rf"^$|^{DNS_NAME}$", least=0),
        "kind": text(r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", most=63),
        "name": text(),
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
            list_of(),
        ),
        **dict.fromkeys(_ACCOUNTS, list_of(Schema(type="string", max_length=320), most=16)),
    },
    closed=True,
    rules=(
        Rule(
            "Cannot set serviceAccounts with namespaces or principals",
            lambda source: source.keys().isdisjoint(_ACCOUNTS) or source.keys().isdisjoint(_PRINCIPALS),
        ),
    ),
)

_OPERATION = closed(
    **dict.fromkeys(
        ("hosts", "notHosts", "ports", "notPorts", "methods", "notMethods", "paths", "notPaths"), list_of()
    )
)

_CONDITION = struct(
    {"key": STRING, "values": list_of(), "notValues": list_of()}, required=("key",), closed=True
)

AUTHORIZATION_POLICY = custom_resource(
    struct(
        {
            "action": word("ALLOW", "DENY", "AUDIT", "CUSTOM"),
            "provider": closed(name=STRING),
            "rules": list_of(
                struct(
                    {
                        "from": list_of(closed(source=_SOURCE), most=512),
                        "to": list_of(closed(operation=_OPERATION)),
                        "when": list_of(_CONDITION),
                    },
                    closed=True,
                ),
                most=512,
            ),
            "selector": _WORKLOADS,
            "targetRef": _POLICY_TARGET,
            "targetRefs": list_of(_POLICY_TARGET, most=16),
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

PEER_AUTHENTICATION = custom_resource(
    closed(
        mtls=closed(mode=word("UNSET", "DISABLE", "PERMISSIVE", "STRICT")),
        portLevelMtls=Schema(
            type="object", values=closed(mode=word("UNSET", "DISABLE", "PERMISSIVE", "STRICT"))
        ),
        selector=_WORKLOADS,
    )
)
