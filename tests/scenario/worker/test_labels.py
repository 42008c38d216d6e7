"""The labels that a worker puts on its pods for its coordinator."""

import ops
import pytest
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import ConfigMap, Service
from lightkube.types import PatchType

from sandbox.kubernetes import KubernetesServer
from tests.scenario.worker.conftest import Store, changed, cluster
from tests.support.juju_application import pod_template

pytestmark = pytest.mark.kubernetes

JUJU = {"app.kubernetes.io/name": "store"}
PART_OF = {"app.kubernetes.io/part-of": "kv"}
NOTE = "store-pod-labels"
MESH = {"istio.io/dataplane-mode": "ambient"}
NONE = {"istio.io/use-waypoint": "none"}
WAYPOINT = {"istio.io/use-waypoint": "w", "istio.io/use-waypoint-namespace": "m"}


def pod_labels(client: Client) -> dict[str, str]:
    metadata = pod_template(client, "m", "store").metadata
    return (metadata and metadata.labels) or {}


def service_labels(client: Client) -> dict[str, str]:
    metadata = client.get(Service, "store").metadata
    return (metadata and metadata.labels) or {}


def test_leader_labels_pods_and_remembers_it(store: Store, client: Client):
    store.deploy(cluster(worker_config="a: 1", worker_labels={**PART_OF, **MESH}))
    assert pod_labels(client) == {**JUJU, **PART_OF, **MESH}
    assert client.get(ConfigMap, NOTE)


def test_unit_that_is_not_leader_leaves_it_to_leader(
    store: Store, client: Client, kubernetes: KubernetesServer
):
    store.deploy(cluster(worker_config="a: 1", worker_labels=PART_OF), leader=False)
    assert kubernetes.requests == []


def test_obsolete_label_is_removed(store: Store, client: Client):
    store.deploy(cluster(worker_config="a: 1", worker_labels={**PART_OF, **MESH}))
    store.run(relations=[changed(store.relation, worker_labels=PART_OF)])
    assert pod_labels(client) == {**JUJU, **PART_OF}


def test_waypoint_is_refused_on_service_only(store: Store, client: Client):
    """Where the whole model is in the mesh, the Services of workers do not follow the namespace."""
    store.deploy(cluster(worker_config="a: 1", worker_labels={**PART_OF, **NONE}))
    assert pod_labels(client) == {**JUJU, **PART_OF}
    assert service_labels(client).items() >= {**PART_OF, **NONE}.items()
    store.run(relations=[changed(store.relation, worker_labels={**PART_OF, **MESH, **WAYPOINT})])
    assert pod_labels(client) == {**JUJU, **PART_OF, **MESH, **WAYPOINT}
    assert "istio.io/use-waypoint" not in service_labels(client)


def test_all_labels_go_with_coordinator(store: Store, client: Client):
    store.deploy(cluster(worker_config="a: 1", worker_labels={**PART_OF, **MESH}))
    store.run(store.ctx.on.relation_broken(store.relation))
    assert pod_labels(client) == JUJU
    with pytest.raises(ApiError, match="not found"):
        client.get(ConfigMap, NOTE)


def test_removed_application_leaves_its_pods_alone(
    store: Store, client: Client, kubernetes: KubernetesServer
):
    """Juju would not adopt a pod that is replaced then."""
    store.deploy(cluster(worker_config="a: 1", worker_labels={**PART_OF, **MESH}))
    kubernetes.requests.clear()
    store.run(store.ctx.on.relation_broken(store.relation), planned_units=0)
    assert kubernetes.requests == []
    assert pod_labels(client) == {**JUJU, **PART_OF, **MESH}


def test_labels_and_resources_are_one_revision(store: Store, client: Client, kubernetes: KubernetesServer):
    store.deploy(cluster(worker_config="a: 1", worker_labels={**PART_OF, **MESH}))
    assert len(kubernetes.store.objects("ControllerRevision", "m")) == 2


def test_labels_stay_while_coordinator_cannot_be_understood(store: Store, client: Client):
    store.deploy(cluster(worker_config="a: 1", worker_labels=PART_OF))
    store.run(relations=[changed(store.relation, worker_labels="none")])
    assert pod_labels(client) == {**JUJU, **PART_OF}


def test_invalid_label_does_not_stop_the_others(store: Store, client: Client):
    labels = {**PART_OF, "bad key": "x", "bad": "a value", "app.kubernetes.io/name": "other"}
    store.deploy(cluster(worker_config="a: 1", worker_labels=labels))
    assert pod_labels(client) == {**JUJU, **PART_OF}
    for key in labels.keys() - PART_OF.keys():
        assert repr(key) in store.status.message


@pytest.mark.parametrize(
    "key",
    [
        "app",
        "App.kubernetes.io/part-of",
        "app.kubernetes.io/Part-of",
        "app.kubernetes.io/part-of ",
        "app.kubernetes.io/part-of\n",
        "app.kubernetes.io/part-of/",
        "/app.kubernetes.io/part-of",
        "app.kubernetes.io/part\u2011of",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/component",
        "apps.kubernetes.io/pod-index",
        "apps.juju.is/name",
        "batch.kubernetes.io/job-name",
        "charms.canonical.com/mesh.owner",
        "controller-revision-hash",
        "gateway.istio.io/managed",
        "gateway.networking.k8s.io/gateway-name",
        "istio",
        "istio.io/gateway-name",
        "istio.io/rev",
        "istio.io/Use-Waypoint",
        "istio.io/waypoint-for",
        "k8s-app",
        "kubernetes.io/hostname",
        "kubernetes.io/metadata.name",
        "model.juju.is/disable-webhook",
        "networking.istio.io/tunnel",
        "node.kubernetes.io/exclude-from-external-load-balancers",
        "operator.juju.is/name",
        "operator.juju.is/target",
        "pod-template-hash",
        "security.istio.io/tlsMode",
        "service.istio.io/canonical-name",
        "service.kubernetes.io/headless",
        "sidecar.istio.io/inject",
        "statefulset.kubernetes.io/pod-name",
        "topology.istio.io/network",
        "topology.kubernetes.io/zone",
        "",
        "/",
        "\0",
        "\ud800",
        "é",
        "a" * 64,
        f"{'a' * 254}/b",
    ],
)
@pytest.mark.parametrize("value", ["kv", ""])
def test_label_that_others_may_select_by_is_ignored(store: Store, client: Client, key: str, value: str):
    store.deploy(cluster(worker_config="a: 1", worker_labels={**PART_OF, key: value}))
    assert pod_labels(client) == {**JUJU, **PART_OF}
    assert "worker_labels" in store.status.message


@pytest.mark.parametrize("value", ["tempo", "Kv", "kv-", "kv.", "kv ", "kv\n", "", "k" * 64, "é", "\0"])
def test_label_of_another_cluster_is_ignored(store: Store, client: Client, value: str):
    """With it, Services and policies of that cluster would select these pods."""
    labels = {"app.kubernetes.io/part-of": value, **MESH}
    store.deploy(cluster(worker_config="a: 1", worker_labels=labels))
    assert pod_labels(client) == {**JUJU, **MESH}
    assert "app.kubernetes.io/part-of" in store.status.message


def test_labels_are_set_even_before_there_is_container(store: Store, client: Client):
    store.deploy(
        cluster(worker_config="a: 1", worker_labels=PART_OF), containers=[store.workload(can_connect=False)]
    )
    assert pod_labels(client) == {**JUJU, **PART_OF}


def test_denial_by_kubernetes_clears(store: Store, client: Client, kubernetes: KubernetesServer):
    kubernetes.access.deny(users=["store"], resources=["configmaps"])
    store.deploy(cluster(worker_config="a: 1", worker_labels=PART_OF))
    assert isinstance(store.status, ops.BlockedStatus)
    assert "label the pods" in store.status.message
    kubernetes.access.restore()
    store.run()
    assert isinstance(store.status, ops.ActiveStatus)
    assert pod_labels(client) == {**JUJU, **PART_OF}


@pytest.mark.parametrize("what", ["a label taken away", "a label changed", "note emptied", "note deleted"])
def test_manual_edit_is_corrected_by_the_next_hook(store: Store, client: Client, what: str):
    def labels_and_note() -> tuple[dict[str, str], dict[str, str] | None]:
        notes = [each for each in client.list(ConfigMap) if each.metadata and each.metadata.name == NOTE]
        return pod_labels(client), notes[0].data if notes else None

    def label(**labels: str | None) -> None:
        change = {"spec": {"template": {"metadata": {"labels": {**PART_OF, **MESH, **labels}}}}}
        client.patch(StatefulSet, "store", change, patch_type=PatchType.MERGE)

    store.deploy(cluster(worker_config="a: 1", worker_labels={**PART_OF, **MESH}))
    before = labels_and_note()
    match what:
        case "a label taken away":
            label(**{"istio.io/dataplane-mode": None})
        case "a label changed":
            label(**{"app.kubernetes.io/part-of": "other"})
        case "note emptied":
            client.patch(ConfigMap, NOTE, {"data": {"labels": "{}"}}, patch_type=PatchType.MERGE)
        case _:
            client.delete(ConfigMap, NOTE)
    assert labels_and_note() != before
    store.run()
    assert labels_and_note() == before
    assert isinstance(store.status, ops.ActiveStatus)


def test_foreign_configmap_of_our_name_stays(store: Store, client: Client):
    client.create(ConfigMap(metadata=ObjectMeta(name=NOTE), data={"theirs": "yes"}))
    store.deploy(cluster(worker_config="a: 1", worker_labels=PART_OF))
    assert isinstance(store.status, ops.BlockedStatus)
    assert NOTE in store.status.message
    store.run(store.ctx.on.relation_broken(store.relation))
    store.run(store.ctx.on.remove(), relations=[], planned_units=0, leader=False)
    theirs = client.get(ConfigMap, NOTE)
    assert theirs.data == {"theirs": "yes"}
    assert theirs.metadata
    assert not theirs.metadata.labels
