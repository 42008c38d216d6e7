"""The facts about Istio's control plane that are read from Kubernetes."""

from typing import Any

import pytest
from lightkube import Client

from istio_policies import Gateway
from mesh_inspection import (
    ControlPlane,
    UnreadableClusterError,
    read_auto_allow,
    read_control_plane,
    read_list,
)
from sandbox.kubernetes import KubernetesServer

VARIABLE = "PILOT_AUTO_ALLOW_WAYPOINT_POLICY"


def create(kubernetes: KubernetesServer, kind: str, name: str, namespace: str, **fields: Any) -> None:
    own = {"name": name, "labels": {"app": "istiod"}}
    kubernetes.store.create(kind, {"metadata": own, **fields}, namespace=namespace)


def install(
    kubernetes: KubernetesServer, mesh: str | None = None, *, namespace: str = "n", end: str = ""
) -> None:
    """Install a control plane; without a configuration if `mesh` is None."""
    create(kubernetes, "Service", f"istiod{end}", namespace, spec={"ports": [{"port": 15012}]})
    if mesh is not None:
        create(kubernetes, "ConfigMap", f"istio{end}", namespace, data={"mesh": mesh})


def test_is_none(client: Client):
    assert read_control_plane(client) == ControlPlane("istio-system", ("istio-system",), "")


@pytest.mark.parametrize(
    ("mesh", "root", "domain"),
    [
        (None, "n", ""),
        ("", "n", ""),
        ("rootNamespace: [unclosed", "n", ""),
        ("- a list", "n", ""),
        ("rootNamespace: m", "m", "cluster.local"),
        ("rootNamespace: 'm/../n'", "n", "cluster.local"),
        ("rootNamespace: 5", "n", "cluster.local"),
        ("trustDomain: example.com", "n", "example.com"),
        ("trustDomain: '*'", "n", ""),
    ],
)
@pytest.mark.parametrize("end", ["", "-1-29"], ids=["default", "revision"])
def test_configuration(
    client: Client, kubernetes: KubernetesServer, mesh: str | None, root: str, domain: str, end: str
):
    install(kubernetes, mesh, end=end)
    assert read_control_plane(client) == ControlPlane("n", (root,), domain)


def test_configuration_that_may_not_be_read(client: Client, kubernetes: KubernetesServer):
    install(kubernetes, "rootNamespace: m")
    kubernetes.access.deny(resources=["configmaps"], verbs=["get"])
    assert read_control_plane(client) == ControlPlane("n", ("n",), "")


def test_several_of_one_mesh(client: Client, kubernetes: KubernetesServer):
    install(kubernetes, "rootNamespace: m\ntrustDomain: '*'")
    install(kubernetes, "rootNamespace: m\ntrustDomain: example.com", end="-1-29")
    assert read_control_plane(client) == ControlPlane("n", ("m",), "example.com")


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({"name": VARIABLE, "value": "true"}, True),
        ({"name": VARIABLE, "value": "T"}, True),
        ({"name": VARIABLE, "value": "false"}, False),
        ({"name": VARIABLE}, False),
        ({"name": "OTHER", "value": "true"}, False),
    ],
)
def test_auto_allow(client: Client, kubernetes: KubernetesServer, variable: dict[str, str], expected: bool):
    labels = {"app": "istiod"}
    container = {"name": "discovery", "image": "i", "env": [{"name": "FIRST", "value": "1"}, variable]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    assert read_auto_allow(client, "n") is None
    create(kubernetes, "Deployment", "istiod", "n", spec=spec)
    assert read_auto_allow(client, "n") is expected
    assert read_auto_allow(client, "m") is None
    kubernetes.access.deny(resources=["deployments"], verbs=["list"])
    assert read_auto_allow(client, "n") is None


def test_kind_that_is_not_installed(client: Client, kubernetes: KubernetesServer):
    kubernetes.store.uninstall_custom_resources()
    try:
        assert read_list(client, Gateway, may_be_missing=True) == []
        with pytest.raises(UnreadableClusterError):
            read_list(client, Gateway)
    finally:
        kubernetes.store.install_custom_resources()
    kubernetes.access.deny(resources=["gateways"], verbs=["list"])
    with pytest.raises(UnreadableClusterError):
        read_list(client, Gateway, may_be_missing=True)
