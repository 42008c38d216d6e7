"""Defaults that the server fills in."""

import pytest

from tests.support.kubernetes_api import Namespace, an, service, stateful_set


def test_service_gets_address(namespace: Namespace):
    spec = namespace.created(service())["spec"]
    assert spec["clusterIP"] == spec["clusterIPs"][0]
    assert spec["ports"] == [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}]
    rest = {name: value for name, value in spec.items() if name not in ("clusterIP", "clusterIPs", "ports")}
    assert rest == {
        "type": "ClusterIP",
        "selector": {"app": "app"},
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
    }
    other = namespace.created(service("other"))["spec"]
    assert other["clusterIP"] != spec["clusterIP"]


def test_service_keeps_its_address(namespace: Namespace):
    before = namespace.created(service())["spec"]["clusterIP"]
    after = namespace.connection.must("PUT", namespace.path("Service", "app"), service())
    assert after["spec"]["clusterIP"] == before


def test_headless_service_has_no_address(namespace: Namespace):
    spec = namespace.created(service(clusterIP="None", ports=[]))["spec"]
    assert (spec["clusterIP"], spec["clusterIPs"]) == ("None", ["None"])
    assert "ports" not in spec


def test_stateful_set_is_completed(namespace: Namespace):
    created = namespace.created(stateful_set())
    spec = created["spec"]
    assert spec["replicas"] == 1
    assert spec["podManagementPolicy"] == "OrderedReady"
    assert spec["revisionHistoryLimit"] == 10
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert spec["template"] == {
        "metadata": {"labels": {"app": "app"}},
        "spec": {
            "containers": [
                {
                    "name": "charm",
                    "image": "ubuntu:24.04",
                    "imagePullPolicy": "IfNotPresent",
                    "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                }
            ],
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "terminationGracePeriodSeconds": 30,
        },
    }
    assert created["status"] == {"availableReplicas": 0, "replicas": 0}


def test_image_without_tag_is_always_pulled(namespace: Namespace):
    containers = [
        {"name": "a", "image": "localhost:5000/x"},
        {"name": "b", "image": "x:latest"},
        {"name": "c", "image": "localhost:5000/x:1"},
    ]
    pod = namespace.created(an("Pod", "p", spec={"containers": containers}))
    policies = [one["imagePullPolicy"] for one in pod["spec"]["containers"]]
    assert policies == ["Always", "Always", "IfNotPresent"]


def test_a_new_pod_is_pending(namespace: Namespace):
    pod = namespace.created(an("Pod", "p", spec={"containers": [{"name": "a", "image": "x"}]}))
    assert pod["status"]["phase"] == "Pending"


def test_autoscaler_scales_by_cpu(namespace: Namespace):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}
    spec = {"scaleTargetRef": target, "maxReplicas": 2}
    created = namespace.created(an("HorizontalPodAutoscaler", "a", spec=spec))
    assert created["spec"] == {
        "scaleTargetRef": target,
        "minReplicas": 1,
        "maxReplicas": 2,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }
        ],
    }


def test_namespace_is_labelled_with_its_name(namespace: Namespace):
    obj = namespace.connection.must("GET", f"/api/v1/namespaces/{namespace.name}")
    assert obj["metadata"]["labels"] == {"kubernetes.io/metadata.name": namespace.name}
    assert (obj["spec"], obj["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})


def test_empty_maps_of_kubernetes_own_kinds_are_none(namespace: Namespace):
    obj = an("ConfigMap", "a", data={})
    obj["metadata"] |= {"labels": {}, "annotations": {}}
    created = namespace.created(obj)
    assert "data" not in created
    assert created["metadata"].keys().isdisjoint({"labels", "annotations"})


def test_plain_secrets_are_encoded(namespace: Namespace):
    created = namespace.created(an("Secret", "a", stringData={"x": "one"}))
    assert (created["data"], created["type"]) == ({"x": "b25l"}, "Opaque")
    assert "stringData" not in created


def test_binding_is_to_role_of_rbac(namespace: Namespace):
    created = namespace.created(an("RoleBinding", "a", roleRef={"kind": "Role", "name": "x"}))
    assert created["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"


def test_ports_of_endpoint_slice_are_tcp(namespace: Namespace):
    obj = an("EndpointSlice", "a", addressType="IPv4", endpoints=[], ports=[{"name": "http", "port": 80}])
    assert namespace.created(obj)["ports"] == [{"name": "http", "port": 80, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "50m"}}, "Burstable"),
        ({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}, "Burstable"),
        (
            {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}},
            "Burstable",
        ),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
    ],
)
def test_qos_class_follows_resources(namespace: Namespace, resources: dict, quality: str):
    container = {"name": "a", "image": "x", "resources": resources}
    pod = namespace.created(an("Pod", "p", spec={"containers": [container]}))
    assert pod["status"]["qosClass"] == quality
