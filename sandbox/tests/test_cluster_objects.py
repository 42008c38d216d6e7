"""The Kubernetes objects that Juju keeps for models and applications."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightkube
import pytest
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import Namespace, Pod, Service, ServiceAccount

from k8s_charm import reconcile_charm_labels
from sandbox.juju import Controller, Model
from sandbox.kubernetes import KubernetesServer
from sandbox.tests.small_charms import WriteCharm, events, words


@pytest.fixture
def kubernetes() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        yield server


@pytest.fixture
def client(kubernetes: KubernetesServer, tmp_path: Path) -> lightkube.Client:
    config = lightkube.KubeConfig.from_file(str(kubernetes.write_kubeconfig(tmp_path / "admin")))
    return lightkube.Client(config, namespace="shop")


@pytest.fixture
def juju(kubernetes: KubernetesServer) -> Iterator[Controller]:
    with Controller(kubernetes, on_log=print) as controller:
        yield controller


@pytest.fixture
def model(juju: Controller) -> Model:
    return juju.add_model("shop")


def names(client: lightkube.Client, kind: Any) -> list[str]:
    """The names of the objects of a kind in the model."""
    return sorted(thing.metadata.name for thing in client.list(kind))


def test_a_model_is_a_namespace(model: Model, client: lightkube.Client) -> None:
    labels = client.get(Namespace, "shop").metadata.labels
    assert labels["model.juju.is/name"] == "shop"
    assert labels["app.kubernetes.io/managed-by"] == "juju"


def test_relations_show_address_of_service(
    model: Model, client: lightkube.Client, write_charm: WriteCharm
) -> None:
    model.deploy(write_charm("web", provides={"site": {"interface": "http"}}))
    model.deploy(write_charm("client", requires={"site": {"interface": "http"}}))
    relation = model.integrate("web", "client")
    model.settle()
    (side,) = (side for side in relation.sides if side.application.name == "web")
    assert side.unit_data[0].data["ingress-address"] == client.get(Service, "web").spec.clusterIP


def test_application_has_its_objects_and_pod_unit(
    model: Model, client: lightkube.Client, write_charm: WriteCharm
) -> None:
    model.deploy(write_charm("web"), units=2)
    assert names(client, StatefulSet) == names(client, ServiceAccount) == ["web"]
    assert names(client, Service) == ["web", "web-endpoints"]
    assert names(client, Pod) == ["web-0", "web-1"]
    assert client.get(Service, "web-endpoints").spec.clusterIP == "None"
    pod = client.get(Pod, "web-1")
    assert pod.metadata.labels["app.kubernetes.io/name"] == "web"
    assert pod.spec.serviceAccountName == "web"
    assert pod.status.podIP == model.unit("web/1").address


def test_pods_come_and_go_with_units(model: Model, client: lightkube.Client, write_charm: WriteCharm) -> None:
    model.deploy(write_charm("web"))
    model.add_unit("web", 2)
    model.settle()
    assert names(client, Pod) == ["web-0", "web-1", "web-2"]
    model.scale("web", 1)
    model.settle()
    assert names(client, Pod) == ["web-0"]
    assert client.get(StatefulSet, "web").spec.replicas == 1


def test_nothing_is_left_of_removed_application(
    model: Model, client: lightkube.Client, write_charm: WriteCharm
) -> None:
    charm = write_charm("web")
    model.deploy(charm)
    model.deploy(charm, "other")
    model.settle()
    model.remove_application("web")
    model.settle()
    assert names(client, StatefulSet) == names(client, ServiceAccount) == ["other"]
    assert names(client, Pod) == ["other-0"]
    assert names(client, Service) == ["other", "other-endpoints"]


def test_service_has_ports_that_charm_opens(
    model: Model, client: lightkube.Client, write_charm: WriteCharm
) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                self.unit.set_ports(*([8080, ops.Port("udp", 53)] if self.config["open"] else []))
    """
    options = {"open": {"type": "boolean", "default": True}}
    model.deploy(write_charm("web", source, config={"options": options}))
    model.settle()

    def ports() -> list[tuple[int, str]]:
        return [(port.port, port.protocol) for port in client.get(Service, "web").spec.ports]

    assert ports() == [(8080, "TCP"), (53, "UDP")]
    model.config("web", {"open": False})
    model.settle()
    assert ports() == [(65535, "TCP")]


def test_changed_pod_template_replaces_pods(
    model: Model, client: lightkube.Client, write_charm: WriteCharm
) -> None:
    model.deploy(write_charm("web", containers={"nginx": {}}), units=2)
    model.settle()
    before = len(model.unit("web/1").history)
    patch = {"spec": {"template": {"metadata": {"labels": {"mesh": "on"}}}}}
    client.patch(StatefulSet, "web", patch)
    model.settle()
    assert client.get(Pod, "web-1").metadata.labels["mesh"] == "on"
    assert events(model.unit("web/1"))[before:] == [
        "stop",
        "upgrade-charm",
        "config-changed",
        "start",
        "nginx-pebble-ready",
    ]
    before = len(model.unit("web/1").history)
    model.settle()
    assert len(model.unit("web/1").history) == before


def test_replaced_pod_of_removed_application_is_gone(
    model: Model, client: lightkube.Client, write_charm: WriteCharm
) -> None:
    source = """
        import lightkube
        from lightkube.resources.apps_v1 import StatefulSet

        class Charm(Recorder):
            def on_event(self, event):
                if isinstance(event, ops.StopEvent):
                    patch = {"spec": {"template": {"metadata": {"labels": {"left": "mesh"}}}}}
                    lightkube.Client().patch(StatefulSet, "web", patch)
    """
    model.deploy(write_charm("web", source))
    model.settle()
    model.remove_application("web")
    model.settle()
    assert model.unit("web/0").lost
    assert events(model.unit("web/0"))[-1] == "stop"
    assert names(client, StatefulSet) == ["web"]


def test_pods_that_only_get_labels_are_not_replaced(
    model: Model, client: lightkube.Client, write_charm: WriteCharm
) -> None:
    model.deploy(write_charm("web"), units=2)
    model.settle()
    reconcile_charm_labels(client, "web", "shop", "web-labels", {"mesh": "on"})
    model.settle()
    assert client.get(Pod, "web-1").metadata.labels["mesh"] == "on"
    assert [unit.restarts for unit in model.application("web").units] == [0, 0]
    client.patch(StatefulSet, "web", {"spec": {"template": {"metadata": {"labels": {"by": "hand"}}}}})
    model.settle()
    assert [unit.restarts for unit in model.application("web").units] == [1, 1]


def test_refresh_replaces_pods(model: Model, client: lightkube.Client, write_charm: WriteCharm) -> None:
    model.deploy(write_charm("web"))
    model.settle()
    uid = client.get(Pod, "web-0").metadata.uid
    model.refresh("web")
    model.settle()
    assert client.get(Pod, "web-0").metadata.uid != uid
    assert events(model.unit("web/0"))[-4:] == ["stop", "upgrade-charm", "config-changed", "start"]


def test_charm_does_in_kubernetes_what_it_is_trusted_with(model: Model, write_charm: WriteCharm) -> None:
    source = """
        import lightkube
        from lightkube.resources.core_v1 import Service

        class Charm(Recorder):
            def on_event(self, event):
                try:
                    found = [service.metadata.name for service in lightkube.Client().list(Service)]
                    self.unit.status = ops.ActiveStatus(" ".join(sorted(found)))
                except lightkube.ApiError as error:
                    self.unit.status = ops.BlockedStatus(str(error.status.code))
    """
    model.deploy(write_charm("web", source), trust=False)
    model.deploy(write_charm("other", source))
    model.settle()
    assert model.unit("web/0").status == ("blocked", "403")
    assert words(model.unit("other/0")) == ["other", "other-endpoints", "web", "web-endpoints"]
    model.trust("web")
    model.update_status()
    model.settle()
    assert model.unit("web/0").status[0] == "active"
    model.trust("web", remove=True)
    model.update_status()
    model.settle()
    assert model.unit("web/0").status == ("blocked", "403")


def test_trust_is_not_inherited_by_name(
    model: Model, kubernetes: KubernetesServer, write_charm: WriteCharm, tmp_path: Path
) -> None:
    charm = write_charm("web")
    config = kubernetes.write_kubeconfig(tmp_path / "web", user="system:serviceaccount:shop:web")
    as_web = lightkube.Client(lightkube.KubeConfig.from_file(str(config)), namespace="shop")
    model.deploy(charm, trust=False)
    model.settle()
    with pytest.raises(lightkube.ApiError, match="forbidden"):
        as_web.get(Service, "web")
    model.remove_application("web")
    model.settle()
    model.deploy(charm)
    assert as_web.get(Service, "web")


def test_another_cluster_is_left_as_it_was(
    client: lightkube.Client, kubernetes: KubernetesServer, write_charm: WriteCharm, tmp_path: Path
) -> None:
    before = sorted(namespace.metadata.name for namespace in client.list(Namespace))
    with Controller(kubernetes.write_kubeconfig(tmp_path / "theirs")) as juju:
        model = juju.add_model("shop-x1")
        model.deploy(write_charm("web"))
        model.settle()
        assert [pod.metadata.name for pod in client.list(Pod, namespace="shop-x1")] == ["web-0"]
    assert sorted(namespace.metadata.name for namespace in client.list(Namespace)) == before


def test_charm_without_kubernetes_finds_no_other(write_charm: WriteCharm) -> None:
    source = """
        import lightkube

        class Charm(Recorder):
            def on_event(self, event):
                try:
                    lightkube.Client()
                except lightkube.core.exceptions.ConfigError:
                    self.unit.status = ops.ActiveStatus("none")
    """
    with Controller(on_log=print) as juju:
        model = juju.add_model("shop")
        model.deploy(write_charm("web", source))
        model.settle()
        assert model.unit("web/0").status == ("active", "none")
