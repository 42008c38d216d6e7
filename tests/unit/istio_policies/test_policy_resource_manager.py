"""Policies that a charm writes itself."""

import enum
import logging
from collections.abc import Callable, Iterator

import ops
import pydantic
import pytest
from lightkube import Client
from ops import testing

from charmlibs.interfaces.service_mesh import MeshType
from istio_policies import PolicyResourceManager
from sandbox.kubernetes import KubernetesServer
from tests.support.policies import LABELS, policy


class Coordinator(ops.CharmBase):
    pass


@pytest.fixture
def manage(client: Client) -> Iterator[Callable[..., PolicyResourceManager]]:
    context = testing.Context(Coordinator, meta={"name": "coordinator"}, app_name="coordinator")
    state = testing.State(model=testing.Model("m"))
    with context(context.on.update_status(), state) as manager:
        yield lambda **options: PolicyResourceManager(
            charm=manager.charm, lightkube_client=client, labels=LABELS, **options
        )
        manager.run()


@pytest.fixture
def manager(manage: Callable[..., PolicyResourceManager]) -> PolicyResourceManager:
    return manage()


def names(kubernetes: KubernetesServer) -> list[str]:
    return sorted(each["metadata"]["name"] for each in kubernetes.store.objects("AuthorizationPolicy"))


def test_policies_are_written_for_the_charm_that_asks(
    manager: PolicyResourceManager, kubernetes: KubernetesServer
):
    result = manager.reconcile([policy(80)], MeshType.istio)
    assert names(kubernetes) == ["m.coordinator.shop.app.from.s.cart"]
    assert [ref.name for ref in result.created] == names(kubernetes)


def test_the_arguments_have_the_names_that_charms_use(
    manager: PolicyResourceManager, kubernetes: KubernetesServer
):
    manager.reconcile(policies=[policy(80)], mesh_type=MeshType.istio, force=True, ignore_missing=True)
    manager.delete(ignore_missing=True)
    assert names(kubernetes) == []


def test_no_policies_leave_no_objects(manager: PolicyResourceManager, kubernetes: KubernetesServer):
    manager.reconcile([policy(80)], MeshType.istio)
    manager.reconcile([], MeshType.istio)
    assert names(kubernetes) == []


def test_all_are_deleted_after_one_list(manager: PolicyResourceManager, kubernetes: KubernetesServer):
    manager.reconcile([policy(80), policy(81)], MeshType.istio)
    kubernetes.requests.clear()
    assert len(manager.delete().deleted) == 2
    assert [each.method for each in kubernetes.requests] == ["GET", "DELETE", "DELETE"]


def test_policies_of_another_library_are_taken_for_what_they_say(
    manager: PolicyResourceManager, kubernetes: KubernetesServer
):
    class TheirMethod(str, enum.Enum):
        get = "GET"

    class TheirEndpoint(pydantic.BaseModel):
        methods: list[TheirMethod]

    class TheirPolicy(pydantic.BaseModel):
        source_namespace: str = "s"
        source_app_name: str = "cart"
        target_namespace: str = "m"
        target_app_name: str = "shop"
        endpoints: list[TheirEndpoint] = [TheirEndpoint(methods=[TheirMethod.get])]

    class TheirMesh(enum.Enum):
        istio = "istio"

    manager.reconcile([TheirPolicy()], TheirMesh.istio)  # type: ignore[list-item, arg-type]
    (written,) = kubernetes.store.objects("AuthorizationPolicy")
    assert written["spec"]["rules"][0]["to"] == [{"operation": {"methods": ["GET"]}}]


def test_a_policy_that_no_mesh_can_enforce_is_left_out_and_told(
    manager: PolicyResourceManager, kubernetes: KubernetesServer
):
    class Unenforceable(pydantic.BaseModel):
        source_namespace: str = "s"
        source_app_name: str = "cart"
        target_namespace: str = "m"

    result = manager.reconcile([Unenforceable(), policy(80)], MeshType.istio)  # type: ignore[list-item]
    assert len(names(kubernetes)) == 1
    assert "target_app_name" in result.failed[0].reason


@pytest.mark.parametrize("mesh_type", ["linkerd", None])
def test_a_mesh_that_is_not_known_is_an_error(
    manager: PolicyResourceManager, kubernetes: KubernetesServer, mesh_type: object
):
    with pytest.raises(ValueError, match="istio"):
        manager.reconcile([policy(80)], mesh_type)  # type: ignore[arg-type]
    assert not kubernetes.requests


def test_what_fails_is_told_in_the_result_and_in_the_callers_log(
    manage: Callable[..., PolicyResourceManager],
    kubernetes: KubernetesServer,
    caplog: pytest.LogCaptureFixture,
):
    kubernetes.access.deny(verbs=["patch"])
    with caplog.at_level(logging.WARNING):
        result = manage(logger=logging.getLogger("the.charm")).reconcile([policy(80)], MeshType.istio)
    assert len(result.failed) == 1
    (record,) = [each for each in caplog.records if each.name == "the.charm"]
    assert "m.coordinator.shop.app.from.s.cart: not allowed to create" in record.getMessage()


def test_where_istio_is_gone_there_is_nothing_to_delete(
    manager: PolicyResourceManager, kubernetes: KubernetesServer, caplog: pytest.LogCaptureFixture
):
    kubernetes.store.uninstall_custom_resources()
    assert not manager.delete().failed
    assert manager.delete(ignore_missing=False).failed[0].code == 404
