"""Policies in Kubernetes: those that are written, and those that stay unchanged."""

from collections.abc import Callable

import pytest
from lightkube import Client
from lightkube.types import PatchType

from charmlibs.interfaces.service_mesh import Endpoint, MeshPolicy, PolicyTargetType
from istio_policies import (
    AuthorizationPolicy,
    DesiredPolicies,
    list_policies,
    plan_policies,
    requested_by,
    requesters,
)
from k8s_charm import Deadline, Owner, ReconcileResult
from sandbox.kubernetes import KubernetesServer
from tests.support.policies import LABELS, OWNER, policy, requests_for
from tests.support.reconciling import reconcile_policies

Reconcile = Callable[..., ReconcileResult]
FIRST = "m.beacon.shop.app.from.s.cart"
AUDIT = "m.beacon.shop.app.audit"


@pytest.fixture
def reconcile(client: Client) -> Reconcile:
    def reconcile(*policies: MeshPolicy, by: tuple[str, ...] = ("shop",), **options) -> ReconcileResult:
        return reconcile_policies(client, requests_for(policies, *by), labels=LABELS, owner=OWNER, **options)

    return reconcile


def live(kubernetes: KubernetesServer) -> dict[str, dict]:
    return {each["metadata"]["name"]: each for each in kubernetes.store.objects("AuthorizationPolicy")}


def ports(kubernetes: KubernetesServer) -> dict[str, list[str]]:
    """Return the allowed ports of each object, of policies that allow some ports."""
    return {
        name: each["spec"]["rules"][0]["to"][0]["operation"]["ports"]
        for name, each in live(kubernetes).items()
    }


def writes(kubernetes: KubernetesServer) -> list[str]:
    return [
        f"{each.method} {each.path.rsplit('/', 1)[1]}" for each in kubernetes.requests if each.method != "GET"
    ]


def edit(kubernetes: KubernetesServer, client: Client, name: str, patch: dict) -> None:
    """Change an object as an operator would with kubectl."""
    client.patch(
        AuthorizationPolicy,
        name,
        patch,
        namespace="m",
        patch_type=PatchType.MERGE,
        field_manager="kubectl-edit",
    )
    kubernetes.requests.clear()


def test_nothing_to_do_is_one_request_and_no_write(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(80), policy(443, source_app_name="till"))
    kubernetes.requests.clear()
    result = reconcile(policy(80), policy(443, source_app_name="till"))
    assert [each.method for each in kubernetes.requests] == ["GET"]
    assert (result.unchanged, result.changed) == (2, False)


def test_the_order_on_the_wire_is_no_change(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(80, 443), policy(1))
    kubernetes.requests.clear()
    reconcile(policy(1), policy(443, 80))
    assert writes(kubernetes) == []


def test_a_changed_policy_is_one_write(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(80), policy(443, source_app_name="till"))
    kubernetes.requests.clear()
    result = reconcile(policy(81), policy(443, source_app_name="till"))
    assert writes(kubernetes) == [f"PATCH {FIRST}"]
    assert [ref.name for ref in result.updated] == [FIRST]
    assert ports(kubernetes)[FIRST] == ["81"]


def test_requested_policies_keep_their_names(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(1), policy(2), policy(3))
    kubernetes.requests.clear()
    reconcile(policy(4), policy(2), policy(3))
    assert ports(kubernetes) == {FIRST: ["4"], f"{FIRST}.2": ["2"], f"{FIRST}.3": ["3"]}
    assert writes(kubernetes) == [f"PATCH {FIRST}"]


def test_a_policy_that_is_gone_leaves_the_others_where_they_are(
    reconcile: Reconcile, kubernetes: KubernetesServer
):
    reconcile(policy(1), policy(2), policy(3))
    kubernetes.requests.clear()
    reconcile(policy(2), policy(3))
    assert ports(kubernetes) == {f"{FIRST}.2": ["2"], f"{FIRST}.3": ["3"]}
    assert writes(kubernetes) == [f"DELETE {FIRST}"]


def test_a_new_policy_gets_the_lowest_free_name(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(1), policy(2), policy(3))
    reconcile(policy(1), policy(3))
    reconcile(policy(1), policy(3), policy(4))
    assert ports(kubernetes) == {FIRST: ["1"], f"{FIRST}.2": ["4"], f"{FIRST}.3": ["3"]}


def test_further_requester_is_one_update(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(80))
    kubernetes.requests.clear()
    result = reconcile(policy(80), by=("shop", "till"))
    assert writes(kubernetes) == [f"PATCH {FIRST}"]
    assert requested_by(result.live[0]) == {"shop", "till"}


def test_dry_run_begins_and_ends_with_one_write_a_policy(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(80))
    kubernetes.requests.clear()
    reconcile(policy(80), dry_run=True)
    assert live(kubernetes)[FIRST]["metadata"]["annotations"]["istio.io/dry-run"] == "true"
    reconcile(policy(80))
    assert "istio.io/dry-run" not in live(kubernetes)[FIRST]["metadata"]["annotations"]
    # Meanwhile, another one allows everything.
    assert writes(kubernetes) == [f"PATCH {AUDIT}", f"PATCH {FIRST}", f"PATCH {FIRST}", f"DELETE {AUDIT}"]


def test_ended_dry_run_leaves_no_policy(reconcile: Reconcile, kubernetes: KubernetesServer):
    """Not even if some requests are unknown, so that policies are kept."""
    reconcile(policy(80))
    reconcile(retain={"shop"}, dry_run=True)
    assert live(kubernetes).keys() == {FIRST, AUDIT}
    reconcile(retain={"shop"})
    assert live(kubernetes).keys() == {FIRST}
    assert "istio.io/dry-run" not in live(kubernetes)[FIRST]["metadata"]["annotations"]


def test_a_plan_writes_nothing_and_comes_true(
    reconcile: Reconcile, client: Client, kubernetes: KubernetesServer
):
    reconcile(policy(80), policy(1, source_app_name="till"))
    kubernetes.requests.clear()
    found = list_policies(client, LABELS, OWNER, Deadline())
    changes = plan_policies(
        found, DesiredPolicies(requests_for([policy(81), policy(2, source_app_name="desk")], "shop"))
    )
    assert writes(kubernetes) == []
    assert str(changes).splitlines() == [
        "create  AuthorizationPolicy m/m.beacon.shop.app.from.s.desk",
        f"change  AuthorizationPolicy m/{FIRST}",
        "delete  AuthorizationPolicy m/m.beacon.shop.app.from.s.till",
    ]
    assert {each["metadata"]["name"] for each in changes.live} == live(kubernetes).keys()
    would_be = {each["metadata"]["name"]: each["spec"] for each in changes.expected.live}
    assert reconcile(policy(81), policy(2, source_app_name="desk")).changed
    assert would_be == {name: each["spec"] for name, each in live(kubernetes).items()}


def test_result_has_live_objects_without_a_further_request(
    reconcile: Reconcile, kubernetes: KubernetesServer
):
    reconcile(policy(1), policy(2), policy(3))
    result = reconcile(policy(1), policy(4), policy(5, source_app_name="till"))
    assert {each["metadata"]["name"]: each["spec"] for each in result.live} == {
        name: each["spec"] for name, each in live(kubernetes).items()
    }


# Manual changes


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"rules": [{}]}},
        {"spec": {"rules": [{"from": [{"source": {"namespaces": ["evil"]}}]}]}},
        {
            "spec": {
                "rules": [
                    {"from": [{"source": {"principals": ["cluster.local/ns/s/sa/cart"]}}]},
                ]
            }
        },
        {
            "spec": {
                "rules": [
                    {
                        "from": [{"source": {"principals": ["cluster.local/ns/s/sa/cart"]}}],
                        "to": [{"operation": {"ports": ["80"], "notPaths": ["/x"]}}],
                    }
                ]
            }
        },
        {"spec": {"action": "DENY"}},
        {"spec": {"targetRefs": None, "selector": {"matchLabels": {"a": "b"}}}},
        {"spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "other"}]}},
        {"metadata": {"annotations": {"istio.io/dry-run": "true"}}},
        {"metadata": {"annotations": {"charms.canonical.com/mesh.requested-by": "nobody"}}},
        {"metadata": {"annotations": {"charms.canonical.com/mesh.requested-by": None}}},
    ],
)
def test_what_was_changed_by_hand_is_put_right_and_stays_so(
    reconcile: Reconcile, kubernetes: KubernetesServer, client: Client, change: dict
):
    reconcile(policy(80))
    before = live(kubernetes)[FIRST]
    edit(kubernetes, client, FIRST, change)
    result = reconcile(policy(80))
    after = live(kubernetes)[FIRST]
    assert after["spec"] == before["spec"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert [ref.name for ref in result.updated] == [FIRST]
    kubernetes.requests.clear()
    reconcile(policy(80))
    assert writes(kubernetes) == []


def test_a_selector_that_was_narrowed_by_hand_is_put_right(
    reconcile: Reconcile, kubernetes: KubernetesServer, client: Client
):
    unit = policy(target_type=PolicyTargetType.unit)
    (ref,) = reconcile(unit).created
    edit(kubernetes, client, ref.name, {"spec": {"selector": {"matchLabels": {"pod": "only-this"}}}})
    reconcile(unit)
    assert live(kubernetes)[ref.name]["spec"]["selector"] == {
        "matchLabels": {"app.kubernetes.io/name": "shop"}
    }
    kubernetes.requests.clear()
    reconcile(unit)
    assert writes(kubernetes) == []


def test_manually_restricted_object_counts_as_changed(
    reconcile: Reconcile, kubernetes: KubernetesServer, client: Client
):
    reconcile(policy(80), policy(endpoints=[Endpoint(ports=[80, 443])]))
    narrowed = live(kubernetes)[FIRST]["spec"]["rules"]
    narrowed[0]["to"][0]["operation"]["notPaths"] = ["/x"]
    edit(kubernetes, client, FIRST, {"spec": {"rules": narrowed}})
    reconcile(policy(80), policy(8080))
    # Until port 80 is fully allowed again, the other object that allows it is not overwritten.
    assert writes(kubernetes) == [f"PATCH {FIRST}.3", f"PATCH {FIRST}", f"DELETE {FIRST}.2"]


def test_a_number_at_the_end_of_a_name_may_be_an_applications(
    reconcile: Reconcile, kubernetes: KubernetesServer, client: Client
):
    of_two = policy(80, source_app_name="2")
    (ref,) = reconcile(of_two).created
    edit(kubernetes, client, ref.name, {"spec": {"rules": [{}]}})
    reconcile(of_two)
    assert writes(kubernetes) == [f"PATCH {ref.name}"]


def test_labels_and_annotations_of_others_are_left_alone(
    reconcile: Reconcile, kubernetes: KubernetesServer, client: Client
):
    reconcile(policy(80))
    edit(
        kubernetes, client, FIRST, {"metadata": {"labels": {"team": "blue"}, "annotations": {"note": "mine"}}}
    )
    reconcile(policy(80))
    assert writes(kubernetes) == []
    reconcile(policy(81))
    assert live(kubernetes)[FIRST]["metadata"]["labels"]["team"] == "blue"
    assert live(kubernetes)[FIRST]["metadata"]["annotations"]["note"] == "mine"


def test_an_object_that_lost_the_labels_gets_them_back(
    reconcile: Reconcile, kubernetes: KubernetesServer, client: Client
):
    reconcile(policy(80))
    edit(kubernetes, client, FIRST, {"metadata": {"labels": {"app.kubernetes.io/instance": None}}})
    assert not reconcile(policy(80)).failed
    assert LABELS.items() <= live(kubernetes)[FIRST]["metadata"]["labels"].items()


def test_a_deleted_object_comes_back(reconcile: Reconcile, kubernetes: KubernetesServer, client: Client):
    reconcile(policy(80))
    client.delete(AuthorizationPolicy, FIRST, namespace="m")
    reconcile(policy(80))
    assert ports(kubernetes) == {FIRST: ["80"]}


def test_foreign_object_of_our_name_is_not_overwritten(
    reconcile: Reconcile, kubernetes: KubernetesServer, connect
):
    spec = {"action": "DENY", "rules": [{}]}
    theirs = AuthorizationPolicy.from_dict({"metadata": {"name": FIRST, "namespace": "m"}, "spec": spec})
    connect("platform-team").create(theirs)
    for _ in range(2):
        result = reconcile(policy(80), policy(1, source_app_name="till"))
        (failure,) = result.failed
        assert failure.ref.name == FIRST
        assert "platform-team" in failure.reason
        assert live(kubernetes)[FIRST]["spec"] == spec
        assert "labels" not in live(kubernetes)[FIRST]["metadata"]
    assert "m.beacon.shop.app.from.s.till" in live(kubernetes)


def test_foreign_object_without_conflicts_is_not_overwritten(
    reconcile: Reconcile, kubernetes: KubernetesServer, connect
):
    theirs = AuthorizationPolicy.from_dict({"metadata": {"name": FIRST, "namespace": "m"}, "spec": {}})
    connect("platform-team").create(theirs)
    for _ in range(2):
        result = reconcile(policy(80))
        (failure,) = result.failed
        assert (failure.ref.name, failure.code) == (FIRST, 409)
        assert "platform-team" in failure.reason
        assert live(kubernetes)[FIRST]["spec"] == {}
        assert "labels" not in live(kubernetes)[FIRST]["metadata"]


def test_an_object_of_ours_that_lost_its_labels_gets_them_back(
    reconcile: Reconcile, kubernetes: KubernetesServer, connect
):
    reconcile(policy(80))
    label = next(iter(live(kubernetes)[FIRST]["metadata"]["labels"]))
    before = live(kubernetes)
    patch = {"metadata": {"labels": {label: None}}}
    connect("kubectl").patch(AuthorizationPolicy, FIRST, patch, namespace="m", patch_type=PatchType.MERGE)
    assert not reconcile(policy(80)).failed
    assert live(kubernetes)[FIRST]["metadata"]["labels"] == before[FIRST]["metadata"]["labels"]


# Objects of older revisions

LEGACY = "beacon-m-policy-cart-s-shop-1a2b3c4d"


def legacy(
    name: str = LEGACY, to: list[dict] | None = None, namespace: str = "m", source: str = "cart"
) -> dict:
    """An object as the published beacon writes it."""
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": LABELS},
        "spec": {
            "targetRefs": [{"kind": "Service", "group": "", "name": "shop"}],
            "rules": [
                {
                    "from": [{"source": {"principals": [f"cluster.local/ns/s/sa/{source}"]}}],
                    "to": to if to is not None else [{"operation": {"ports": ["80"]}}],
                }
            ],
        },
    }


@pytest.fixture
def leave(connect):
    """Writes what an older revision, with a field manager of its own, has left."""

    def leave(*objects: dict) -> None:
        for each in objects:
            connect("older-revision").apply(AuthorizationPolicy.from_dict(each))

    return leave


def test_what_an_older_revision_allowed_is_taken_on_in_place(
    reconcile: Reconcile, kubernetes: KubernetesServer, leave
):
    leave(legacy())
    kubernetes.requests.clear()
    reconcile(policy(80))
    assert writes(kubernetes)[0] == f"PATCH {LEGACY}"
    assert ports(kubernetes) == {LEGACY: ["80"]}
    kubernetes.requests.clear()
    reconcile(policy(80))
    assert writes(kubernetes) == []


@pytest.mark.parametrize("to", [[], [{"operation": {"ports": []}}]])
def test_older_notation_of_allow_all_is_recognised(
    reconcile: Reconcile, kubernetes: KubernetesServer, leave, to: list[dict]
):
    leave(legacy(to=to))
    reconcile(policy())
    assert live(kubernetes).keys() == {LEGACY}
    assert "to" not in live(kubernetes)[LEGACY]["spec"]["rules"][0]


def test_obsolete_object_of_an_older_revision_is_deleted(
    reconcile: Reconcile, kubernetes: KubernetesServer, leave
):
    leave(legacy(), legacy("beacon-m-policy-till-s-shop-11111111", source="till"))
    reconcile(policy(81))
    assert ports(kubernetes) == {LEGACY: ["81"]}


def test_of_equal_objects_the_one_named_by_us_stays(
    reconcile: Reconcile, kubernetes: KubernetesServer, leave
):
    reconcile(policy(80))
    leave(legacy("a-policy"), legacy("z-policy"))
    reconcile(policy(80))
    assert ports(kubernetes) == {FIRST: ["80"]}


# Policies that cannot be expressed


def test_further_objects_are_written_beside_the_policies(reconcile: Reconcile, kubernetes: KubernetesServer):
    spec = {"metadata": {"name": "other", "namespace": "m"}, "spec": legacy()["spec"]}
    other = AuthorizationPolicy.from_dict(spec)
    reconcile(also=[other])
    reconcile(policy(80), also=[other])
    assert live(kubernetes).keys() == {FIRST, "other"}
    kubernetes.requests.clear()
    reconcile(policy(80), also=[other])
    assert writes(kubernetes) == []
    reconcile(policy(80))
    assert live(kubernetes).keys() == {FIRST}


# Ownership


def test_objects_of_another_owner_with_our_labels_stay(client: Client, connect, kubernetes: KubernetesServer):
    one, other = Owner(app="a-b", model="m"), Owner(app="a", model="b-m")
    labels = one.labels("x")
    assert labels == other.labels("x")
    reconcile_policies(client, requests_for([policy(80)]), labels=labels, owner=one)
    reconcile_policies(connect("a"), requests_for([policy(81)]), labels=labels, owner=other)
    assert len(live(kubernetes)) == 2
    reconcile_policies(connect("a"), [], labels=labels, owner=other)
    assert list(ports(kubernetes).values()) == [["80"]]


def test_unowned_object_belongs_to_the_owner_of_its_model(
    client: Client, kubernetes: KubernetesServer, connect
):
    kubernetes.store.create(kubernetes.store.kind("Namespace"), {"metadata": {"name": "b-m"}})
    one, other = Owner(app="a-b", model="m"), Owner(app="a", model="b-m")
    labels = one.labels("x")
    for namespace in ("m", "n", "b-m"):
        theirs = legacy(f"old-{namespace}", namespace=namespace)
        theirs["metadata"]["labels"] = labels
        connect("older-revision").apply(AuthorizationPolicy.from_dict(theirs))
    reconcile_policies(client, [], labels=labels, owner=one)
    assert live(kubernetes).keys() == {"old-b-m"}
    reconcile_policies(client, [], labels=labels, owner=other)
    assert live(kubernetes) == {}


# Consumers with invalid data


def test_retained_policy_stays(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(80), by=("shop",))
    result = reconcile(policy(1, source_app_name="till"), by=("till",), retain=["shop"])
    assert [ref.name for ref in result.kept] == [FIRST]
    assert ports(kubernetes)[FIRST] == ["80"]
    reconcile(policy(1, source_app_name="till"), by=("till",))
    assert FIRST not in live(kubernetes)


def test_retained_policy_is_not_overwritten(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(80), by=("shop",))
    reconcile(policy(81), by=("till",), retain=["shop"])
    assert ports(kubernetes) == {FIRST: ["80"], f"{FIRST}.2": ["81"]}


def test_retained_requester_stays_beside_another(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(80), by=("shop", "till"))
    reconcile(policy(80), by=("till",), retain=["shop"])
    reconcile(retain=["shop"])
    assert ports(kubernetes) == {FIRST: ["80"]}


def test_no_other_requester_is_retained(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(80), by=("shop",))
    assert [ref.name for ref in reconcile(retain=["till"]).deleted] == [FIRST]
    assert live(kubernetes) == {}


def test_retained_requester_is_noted_in_another_mode(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(80), by=("shop",))
    reconcile(policy(80), by=("till",), retain=["shop"], dry_run=True)
    assert requested_by(live(kubernetes)[FIRST]) == {"shop", "till"}


def test_object_without_requester_is_retained(reconcile: Reconcile, kubernetes: KubernetesServer, leave):
    leave(legacy())
    assert [ref.name for ref in reconcile(retain=["shop"]).kept] == [LEGACY]
    assert ports(kubernetes) == {LEGACY: ["80"]}


def test_live_policies_name_their_requesters(reconcile: Reconcile, client: Client):
    reconcile(policy(80), by=("shop", "till"))
    assert requesters(list_policies(client, LABELS, OWNER, Deadline())) == {"shop", "till"}
    assert [ref.name for ref in reconcile(retain=["till"]).kept] == [FIRST]
    assert reconcile().deleted


def test_retained_policy_changes_mode_with_the_rest(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(80), by=("shop",))
    reconcile(retain=["shop"], dry_run=True)
    metadata = live(kubernetes)[FIRST]["metadata"]
    assert metadata["annotations"]["istio.io/dry-run"] == "true"
    kubernetes.requests.clear()
    reconcile(retain=["shop"], dry_run=True)
    assert writes(kubernetes) == []
    reconcile(retain=["shop"])
    assert "istio.io/dry-run" not in live(kubernetes)[FIRST]["metadata"]["annotations"]
    assert ports(kubernetes) == {FIRST: ["80"]}
    assert requested_by(live(kubernetes)[FIRST]) == {"shop"}


# Failures


def test_policy_for_a_missing_model_stops_no_other(reconcile: Reconcile, kubernetes: KubernetesServer):
    result = reconcile(policy(80), policy(80, target_namespace="gone"))
    assert ports(kubernetes) == {FIRST: ["80"]}
    assert [failure.reason for failure in result.failed] == ["model or namespace gone does not exist"]


@pytest.mark.parametrize("namespace", ["../kube-system", "m/x", "M", "a" * 64, "m?x=y", "日本"])
def test_what_is_no_namespace_never_gets_into_a_url(
    reconcile: Reconcile, kubernetes: KubernetesServer, namespace: str
):
    result = reconcile(policy(80, target_namespace=namespace))
    assert len(kubernetes.requests) == 1
    assert [(failure.code, failure.ref.namespace) for failure in result.failed] == [(422, namespace)]


def test_old_policy_stays_while_the_new_one_is_rejected(
    reconcile: Reconcile, kubernetes: KubernetesServer, connect
):
    reconcile(policy(endpoints=[Endpoint(ports=[80, 443])]), policy(1))
    blocker = {"metadata": {"name": f"{FIRST}.3", "namespace": "m"}, "spec": {"rules": [{}]}}
    connect("platform-team").create(AuthorizationPolicy.from_dict(blocker))
    before = live(kubernetes)
    result = reconcile(policy(80), policy(443))
    assert [failure.ref.name for failure in result.failed] == [f"{FIRST}.3"]
    assert [ref.name for ref in result.kept] == [FIRST, f"{FIRST}.2"]
    assert live(kubernetes) == before


def test_old_policies_stay_while_a_change_is_rejected(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(1), policy(2))
    kubernetes.access.deny(verbs=["patch"])
    result = reconcile(policy(5))
    assert [ref.name for ref in result.kept] == [f"{FIRST}.2"]
    assert ports(kubernetes) == {FIRST: ["1"], f"{FIRST}.2": ["2"]}


def test_policies_of_others_go_while_one_is_refused(reconcile: Reconcile, kubernetes: KubernetesServer):
    reconcile(policy(1), policy(3, source_app_name="till"))
    kubernetes.access.deny(verbs=["patch"])
    result = reconcile(policy(2))
    assert [ref.name for ref in result.deleted] == ["m.beacon.shop.app.from.s.till"]
