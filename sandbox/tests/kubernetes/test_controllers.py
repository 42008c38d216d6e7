"""Controllers, and their absence."""

import pytest

from sandbox.kubernetes import KubernetesServer, ObjectStore, Writer

WAYPOINT = {
    "metadata": {"name": "w", "labels": {"istio.io/waypoint-for": "service"}},
    "spec": {
        "gatewayClassName": "istio-waypoint",
        "listeners": [
            {
                "name": "mesh",
                "port": 15008,
                "protocol": "HBONE",
                "allowedRoutes": {"namespaces": {"from": "All"}},
            }
        ],
    },
}
TO_W = {"istio.io/use-waypoint": "w"}


def programmed(store: ObjectStore) -> str:
    conditions = store.get("Gateway", "m", "w")["status"]["conditions"]
    return next(one["status"] for one in conditions if one["type"] == "Programmed")


def verdict(store: ObjectStore, namespace: str = "m", name: str = "p") -> tuple[str, str, str]:
    condition = store.get("AuthorizationPolicy", namespace, name)["status"]["conditions"][0]
    return condition["type"], condition["status"], condition["reason"]


def create_service(store: ObjectStore, namespace: str = "m", **labels: str) -> None:
    store.create(
        "Service",
        {"metadata": {"name": "app", "labels": labels}, "spec": {"ports": [{"port": 80}]}},
        namespace=namespace,
    )


def create_policy(store: ObjectStore, namespace: str = "m", **spec: object) -> None:
    wanted = spec or {"targetRefs": [{"group": "", "kind": "Service", "name": "app"}], "rules": [{}]}
    store.create("AuthorizationPolicy", {"metadata": {"name": "p"}, "spec": wanted}, namespace=namespace)


def create_stateful_set(store: ObjectStore) -> None:
    labels = {"app": "a"}
    template = {"metadata": {"labels": dict(labels)}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}}
    spec = {
        "replicas": 2,
        "podManagementPolicy": "Parallel",
        "serviceName": "a",
        "selector": {"matchLabels": labels},
        "template": template,
    }
    store.create("StatefulSet", {"metadata": {"name": "a"}, "spec": spec}, namespace="m")
    run_pods(store)


def run_pods(store: ObjectStore) -> None:
    """Act as a kubelet, until there is no new pod."""
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    while waiting := [pod for pod in store.objects("Pod", "m") if "conditions" not in pod["status"]]:
        for pod in waiting:
            name = pod["metadata"]["name"]
            writer = Writer("kubelet", "Update", "v1", "status")
            store.patch("Pod", "m", name, lambda obj: obj | {"status": ready}, writer=writer)


def uids(store: ObjectStore) -> list[str]:
    return [pod["metadata"]["uid"] for pod in store.objects("Pod", "m")]


def label_template(store: ObjectStore, label: str | None) -> None:
    def change(obj):
        labels = obj["spec"]["template"]["metadata"]["labels"]
        labels.pop("mesh", None)
        if label is not None:
            labels["mesh"] = label
        return obj

    store.patch("StatefulSet", "m", "a", change)


def test_waypoint_is_deployed_and_is_reported(store: ObjectStore):
    store.create("Gateway", WAYPOINT, namespace="m")
    assert programmed(store) == "True"
    for kind in ("Deployment", "Service", "ServiceAccount"):
        assert store.get(kind, "m", "w")["metadata"]["ownerReferences"][0]["name"] == "w"
    ports = [port["port"] for port in store.get("Service", "m", "w")["spec"]["ports"]]
    assert 15008 in ports


def test_waypoint_goes_with_its_gateway(store: ObjectStore):
    store.create("Gateway", WAYPOINT, namespace="m")
    store.delete("Gateway", "m", "w")
    for kind in ("Deployment", "Service", "ServiceAccount"):
        assert store.find(kind, "m", "w") is None


def test_undeployed_waypoint_is_never_ready(kubernetes: KubernetesServer, store: ObjectStore):
    kubernetes.controllers.waypoints.stop()
    store.create("Gateway", WAYPOINT, namespace="m")
    assert programmed(store) == "Unknown"
    assert store.find("Deployment", "m", "w") is None
    kubernetes.controllers.waypoints.start()
    assert programmed(store) == "True"
    assert store.find("Deployment", "m", "w") is not None


def test_waypoint_with_failing_pods_is_accepted_not_programmed(
    kubernetes: KubernetesServer, store: ObjectStore
):
    kubernetes.controllers.waypoints.pods_start = False
    try:
        store.create("Gateway", WAYPOINT, namespace="m")
        create_service(store, **TO_W)
        create_policy(store)
        assert programmed(store) == "False"
        assert verdict(store) == ("WaypointAccepted", "False", "AncestorNotBound")
    finally:
        kubernetes.controllers.waypoints.pods_start = True
    kubernetes.controllers.waypoints.start()
    assert programmed(store) == "True"
    assert verdict(store) == ("WaypointAccepted", "True", "Accepted")


def ready(store: ObjectStore) -> int:
    return store.get("Deployment", "m", "w")["status"]["readyReplicas"]


def test_waypoint_has_as_many_ready_pods_as_its_autoscaler_sets(
    kubernetes: KubernetesServer, store: ObjectStore
):
    store.create("Gateway", WAYPOINT, namespace="m")
    assert ready(store) == 1
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"}
    autoscaler = {
        "metadata": {"name": "w"},
        "spec": {"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 3},
    }
    kubernetes.controllers.deployments.stop()
    store.create("HorizontalPodAutoscaler", autoscaler, namespace="m")
    assert ready(store) == 1
    kubernetes.controllers.deployments.start()
    assert ready(store) == 3


def test_gateway_of_another_class_is_left_alone(store: ObjectStore):
    other = {**WAYPOINT, "spec": {**WAYPOINT["spec"], "gatewayClassName": "istio"}}
    store.create("Gateway", other, namespace="m")
    assert programmed(store) == "Unknown"


def test_policy_for_service_waits_for_service_and_waypoint(store: ObjectStore):
    create_policy(store)
    assert verdict(store) == ("WaypointAccepted", "False", "TargetNotFound")
    create_service(store)
    assert verdict(store) == ("WaypointAccepted", "False", "AncestorNotBound")
    store.patch("Service", "m", "app", lambda obj: obj | {"metadata": obj["metadata"] | {"labels": TO_W}})
    assert verdict(store) == ("WaypointAccepted", "False", "AncestorNotBound")
    store.create("Gateway", WAYPOINT, namespace="m")
    assert verdict(store) == ("WaypointAccepted", "True", "Accepted")
    message = store.get("AuthorizationPolicy", "m", "p")["status"]["conditions"][0]["message"]
    assert message == "bound to m/w"
    store.delete("Gateway", "m", "w")
    assert verdict(store) == ("WaypointAccepted", "False", "AncestorNotBound")


def test_namespace_can_name_waypoint_of_its_services(store: ObjectStore):
    store.create("Gateway", WAYPOINT, namespace="m")
    store.create("Namespace", {"metadata": {"name": "n"}})
    create_service(store, "n")
    create_policy(store, "n")
    assert verdict(store, "n") == ("WaypointAccepted", "False", "AncestorNotBound")
    labels = TO_W | {"istio.io/use-waypoint-namespace": "m"}
    store.patch("Namespace", "", "n", lambda obj: obj | {"metadata": obj["metadata"] | {"labels": labels}})
    assert verdict(store, "n") == ("WaypointAccepted", "True", "Accepted")


def test_waypoint_may_keep_to_its_own_namespace(store: ObjectStore):
    listeners = [{"name": "mesh", "port": 15008, "protocol": "HBONE"}]
    store.create("Gateway", {**WAYPOINT, "spec": {**WAYPOINT["spec"], "listeners": listeners}}, namespace="m")
    store.create("Namespace", {"metadata": {"name": "n"}})
    create_service(store, "n", **TO_W, **{"istio.io/use-waypoint-namespace": "m"})
    create_policy(store, "n")
    assert verdict(store, "n") == ("WaypointAccepted", "False", "AncestorNotBound")


@pytest.mark.parametrize(
    ("spec", "condition"),
    [
        ({"selector": {"matchLabels": {"app": "a"}}}, ("True", "Accepted")),
        ({"rules": [{"to": [{"operation": {"ports": ["80"]}}]}]}, ("True", "Accepted")),
        ({"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]}, ("True", "UnsupportedValue")),
        (
            {"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/"]}}]}]},
            ("True", "UnsupportedValue"),
        ),
        ({"action": "AUDIT"}, ("False", "UnsupportedValue")),
    ],
)
def test_policy_for_pods_is_ztunnels(store: ObjectStore, spec: dict, condition: tuple[str, str]):
    create_policy(store, **spec)
    assert verdict(store) == ("ZtunnelAccepted", *condition)


def test_policy_names_services_that_are_not_bound(store: ObjectStore):
    store.create("Gateway", WAYPOINT, namespace="m")
    create_service(store, **TO_W)
    targets = [{"group": "", "kind": "Service", "name": name} for name in ("app", "nobody")]
    create_policy(store, targetRefs=targets)
    assert verdict(store) == ("WaypointAccepted", "True", "PartiallyInvalid")
    message = store.get("AuthorizationPolicy", "m", "p")["status"]["conditions"][0]["message"]
    assert message == "Invalid targetRefs: Service.core:m/nobody"


def test_verdicts_are_reported_generation_they_are_on(store: ObjectStore):
    create_policy(store)
    store.patch("AuthorizationPolicy", "m", "p", lambda obj: obj | {"spec": obj["spec"] | {"action": "DENY"}})
    condition = store.get("AuthorizationPolicy", "m", "p")["status"]["conditions"][0]
    assert condition["observedGeneration"] == "2"


def test_policy_in_audit_is_not_enforced_at_pods(store: ObjectStore):
    policy = {"metadata": {"name": "p", "annotations": {"istio.io/dry-run": "true"}}, "spec": {}}
    store.create("AuthorizationPolicy", policy, namespace="m")
    assert verdict(store) == ("ZtunnelAccepted", "False", "UnsupportedValue")


def test_no_verdict_without_istiod(kubernetes: KubernetesServer, store: ObjectStore):
    kubernetes.controllers.policies.stop()
    create_policy(store)
    assert "status" not in store.get("AuthorizationPolicy", "m", "p")
    kubernetes.controllers.policies.start()
    assert verdict(store)[0] == "WaypointAccepted"


def test_new_labels_of_template_restart_pods_one_by_one(store: ObjectStore):
    create_stateful_set(store)
    before = uids(store)
    label_template(store, "on")
    assert len({*before} & {*uids(store)}) == 1
    run_pods(store)
    assert {*before}.isdisjoint(uids(store))
    pods = store.objects("Pod", "m")
    assert [pod["metadata"]["labels"]["mesh"] for pod in pods] == ["on", "on"]
    names = {pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] for pod in pods}
    assert names == {"a-0", "a-1"}
    label_template(store, None)
    run_pods(store)
    assert all("mesh" not in pod["metadata"]["labels"] for pod in store.objects("Pod", "m"))


def test_restored_template_has_its_old_revision(store: ObjectStore):
    create_stateful_set(store)
    first = store.get("StatefulSet", "m", "a")["status"]["updateRevision"]
    label_template(store, "on")
    assert store.get("StatefulSet", "m", "a")["status"]["updateRevision"] != first
    label_template(store, None)
    assert store.get("StatefulSet", "m", "a")["status"]["updateRevision"] == first
    numbers = {one["metadata"]["name"]: one["revision"] for one in store.objects("ControllerRevision", "m")}
    assert max(numbers, key=numbers.__getitem__) == first


def test_pods_of_others_are_left_alone(store: ObjectStore):
    create_stateful_set(store)
    other = {
        "metadata": {"name": "b-0", "labels": {"app": "a"}},
        "spec": {"containers": [{"name": "c", "image": "x"}]},
    }
    uid = store.create("Pod", other, namespace="m")["metadata"]["uid"]
    label_template(store, "on")
    run_pods(store)
    assert store.get("Pod", "m", "b-0")["metadata"]["uid"] == uid


def test_scaling_restarts_nothing(store: ObjectStore):
    create_stateful_set(store)
    before = uids(store)
    store.patch("StatefulSet", "m", "a", lambda obj: obj | {"spec": obj["spec"] | {"replicas": 3}})
    assert uids(store)[:2] == before
    store.patch("StatefulSet", "m", "a", lambda obj: obj | {"spec": obj["spec"] | {"replicas": 1}})
    assert uids(store) == before[:1]


def test_pods_restart_when_their_controller_is_back(kubernetes: KubernetesServer, store: ObjectStore):
    create_stateful_set(store)
    kubernetes.controllers.stateful_sets.stop()
    label_template(store, "on")
    run_pods(store)
    assert all("mesh" not in pod["metadata"]["labels"] for pod in store.objects("Pod", "m"))
    kubernetes.controllers.stateful_sets.start()
    run_pods(store)
    assert all(pod["metadata"]["labels"]["mesh"] == "on" for pod in store.objects("Pod", "m"))


def test_deleting_namespace_deletes_all_in_it(store: ObjectStore):
    create_stateful_set(store)
    create_service(store)
    store.create("ConfigMap", {"metadata": {"name": "other"}}, namespace="default")
    store.delete("Namespace", "", "m")
    for kind in ("StatefulSet", "Pod", "Service"):
        assert store.objects(kind) == []
    assert len(store.objects("ConfigMap")) == 1


def test_namespace_needs_its_controller_to_be_emptied(kubernetes: KubernetesServer, store: ObjectStore):
    create_service(store)
    kubernetes.controllers.namespaces.stop()
    store.delete("Namespace", "", "m")
    assert len(store.objects("Service")) == 1
    kubernetes.controllers.namespaces.start()
    assert store.objects("Service") == []


def test_what_has_no_owner_left_is_collected(kubernetes: KubernetesServer, store: ObjectStore):
    owners = [store.create("ConfigMap", {"metadata": {"name": name}}, namespace="m") for name in ("a", "b")]
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": one["metadata"]["name"],
            "uid": one["metadata"]["uid"],
        }
        for one in owners
    ]
    owned = {"metadata": {"name": "owned", "ownerReferences": references}}
    store.create("Secret", owned, namespace="m")
    store.delete("ConfigMap", "m", "a")
    assert store.find("Secret", "m", "owned") is not None
    store.delete("ConfigMap", "m", "b")
    assert store.find("Secret", "m", "owned") is None


def test_restored_cluster_is_as_it_was_and_goes_on(store: ObjectStore):
    store.create("Gateway", WAYPOINT, namespace="m")
    create_service(store, **TO_W)
    create_policy(store)
    objects, policies, services = (
        store.snapshot(),
        store.objects("AuthorizationPolicy"),
        store.objects("Service"),
    )
    store.delete("AuthorizationPolicy", "m", "p")
    store.reset()
    store.restore(objects)
    assert store.objects("AuthorizationPolicy") == policies
    assert store.objects("Service") == services
    store.delete("Service", "m", "app")
    assert verdict(store) == ("WaypointAccepted", "False", "TargetNotFound")
