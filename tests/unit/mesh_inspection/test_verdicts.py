"""The mesh's verdict on a request."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_inspection import LivePolicy, UnclearQuestionError
from tests.unit.mesh_inspection.builders import (
    MODEL,
    VIEW,
    allow,
    ask,
    cluster,
    on_pods,
    on_service,
    pod,
    principal,
    service,
)

HARDENED = (
    LivePolicy("istio-system", "allow-nothing", {}),
    LivePolicy(
        "istio-system",
        "allow-nothing-at-waypoints",
        {"targetRefs": [{"kind": "GatewayClass", "name": "istio-waypoint"}]},
    ),
)


def test_without_any_policy_service_is_open():
    found = ask()
    assert found.verdict == "allowed"
    assert found.policies == ()
    assert "no policy restricts" in found.why


def test_hardened_mesh_denies_by_default():
    found = ask(*HARDENED)
    assert found.verdict == "denied"
    assert "istio-system/allow-nothing-at-waypoints" in found.why


def test_one_policy_denies_all_others():
    assert ask(allow("shop")).verdict == "allowed"
    assert ask(allow("ads")).verdict == "denied"


def test_policy_that_allows_is_named():
    found = ask(allow("shop", name="good"), allow("ads", name="other"))
    assert [str(policy) for policy in found.policies] == ["m/good"]


def test_deny_overrides_allow():
    deny = on_service("web", name="no", action="DENY", rules=[{}])
    found = ask(allow("shop"), deny)
    assert found.verdict == "denied"
    assert found.why == "policy m/no denies it at waypoint m/w"
    assert found.closest_match == ""


@pytest.mark.parametrize(
    ("operation", "params", "verdict"),
    [
        ({"ports": ["80"]}, {}, "allowed"),
        ({"ports": ["81"]}, {}, "denied"),
        ({"notPorts": ["80"]}, {}, "denied"),
        ({"methods": ["GET"]}, {"method": "GET"}, "allowed"),
        ({"methods": ["GET"]}, {"method": "get"}, "allowed"),
        ({"methods": ["GET"]}, {"method": "PUT"}, "denied"),
        ({"notMethods": ["GET"]}, {"method": "PUT"}, "allowed"),
        ({"paths": ["/a"]}, {"path": "/a"}, "allowed"),
        ({"paths": ["/a"]}, {"path": "/a?b=/c"}, "allowed"),
        ({"paths": ["/a"]}, {"path": "/a/"}, "denied"),
        ({"paths": ["/a/*"]}, {"path": "/a/b/c"}, "allowed"),
        ({"paths": ["/a/*"]}, {"path": "/a/../b"}, "denied"),
        ({"paths": ["/b"]}, {"path": "/a/%2e%2E/%62"}, "allowed"),
        ({"paths": ["/a/"]}, {"path": "/a/b/.."}, "allowed"),
        ({"paths": ["/a/b"]}, {"path": "/a/./b"}, "allowed"),
        ({"paths": ["/a/b"]}, {"path": "/a\\b"}, "allowed"),
        ({"paths": ["/a/*"]}, {"path": "/a/..;x=1/b"}, "denied"),
        ({"paths": ["/a/b"]}, {"path": "/a//b"}, "denied"),
        ({"paths": ["/a/b"]}, {"path": "/a%2fb"}, "denied"),
        ({"paths": ["/a%7Cb"]}, {"path": "/a|b"}, "allowed"),
        ({"paths": ["*/b"]}, {"path": "/a/b"}, "allowed"),
        ({"paths": ["/a/{*}"]}, {"path": "/a/b"}, "allowed"),
        ({"paths": ["/a/{*}"]}, {"path": "/a/b/c"}, "denied"),
        ({"paths": ["/a/{*}"]}, {"path": "/a/"}, "denied"),
        ({"paths": ["/a/{**}"]}, {"path": "/a/b/c"}, "allowed"),
        ({"paths": ["/a/{*}/c"]}, {"path": "/a/b/c"}, "allowed"),
        ({"hosts": ["web.m.svc.cluster.local"]}, {}, "allowed"),
        ({"hosts": ["WEB"]}, {"host": "web:80"}, "allowed"),
        ({"hosts": ["web"]}, {"host": "else"}, "denied"),
    ],
)
def test_matching_request_is_allowed(operation, params, verdict):
    assert ask(allow("shop", to=[operation]), **params).verdict == verdict


def test_open_question_asks_for_any_request():
    found = ask(allow("shop", to=[{"methods": ["GET"], "paths": ["/a"]}]))
    assert found.verdict == "allowed"
    assert "GET /a" in found.why


def test_partial_deny_is_no_deny():
    assert ask(
        on_service("web", action="DENY", rules=[{"to": [{"operation": {"methods": ["PUT"]}}]}])
    ).verdict == ("allowed")


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ({"principals": ["*"]}, "allowed"),
        ({"principals": ["*/shop"]}, "allowed"),
        ({"principals": ["cluster.local/ns/m/*"]}, "allowed"),
        ({"namespaces": ["m"]}, "allowed"),
        ({"namespaces": ["n"]}, "denied"),
        ({"notNamespaces": ["m"]}, "denied"),
        ({"notPrincipals": ["*/ads"]}, "allowed"),
        ({"ipBlocks": ["10.0.0.0/8"]}, "denied"),
        ({"principals": ["*"], "namespaces": ["n"]}, "denied"),
    ],
)
def test_source_matches_as_policy_names_it(source, verdict):
    assert ask(on_service("web", rules=[{"from": [{"source": source}]}])).verdict == verdict


def test_unknown_conditions_never_allow_and_may_deny():
    condition = [{"key": "request.headers[x]", "values": ["y"]}]
    assert ask(on_service("web", rules=[{"when": condition}])).verdict == "denied"
    assert ask(on_service("web", action="DENY", rules=[{"when": condition}])).verdict == "denied"


def test_denial_by_an_address_counts_for_all_addresses():
    source = {"ipBlocks": ["10.0.0.0/8"]}
    assert ask(on_service("web", action="DENY", rules=[{"from": [{"source": source}]}])).verdict == "denied"


def test_policy_on_gateway_is_for_all_behind_it():
    spec = {"targetRefs": [{"kind": "Gateway", "name": "w"}], "rules": []}
    assert ask(LivePolicy(MODEL, "all", spec)).verdict == "denied"
    assert ask(LivePolicy("n", "elsewhere", spec)).verdict == "allowed"


def test_unit_behind_waypoint_denies_direct_requests():
    found = ask(target="web/0", port=80)
    assert found.verdict == "denied"
    assert "open only to its waypoint" in found.why


def test_unit_without_waypoint_is_open_until_policy():
    alone = cluster(services=(service("web", behind_waypoint=False),))
    assert ask(within=alone, target="web/0", port=80).verdict == "allowed"
    closed = dataclasses.replace(alone, policies=(on_pods("web", "ads"),))
    assert ask(within=closed, target="web/0", port=80).verdict == "denied"


def test_at_units_policy_that_names_methods_allows_nothing():
    policy = on_pods("web", "shop", to=[{"methods": ["GET"], "ports": ["80"]}])
    assert ask(policy, target="web/0", port=80, method="GET").verdict == "denied"
    assert ask(on_pods("web", "shop", to=[{"ports": ["80"]}]), target="web/0", port=80).verdict == "allowed"


def test_http_rule_allows_nothing_at_pod():
    plain, about_http = {"ports": ["80"]}, {"ports": ["81"], "methods": ["GET"]}
    both = on_pods("web", "shop", to=[plain, about_http])
    assert ask(both, target="web/0", port=80).verdict == "denied"


def test_http_rule_denies_all_at_pod():
    alone = cluster(services=(service("web", behind_waypoint=False),))
    deny = on_pods("web", action="DENY", to=[{"methods": ["PUT"]}])
    closed = dataclasses.replace(alone, policies=(deny,))
    assert ask(within=closed, target="web/0", port=80).verdict == "denied"


def test_waypoint_gets_to_pods_that_are_closed_to_all_others():
    assert ask(allow("shop"), on_pods("web", "ads"), *HARDENED).verdict == "allowed"


def test_deny_wins_over_allow():
    deny = on_pods("web", name="no", action="DENY")
    assert ask(allow("shop"), deny).why == "policy m/no denies it at pod m/web-0"


def test_source_outside_mesh_has_no_identity():
    found = ask(allow("old"), source="old")
    assert found.verdict == "denied"
    assert "outside the mesh" in found.why
    assert ask(on_pods("web"), source="old").verdict == "allowed"


def test_source_outside_mesh_is_in_no_namespace():
    pods = {"matchLabels": {"app.kubernetes.io/name": "web"}}
    rule = {"from": [{"source": {"namespaces": [MODEL]}}]}
    assert ask(on_service("", selector=pods, rules=[rule]), source="old").verdict == "denied"


def test_what_is_outside_mesh_is_open():
    open_web = cluster(
        *HARDENED,
        pods=(pod("shop"), pod("web", in_mesh=False)),
        services=(service("web", behind_waypoint=False),),
    )
    found = ask(within=open_web)
    assert found.verdict == "allowed"
    assert "outside the mesh" in found.why


def test_policy_of_another_namespace_is_not_for_this_one():
    assert ask(allow("ads", namespace="n")).verdict == "allowed"


def test_pods_that_differ_are_reported():
    web = (pod("shop"), pod("web", unit=0), pod("web", unit=1, marked="yes"))
    deny = on_service("", selector={"matchLabels": {"marked": "yes"}}, action="DENY", rules=[{}])
    found = ask(within=cluster(deny, pods=web))
    assert found.verdict == "allowed"
    assert "denied at some of the pods: web-1" in found.notes


def test_port_that_service_does_not_have_leads_nowhere():
    found = ask(port=7777)
    assert found.verdict == "unreachable"
    assert found.why == "Service m/web has no port 7777; it has 80"


def test_service_without_pods_leads_nowhere():
    assert ask(within=cluster(pods=(pod("shop"),))).verdict == "unreachable"


def test_best_of_several_ports_is_answered():
    several = cluster(allow("shop", to=[{"ports": ["9100"]}]), services=(service("web", 80, 9100),))
    found = ask(within=several)
    assert (found.verdict, found.question.port) == ("allowed", 9100)
    assert "no port was named: of 80 and 9100, this answer is about 9100" in found.notes


def test_policy_that_only_records_is_included():
    """80 is open to all now, and would be denied."""
    policy = allow("shop", to=[{"ports": ["9100"]}], dry_run=True)
    found = ask(within=cluster(policy, services=(service("web", 80, 9100),)))
    assert (found.verdict, found.audit, found.question.port) == ("allowed", "allowed", 9100)


def test_audited_policy_denies_nothing_and_has_outcome():
    found = ask(allow("ads", dry_run=True))
    assert (found.verdict, found.audit) == ("allowed", "denied")
    assert found.answer.startswith("allowed, would be denied (audit): ")
    assert found.closest_match


def test_dry_run_policy_allows_nothing_in_hardened_mesh():
    found = ask(allow("shop", dry_run=True), *HARDENED)
    assert (found.verdict, found.audit) == ("denied", "allowed")
    assert "only logs" in found.closest_match


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"source": "nobody"}, "no application m/nobody with pods in this cluster; there is ads, old, shop"),
        ({"source": "x/shop"}, "no model x in this cluster"),
        ({"target": "nothing"}, "no Service m/nothing"),
        ({"target": "web/7", "port": 80}, "no unit m/web/7"),
        ({"target": "old/0"}, "name a port of m/old/0"),
        ({"target": "NO"}, "target='NO' is not an application"),
        ({"source": "a/b/c/d"}, "is not an application"),
        ({"port": 70000}, "port='70000' is not a port"),
        ({"method": "G E T"}, "is not an HTTP method"),
        ({"path": "items"}, "does not begin with /"),
        ({"path": "/a#b"}, "cannot be sent"),
        ({"path": "/a b"}, "cannot be sent"),
        ({"path": "/\u00e9"}, "cannot be sent"),
    ],
)
def test_invalid_question_is_refused(params, why):
    with pytest.raises(UnclearQuestionError, match=re.escape(why)):
        ask(**params)


APPS = st.sampled_from(["shop", "ads", "old"])
OPERATIONS = st.fixed_dictionaries(
    {},
    optional={
        "ports": st.lists(st.sampled_from(["80", "9100"]), min_size=1, max_size=2),
        "methods": st.lists(st.sampled_from(["GET", "PUT"]), min_size=1, max_size=2),
        "paths": st.lists(st.sampled_from(["/a", "/a/{*}", "/b*"]), min_size=1, max_size=2),
    },
)
POLICIES = st.lists(
    st.builds(
        lambda apps, operations, number: allow(*apps, to=operations, name=f"p{number}"),
        st.lists(APPS, min_size=1, max_size=2),
        st.lists(OPERATIONS, max_size=2),
        st.integers(0, 99),
    ),
    min_size=1,
    max_size=4,
)
REQUESTS = st.fixed_dictionaries(
    {
        "source": APPS,
        "method": st.sampled_from(["GET", "PUT", "DELETE"]),
        "path": st.sampled_from(["/a", "/a/x", "/bc", "/"]),
    }
)


@given(POLICIES, REQUESTS)
def test_further_allow_policy_never_denies(policies, request_):
    before = ask(*policies[:1], **request_)
    if before.policies:
        assert ask(*policies, **request_).verdict == "allowed"


@given(POLICIES, REQUESTS)
def test_allowed_request_names_its_policies(policies, request_):
    found = ask(*policies, **request_)
    assert bool(found.policies) == (found.verdict == "allowed")
    assert all(principal(request_["source"]) in str(policy.spec) for policy in found.policies)


@given(POLICIES, REQUESTS)
def test_suggested_requests_are_allowed(policies, request_):
    both_ports = cluster(*policies, services=(service("web", 80, 9100),))
    first = "".join(ask(within=both_ports, **request_).suggestion[:1])
    if first.startswith("allowed requests"):
        assert ask(within=both_ports, source=request_["source"]).verdict == "allowed"


ODD = "/a\nm/forged  enforced\x1b[2K\u202e|\x00\ud800"


def test_paths_of_others_are_quoted():
    found = ask(allow("shop", to=[{"paths": [ODD], "methods": ["GET"]}]))
    shown = r'"/a\nm/forged  enforced\u001b[2K\u202e\u007c\u0000\ud800"'
    assert f"allows GET {shown}" in found.why
    found = ask(allow("shop", to=[{"paths": [ODD]}]), path="/b")
    assert found.suggestion == (f"allowed requests: {shown}",)


@pytest.mark.parametrize("target", ["web", "web/0"])
def test_node_reaches_its_pods_past_all_policies(target):
    """So a source called node is not an application of that name."""
    found = ask(*HARDENED, on_pods("web", action="DENY"), source="node", target=target, port=80)
    assert found.verdict == "allowed"
    assert "past all policies" in found.why
    assert str(found.question).startswith("node → m/web")
    assert ask(source="node", port=7777).verdict == "unreachable"
    with pytest.raises(UnclearQuestionError, match="no application m/node"):
        ask(source="m/node")


def test_identities_have_trust_domain_of_mesh():
    """These policies are in the mesh as they are written."""
    policy = allow("shop")
    assert ask(within=cluster(policy, trust_domain="mesh.example")).verdict == "denied"
    view = dataclasses.replace(VIEW, trust_domain="mesh.example")
    assert ask(policy, view=view).verdict == "denied"
    assert ask(within=cluster(policy, trust_domain="cluster.local"), view=view).verdict == "allowed"
