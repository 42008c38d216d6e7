"""Policies that a charm writes itself."""

import enum
import logging
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from unittest.mock import MagicMock

import ops
import pydantic
import pytest
from lightkube import ApiError, Client
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.core_v1 import ConfigMap
from ops import testing

from charmlibs.interfaces.service_mesh import MeshType
from istio_policies import AuthorizationPolicy, PolicyResourceManager
from k8s_charm import kubernetes_errors
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
            charm=manager.charm, **{"lightkube_client": client, "labels": LABELS, **options}
        )
        manager.run()


@pytest.fixture
def manager(manage: Callable[..., PolicyResourceManager]) -> PolicyResourceManager:
    return manage()


def names(kubernetes: KubernetesServer) -> list[str]:
    return sorted(each["metadata"]["name"] for each in kubernetes.store.objects("AuthorizationPolicy"))


def test_policies_are_written_for_charm_that_asks(
    manager: PolicyResourceManager, kubernetes: KubernetesServer
):
    result = manager.reconcile([policy(80)], MeshType.istio)
    assert names(kubernetes) == ["m.coordinator.shop.app.from.s.cart"]
    assert [ref.name for ref in result.created] == names(kubernetes)


def test_arguments_have_names_that_charms_use(manager: PolicyResourceManager, kubernetes: KubernetesServer):
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


def test_policies_of_another_library_are_accepted(
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


def test_unenforceable_policy_is_ignored_and_reported(
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
def test_unknown_mesh_type_is_error(
    manager: PolicyResourceManager, kubernetes: KubernetesServer, mesh_type: object
):
    with pytest.raises(ValueError, match="istio"):
        manager.reconcile([policy(80)], mesh_type)  # type: ignore[arg-type]
    assert not kubernetes.requests


def test_what_fails_is_raised_and_in_callers_log(
    manage: Callable[..., PolicyResourceManager],
    kubernetes: KubernetesServer,
    caplog: pytest.LogCaptureFixture,
):
    kubernetes.access.deny(verbs=["patch"])
    with caplog.at_level(logging.WARNING), pytest.raises(ApiError) as refused:
        manage(logger=logging.getLogger("the.charm")).reconcile([policy(80)], MeshType.istio)
    assert refused.value.status.code == 403
    (record,) = [each for each in caplog.records if each.name == "the.charm"]
    assert "m.coordinator.shop.app.from.s.cart: not allowed to create" in record.getMessage()


def test_where_istio_is_gone_there_is_nothing_to_delete(
    manager: PolicyResourceManager, kubernetes: KubernetesServer, caplog: pytest.LogCaptureFixture
):
    kubernetes.store.uninstall_custom_resources()
    assert not manager.delete().failed
    with pytest.raises(kubernetes_errors()):
        manager.delete(ignore_missing=False)
    assert manager.failed[0].code == 404


def test_request_that_fails_stops_no_other(manager: PolicyResourceManager, kubernetes: KubernetesServer):
    kubernetes.access.deny(verbs=["patch"], namespaces=["m"])
    with pytest.raises(ApiError):
        manager.reconcile([policy(80), policy(80, target_namespace="n")], MeshType.istio)
    assert len(names(kubernetes)) == 1


class TestRawPolicies:
    ALLOW_ALL: ClassVar[dict[str, Any]] = {"rules": [{}], "selector": {"matchLabels": {"app": "web"}}}

    def raw(self, name: str = "allow-all", kind: Any = AuthorizationPolicy) -> Any:
        return kind.from_dict({"metadata": {"name": name}, "spec": self.ALLOW_ALL})

    def test_raw_policies_are_third_argument(
        self, manager: PolicyResourceManager, kubernetes: KubernetesServer
    ):
        manager.reconcile([], MeshType.istio, [self.raw()])
        (written,) = kubernetes.store.objects("AuthorizationPolicy")
        assert (written["metadata"]["namespace"], written["metadata"]["name"]) == ("m", "allow-all")
        assert written["spec"] == self.ALLOW_ALL
        assert written["metadata"]["labels"].items() >= LABELS.items()

    def test_need_no_mesh_type(self, manager: PolicyResourceManager, kubernetes: KubernetesServer):
        manager.reconcile(policies=[], mesh_type=manager.delete, raw_policies=[self.raw()])  # type: ignore[arg-type]
        assert names(kubernetes) == ["allow-all"]

    def test_stand_beside_the_others_and_go_with_them(
        self, manager: PolicyResourceManager, kubernetes: KubernetesServer
    ):
        manager.reconcile([policy(80)], MeshType.istio, raw_policies=[self.raw()])
        assert len(names(kubernetes)) == 2
        kubernetes.requests.clear()
        manager.reconcile([policy(80)], MeshType.istio, raw_policies=[self.raw()])
        assert [each.method for each in kubernetes.requests] == ["GET"]
        manager.reconcile([policy(80)], MeshType.istio)
        assert "allow-all" not in names(kubernetes)

    def test_of_another_class_for_the_same_kind_are_taken(
        self, manager: PolicyResourceManager, kubernetes: KubernetesServer
    ):
        theirs = create_namespaced_resource(
            "security.istio.io", "v1", "AuthorizationPolicy", "authorizationpolicies"
        )
        manager.reconcile([], MeshType.istio, [self.raw(kind=theirs)])
        assert names(kubernetes) == ["allow-all"]

    @pytest.mark.parametrize("other", [ConfigMap(), {"kind": "AuthorizationPolicy"}])
    def test_are_nothing_else(
        self, manager: PolicyResourceManager, kubernetes: KubernetesServer, other: object
    ):
        with pytest.raises(TypeError, match="AuthorizationPolicy"):
            manager.reconcile([], MeshType.istio, [self.raw(), other])  # type: ignore[list-item]
        assert not kubernetes.requests

    def test_leave_a_foreign_object_of_their_name(
        self, manager: PolicyResourceManager, client: Client, kubernetes: KubernetesServer
    ):
        client.create(
            AuthorizationPolicy.from_dict({"metadata": {"name": "allow-all", "namespace": "m"}, "spec": {}})
        )
        result = manager.reconcile([], MeshType.istio, [self.raw()])
        assert [(failure.ref.name, failure.code) for failure in result.failed] == [("allow-all", 409)]
        manager.delete()
        (kept,) = kubernetes.store.objects("AuthorizationPolicy")
        assert kept["spec"] == {}

    def test_go_to_no_namespace_of_a_mock(self, manage: Callable[..., PolicyResourceManager]):
        client = MagicMock()
        client.list.return_value = []
        result = manage(lightkube_client=client).reconcile([], MeshType.istio, [self.raw()])
        assert [(failure.ref.name, failure.code) for failure in result.failed] == [("allow-all", 422)]


def test_labels_are_optional(manage: Callable[..., PolicyResourceManager], kubernetes: KubernetesServer):
    manager = manage(labels=None)
    manager.reconcile([policy(80)], MeshType.istio)
    assert len(manager.delete().deleted) == 1


@pytest.mark.parametrize(
    ("made", "called"),
    [
        pytest.param({"mesh_type": MeshType.istio}, ((), {}), id="0.10"),
        pytest.param({"mesh_type": MeshType.istio}, ((False, True), {}), id="0.10, flags"),
        pytest.param({"mesh_type": MeshType.istio}, ((), {"force": True}), id="0.10, flag by name"),
        pytest.param({}, ((MeshType.istio, True), {}), id="0.15, flag"),
        pytest.param({}, ((MeshType.istio,), {"ignore_missing": True}), id="0.15, flag by name"),
        pytest.param({"mesh_type": MeshType.istio}, ((MeshType.istio, None, True), {}), id="both"),
    ],
)
def test_calls_of_earlier_versions(
    manage: Callable[..., PolicyResourceManager],
    kubernetes: KubernetesServer,
    made: dict[str, Any],
    called: tuple[tuple[Any, ...], dict[str, Any]],
):
    positional, named = called
    manage(**made).reconcile([policy(80)], *positional, **named)
    assert names(kubernetes) == ["m.coordinator.shop.app.from.s.cart"]


def test_policies_by_name_in_earlier_version(
    manage: Callable[..., PolicyResourceManager], kubernetes: KubernetesServer
):
    manage(mesh_type=MeshType.istio).reconcile(policies=[policy(80)])
    assert len(names(kubernetes)) == 1


def test_mesh_type_is_third_argument_of_earlier_version(client: Client, kubernetes: KubernetesServer):
    context = testing.Context(Coordinator, meta={"name": "coordinator"}, app_name="coordinator")
    with context(context.on.update_status(), testing.State(model=testing.Model("m"))) as manager:
        make: Any = PolicyResourceManager
        make(manager.charm, client, MeshType.istio, LABELS).reconcile([policy(80)])
        assert len(names(kubernetes)) == 1
        make(manager.charm, client, LABELS).delete()
        assert names(kubernetes) == []


@pytest.mark.parametrize(
    ("made", "called"),
    [
        pytest.param({"mesh_type": MeshType.istio}, (False,), id="0.10"),
        pytest.param({}, (MeshType.istio, False), id="0.15"),
    ],
)
def test_flag_of_earlier_version_is_kept(
    manage: Callable[..., PolicyResourceManager],
    client: Client,
    made: dict[str, Any],
    called: tuple[Any, ...],
):
    manager = manage(**made)
    manager.reconcile([policy(80)], mesh_type=MeshType.istio)
    foreign = {"metadata": {"name": "m.coordinator.shop.app.from.s.cart"}, "spec": {"action": "DENY"}}
    client.apply(AuthorizationPolicy.from_dict(foreign), namespace="m", field_manager="hand", force=True)
    with pytest.raises(ApiError, match="conflict"):
        manager.reconcile([policy(80)], *called)


def test_mesh_type_is_not_optional(manager: PolicyResourceManager):
    reconcile: Any = manager.reconcile
    with pytest.raises(TypeError, match="mesh_type"):
        reconcile([policy(80)])
