"""TLS in a worker's container: certificates, CAs and the private key."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import ops
import pytest
from ops import testing

from coordinated_workers.worker import Worker
from tests.scenario.worker.conftest import ContainerChanges, Store, changed, cluster
from tests.scenario.worker.store_charm import StoreCharm

KEY_FILE = "/etc/worker/private.key"
FILES = {
    "/etc/worker/server.cert": "CERT",
    "/etc/worker/ca.cert": "CA",
    "/etc/worker/s3_ca.crt": "S3",
    KEY_FILE: "KEY",
    "/usr/local/share/ca-certificates/ca.crt": "CA",
}
UPDATE = ("exec", ["update-ca-certificates", "--fresh"])


@pytest.fixture
def secret() -> testing.Secret:
    return testing.Secret({"private-key": "KEY"})


def offer(secret: testing.Secret, **changes: Any) -> testing.Relation:
    tls = {"ca_cert": "CA", "server_cert": "CERT", "s3_tls_ca_chain": "S3", "privkey_secret_id": secret.id}
    return cluster(**{"worker_config": "a: 1", **tls, **changes})


def test_certificates_and_key_are_written_and_the_ca_is_trusted(
    store: Store, container_changes: ContainerChanges, secret: testing.Secret
):
    store.deploy(offer(secret), secrets=[secret])
    assert {path: store.file(path) for path in FILES} == FILES
    assert store.path(KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert container_changes("exec", "restart") == [UPDATE, ("restart", "store")]
    assert store.container.plan.services["store"].environment["TLS_KEY"] == KEY_FILE


def test_new_certificate_restarts_services_only(
    store: Store, container_changes: ContainerChanges, secret: testing.Secret
):
    store.deploy(offer(secret), secrets=[secret])
    container_changes.calls.clear()
    store.run(relations=[changed(store.relation, server_cert="CERT2")])
    assert container_changes() == [
        ("stop", "store"),
        ("push", "/etc/worker/server.cert"),
        ("restart", "store"),
    ]


class TestOfServicesThatTakeNewCertificates:
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        class Taking(StoreCharm):
            options = MappingProxyType({**StoreCharm.options, "takes_new_certificates": True})

        (tmp_path / "disk").mkdir()
        return Store(tmp_path / "disk", Taking)

    def test_a_new_certificate_is_put_under_services_that_run_on(
        self, store: Store, container_changes: ContainerChanges, secret: testing.Secret
    ):
        store.deploy(offer(secret), secrets=[secret])
        container_changes.calls.clear()
        store.run(relations=[changed(store.relation, server_cert="CERT2")])
        assert container_changes() == [("push", "/etc/worker/server.cert")]
        assert store.file("/etc/worker/server.cert") == "CERT2"

    @pytest.mark.parametrize("also", [{"ca_cert": "CA2"}, {"worker_config": "a: 2"}])
    def test_what_else_changes_restarts_them(
        self, store: Store, container_changes: ContainerChanges, secret: testing.Secret, also: dict[str, str]
    ):
        store.deploy(offer(secret), secrets=[secret])
        container_changes.calls.clear()
        store.run(relations=[changed(store.relation, server_cert="CERT2", **also)])
        assert container_changes("stop", "restart") == [("stop", "store"), ("restart", "store")]

    def test_the_first_certificate_and_its_end_restart_them(
        self, store: Store, container_changes: ContainerChanges, secret: testing.Secret
    ):
        store.deploy(cluster(worker_config="a: 1"), secrets=[secret])
        for tls in (
            {"ca_cert": "CA", "server_cert": "CERT", "privkey_secret_id": secret.id},
            dict.fromkeys(("ca_cert", "server_cert", "privkey_secret_id")),
        ):
            container_changes.calls.clear()
            store.run(relations=[changed(store.relation, **tls)])
            assert container_changes("stop", "restart") == [("stop", "store"), ("restart", "store")]


def test_a_new_ca_is_trusted(store: Store, container_changes: ContainerChanges, secret: testing.Secret):
    store.deploy(offer(secret), secrets=[secret])
    container_changes.calls.clear()
    store.run(relations=[changed(store.relation, ca_cert="CA2")])
    assert container_changes("exec") == [UPDATE]
    assert store.file("/usr/local/share/ca-certificates/ca.crt") == "CA2"


def test_what_is_withdrawn_is_removed_and_trusted_no_more(
    store: Store, container_changes: ContainerChanges, secret: testing.Secret
):
    store.deploy(offer(secret), secrets=[secret])
    container_changes.calls.clear()
    withdrawn = dict.fromkeys(("ca_cert", "server_cert", "s3_tls_ca_chain", "privkey_secret_id"))
    store.run(relations=[changed(store.relation, **withdrawn)])
    assert {path: store.file(path) for path in FILES} == dict.fromkeys(FILES)
    assert container_changes("exec") == [UPDATE]
    assert store.services == {"store": "active"}


def test_the_chain_of_s3_comes_without_the_rest(store: Store):
    store.deploy(cluster(worker_config="a: 1", s3_tls_ca_chain="S3"))
    assert [path for path in FILES if store.file(path)] == ["/etc/worker/s3_ca.crt"]


def test_an_image_that_can_not_update_its_cas_runs_all_the_same(store: Store, secret: testing.Secret):
    store.deploy(offer(secret), secrets=[secret], containers=[store.workload(execs=set())])
    assert isinstance(store.status, ops.ActiveStatus)
    assert store.services == {"store": "active"}


def test_a_new_revision_of_the_key_is_fetched(store: Store, container_changes: ContainerChanges):
    secret = testing.Secret({"private-key": "KEY"}, latest_content={"private-key": "KEY2"})
    store.deploy(offer(secret), secrets=[secret])
    assert store.file(KEY_FILE) == "KEY2"


def test_error_of_an_unreadable_key_is_not_logged(
    store: Store,
    secret: testing.Secret,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    def refuse(*_: object, **__: object) -> None:
        raise ops.ModelError(f"ERROR no access to {secret.id}, hush-8d1f")

    monkeypatch.setattr(ops.Model, "get_secret", refuse)
    store.deploy(offer(secret), secrets=[secret])
    log = "\n".join(line.getMessage() for line in caplog.records if line.name.startswith("coordinated"))
    assert "cannot read the secret with the private key: ModelError" in log
    assert secret.id not in log
    assert "hush-8d1f" not in log


def test_unreadable_key_changes_nothing(
    store: Store, container_changes: ContainerChanges, secret: testing.Secret
):
    store.deploy(offer(secret), secrets=[secret])
    container_changes.calls.clear()
    store.run(secrets=[], relations=[changed(store.relation, worker_config="a: 2", server_cert="CERT2")])
    assert container_changes() == []
    assert isinstance(store.status, ops.WaitingStatus)
    assert store.file("/etc/worker/server.cert") == "CERT"


def test_the_key_belongs_to_who_runs_the_services(
    tmp_path: Path, secret: testing.Secret, monkeypatch: pytest.MonkeyPatch
):
    class Daemon(StoreCharm):
        def layer(self, worker: Worker) -> ops.pebble.Layer:
            layer = super().layer(worker)
            layer.services["store"].user = "_daemon_"
            return layer

    owners: dict[str, Any] = {}

    def push(container: ops.Container, path: str, text: str, *, user: str | None = None, **kwargs: Any):
        owners[path] = user

    monkeypatch.setattr(ops.Container, "push", push)
    Store(tmp_path, Daemon).deploy(offer(secret), secrets=[secret])
    assert owners[KEY_FILE] == "_daemon_"


def test_no_key_is_in_the_log(store: Store, secret: testing.Secret, caplog: pytest.LogCaptureFixture):
    secret = testing.Secret({"private-key": "TOP-SECRET"})
    caplog.set_level("DEBUG")
    store.deploy(offer(secret), secrets=[secret])
    store.run(secrets=[])
    assert "TOP-SECRET" not in caplog.text
    assert not any("TOP-SECRET" in line.message for line in store.ctx.juju_log)
