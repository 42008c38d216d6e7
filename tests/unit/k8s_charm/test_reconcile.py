"""Objects of any kind, reconciled with the desired ones."""

from collections.abc import Callable
from typing import Any

import pytest
from lightkube import Client
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import ConfigMap, Namespace
from lightkube.types import PatchType

from istio_policies import AuthorizationPolicy, Gateway
from k8s_charm import Deadline, ObjectRef, ReconcileResult, list_owned, plan
from k8s_charm import apply as write
from sandbox.kubernetes import KubernetesServer
from tests.support.policies import LABELS, OWNER
from tests.support.reconciling import reconcile

Reconcile = Callable[..., ReconcileResult]


@pytest.fixture
def apply(client: Client) -> Reconcile:
    def apply(*wanted: Any, **options: Any) -> ReconcileResult:
        kinds = options.pop("kinds", [ConfigMap, Gateway, HorizontalPodAutoscaler])
        return reconcile(client, wanted, kinds, **options)

    return apply


def config(name: str = "a", namespace: str = "m", **data: str) -> ConfigMap:
    return ConfigMap.from_dict({"metadata": {"name": name, "namespace": namespace}, "data": data})


def gateway(*listeners: str, **spec: Any) -> Any:
    return Gateway.from_dict(
        {
            "metadata": {
                "name": "waypoint",
                "namespace": "m",
                "labels": {"istio.io/waypoint-for": "service"},
            },
            "spec": {
                "gatewayClassName": "istio-waypoint",
                "listeners": [
                    {"name": name, "port": 15008 + number, "protocol": "HBONE"}
                    for number, name in enumerate(listeners or ["mesh"])
                ],
                **spec,
            },
        }
    )


def autoscaler(replicas: int) -> HorizontalPodAutoscaler:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "waypoint"}
    return HorizontalPodAutoscaler.from_dict(
        {
            "metadata": {"name": "waypoint", "namespace": "m"},
            "spec": {"minReplicas": replicas, "maxReplicas": replicas, "scaleTargetRef": target},
        }
    )


def stored(kubernetes: KubernetesServer, kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in kubernetes.store.objects(kind) if each["metadata"]["name"] == name]
    return found


def writes(kubernetes: KubernetesServer) -> list[str]:
    return [
        f"{each.method} {each.path.rsplit('/', 1)[1]}" for each in kubernetes.requests if each.method != "GET"
    ]


def edit(kubernetes: KubernetesServer, client: Client, kind: Any, name: str, patch: dict[str, Any]) -> None:
    client.patch(kind, name, patch, namespace="m", patch_type=PatchType.MERGE, field_manager="kubectl-edit")
    kubernetes.requests.clear()


def test_objects_of_any_kind_are_written_once(apply: Reconcile, kubernetes: KubernetesServer):
    wanted = config(x="1"), gateway(), autoscaler(2)
    assert len(apply(*wanted).created) == 3
    kubernetes.requests.clear()
    assert apply(*wanted).unchanged == 3
    assert [each.method for each in kubernetes.requests] == ["GET"] * 3


def test_what_the_server_adds_is_no_difference(apply: Reconcile, kubernetes: KubernetesServer):
    apply(gateway())
    assert "allowedRoutes" in stored(kubernetes, "Gateway", "waypoint")["spec"]["listeners"][0]
    kubernetes.requests.clear()
    apply(gateway())
    assert writes(kubernetes) == []


def test_written_objects_carry_the_labels_they_are_found_by(apply: Reconcile, kubernetes: KubernetesServer):
    apply(gateway())
    labels = stored(kubernetes, "Gateway", "waypoint")["metadata"]["labels"]
    assert labels == {**LABELS, "istio.io/waypoint-for": "service"}


def test_desired_objects_are_not_modified(apply: Reconcile, kubernetes: KubernetesServer):
    wanted = gateway()
    apply(wanted)
    assert wanted["metadata"]["labels"] == {"istio.io/waypoint-for": "service"}


def test_a_field_that_differs_is_set(apply: Reconcile, kubernetes: KubernetesServer):
    apply(autoscaler(2))
    apply(autoscaler(3))
    assert stored(kubernetes, "HorizontalPodAutoscaler", "waypoint")["spec"]["maxReplicas"] == 3


def test_obsolete_field_is_removed(apply: Reconcile, kubernetes: KubernetesServer):
    apply(config(x="1", y="2"))
    apply(config(x="1"))
    assert stored(kubernetes, "ConfigMap", "a")["data"] == {"x": "1"}


def test_field_of_an_older_field_manager_is_removed(apply: Reconcile, kubernetes: KubernetesServer, connect):
    reconcile(connect("older-revision"), [config(x="1", y="2")], [ConfigMap])
    apply(config(x="1"))
    assert stored(kubernetes, "ConfigMap", "a")["data"] == {"x": "1"}
    kubernetes.requests.clear()
    apply(config(x="1"))
    assert writes(kubernetes) == []


def test_foreign_field_stays(apply: Reconcile, kubernetes: KubernetesServer, client: Client):
    apply(config(x="1"))
    edit(kubernetes, client, ConfigMap, "a", {"data": {"theirs": "2"}})
    apply(config(x="1"))
    assert writes(kubernetes) == []
    apply(config(x="3"))
    assert stored(kubernetes, "ConfigMap", "a")["data"] == {"x": "3", "theirs": "2"}


def test_what_was_changed_by_hand_is_put_right(
    apply: Reconcile, kubernetes: KubernetesServer, client: Client
):
    apply(gateway())
    edit(kubernetes, client, Gateway, "waypoint", {"spec": {"gatewayClassName": "other"}})
    apply(gateway())
    assert stored(kubernetes, "Gateway", "waypoint")["spec"]["gatewayClassName"] == "istio-waypoint"


def test_foreign_element_of_a_desired_list_is_removed(
    apply: Reconcile, kubernetes: KubernetesServer, client: Client
):
    apply(gateway("mesh"))
    both = gateway("mesh", "other")["spec"]["listeners"]
    edit(kubernetes, client, Gateway, "waypoint", {"spec": {"listeners": both}})
    apply(gateway("mesh"))
    listeners = stored(kubernetes, "Gateway", "waypoint")["spec"]["listeners"]
    assert [each["name"] for each in listeners] == ["mesh"]
    kubernetes.requests.clear()
    apply(gateway("mesh"))
    assert writes(kubernetes) == []


def test_without_force_a_conflict_names_its_manager(
    apply: Reconcile, kubernetes: KubernetesServer, client: Client
):
    apply(config(x="1"))
    edit(kubernetes, client, ConfigMap, "a", {"data": {"x": "2"}})
    (failure,) = apply(config(x="1"), force=False).failed
    assert (failure.verb, failure.code) == ("update", 409)
    assert "kubectl-edit" in failure.reason
    assert stored(kubernetes, "ConfigMap", "a")["data"] == {"x": "2"}


def test_an_object_that_is_not_owned_is_not_taken_over(
    apply: Reconcile, kubernetes: KubernetesServer, connect
):
    connect("platform-team").create(config(x="theirs"))
    (failure,) = apply(config(x="ours")).failed
    assert str(failure) == "create ConfigMap m/a: already managed by platform-team"
    assert stored(kubernetes, "ConfigMap", "a")["data"] == {"x": "theirs"}


@pytest.mark.parametrize("of_kubernetes", [True, False])
def test_equal_foreign_object_stays_foreign(
    apply: Reconcile, kubernetes: KubernetesServer, connect, of_kubernetes: bool
):
    wanted = autoscaler(2) if of_kubernetes else gateway()
    kind = "HorizontalPodAutoscaler" if of_kubernetes else "Gateway"
    connect("platform-team").create(wanted)
    before = stored(kubernetes, kind, "waypoint")
    (failure,) = apply(wanted).failed
    assert str(failure) == f"create {kind} m/waypoint: already managed by platform-team"
    assert stored(kubernetes, kind, "waypoint") == before


def test_objects_without_the_labels_are_never_deleted(
    apply: Reconcile, kubernetes: KubernetesServer, connect
):
    connect("platform-team").create(config("theirs"))
    apply(config("ours"))
    assert [ref.name for ref in apply().deleted] == ["ours"]
    assert stored(kubernetes, "ConfigMap", "theirs")


def test_obsolete_objects_are_deleted_last(apply: Reconcile, kubernetes: KubernetesServer):
    apply(config("a"), config("b", x="1"))
    kubernetes.requests.clear()
    result = apply(config("b", x="2"), config("c"))
    assert [each.split()[0] for each in writes(kubernetes)] == ["PATCH", "PATCH", "DELETE"]
    assert [str(ref) for ref in result.deleted] == ["ConfigMap m/a"]


def test_kinds_without_desired_objects_are_managed(apply: Reconcile, kubernetes: KubernetesServer):
    apply(gateway(), autoscaler(1))
    result = apply(gateway())
    assert [ref.kind for ref in result.deleted] == ["HorizontalPodAutoscaler"]


def test_retained_objects_stay_and_are_reported(apply: Reconcile, kubernetes: KubernetesServer):
    apply(config("a"), config("b"))
    result = apply(retain=[ObjectRef("ConfigMap", "m", "a")])
    assert ([ref.name for ref in result.kept], [ref.name for ref in result.deleted]) == (["a"], ["b"])


def test_one_list_for_all_namespaces_or_one_for_each(apply: Reconcile, kubernetes: KubernetesServer):
    apply(config(namespace="m"), config(namespace="n"))
    kubernetes.requests.clear()
    apply(config(namespace="m"), config(namespace="n"), kinds=[ConfigMap])
    assert [each.path for each in kubernetes.requests] == ["/api/v1/configmaps"]
    kubernetes.requests.clear()
    result = apply(kinds=[ConfigMap], namespaces=["m", "m"])
    assert kubernetes.requests[0].path == "/api/v1/namespaces/m/configmaps"
    assert [str(ref) for ref in result.deleted] == ["ConfigMap m/a"]
    assert stored(kubernetes, "ConfigMap", "a")["metadata"]["namespace"] == "n"


def test_an_object_without_a_namespace_is_in_the_clients(apply: Reconcile, kubernetes: KubernetesServer):
    wanted = ConfigMap.from_dict({"metadata": {"name": "a"}})
    apply(wanted)
    assert stored(kubernetes, "ConfigMap", "a")["metadata"]["namespace"] == "m"
    assert apply(wanted).unchanged == 1


def test_kinds_without_namespaces_are_looked_after_too(client: Client, kubernetes: KubernetesServer):
    wanted = Namespace.from_dict({"metadata": {"name": "made"}})
    for expected in ("created", "unchanged"):
        result = reconcile(client, [wanted], [Namespace])
        assert getattr(result, expected)
    assert str(reconcile(client, [], [Namespace]).deleted[0]) == "Namespace made"


def test_one_that_is_refused_does_not_stop_the_others(apply: Reconcile, kubernetes: KubernetesServer):
    kubernetes.access.deny(verbs=["patch"], resources=["gateways"])
    result = apply(config(), gateway())
    assert [str(ref) for ref in result.created] == ["ConfigMap m/a"]
    assert [str(each) for each in result.failed] == [
        "create Gateway m/waypoint: not allowed to create Gateway"
    ]


def test_kind_that_cannot_be_listed_is_not_written(apply: Reconcile, kubernetes: KubernetesServer):
    apply(config("a"))
    kubernetes.access.deny(verbs=["list"], resources=["configmaps"])
    kubernetes.requests.clear()
    result = apply(config("b"), gateway())
    assert writes(kubernetes) == ["PATCH waypoint"]
    assert [str(each) for each in result.failed] == ["list ConfigMap: not allowed to list ConfigMap"]


def test_missing_kind_fails_if_one_is_desired(apply: Reconcile, kubernetes: KubernetesServer):
    kubernetes.store.uninstall_custom_resources("gateway.networking.k8s.io")
    assert [str(each) for each in apply(config(), gateway()).failed] == [
        "list Gateway: Gateway is not installed"
    ]
    assert apply(config()).failed == ()
    assert [each.code for each in apply(config(), ignore_missing=False).failed] == [404]


def test_object_that_is_already_gone_counts_as_deleted(
    apply: Reconcile, kubernetes: KubernetesServer, client: Client
):
    def delete_twice(*, ignore_missing: bool) -> ReconcileResult:
        changes = plan(
            list_owned(client, [ConfigMap], LABELS, OWNER, Deadline()), [], ignore_missing=ignore_missing
        )
        client.delete(ConfigMap, "a", namespace="m")
        return write(client, changes, Deadline())

    apply(config())
    assert [ref.name for ref in delete_twice(ignore_missing=True).deleted] == ["a"]
    apply(config())
    result = delete_twice(ignore_missing=False)
    assert [(each.verb, each.code) for each in result.failed] == [("delete", 404)]


def test_eight_requests_are_made_at_a_time(apply: Reconcile, kubernetes: KubernetesServer):
    import time

    kubernetes.latency = 0.1
    try:
        started = time.monotonic()
        result = apply(*(config(f"c{number}") for number in range(16)), kinds=[ConfigMap])
        elapsed = time.monotonic() - started
    finally:
        kubernetes.latency = 0
    assert len(result.created) == 16
    assert 0.3 <= elapsed < 1


def test_labels_are_needed_to_own_objects_by(client: Client):
    with pytest.raises(ValueError, match="labels"):
        reconcile(client, [], [ConfigMap], labels={})


def test_desired_object_of_an_unlisted_kind_is_an_error(client: Client, kubernetes: KubernetesServer):
    with pytest.raises(ValueError, match="ConfigMap m/a"):
        reconcile(client, [config()], [AuthorizationPolicy])
    assert writes(kubernetes) == []
