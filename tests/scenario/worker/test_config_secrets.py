"""Secrets of the configuration, which the coordinator sends in a Juju secret."""

import dataclasses

import ops
from ops import testing

from tests.scenario.worker.conftest import Store, changed, cluster

CONFIG_FILE = "/etc/worker/config.yaml"
TEXT = "a: 1\nkey: '@@juju-secret:s3-secret-key@@'\n"


def offered(store: Store, **content: str) -> tuple[testing.Relation, testing.Secret]:
    secret = testing.Secret(content or {"s3-secret-key": "hush"})
    return cluster(worker_config=TEXT, worker_config_secret_id=secret.id), secret


def test_are_filled_in(store: Store):
    relation, secret = offered(store)
    store.deploy(relation, secrets=[secret])
    assert store.file(CONFIG_FILE) == "a: 1\nkey: 'hush'\n"
    assert "takes_config_secrets" in store.relation.local_unit_data


def test_that_change_are_written(store: Store):
    relation, secret = offered(store)
    store.deploy(relation, secrets=[secret])
    renewed = dataclasses.replace(secret, latest_content={"s3-secret-key": "new"})
    store.run(secrets=[renewed])
    assert store.file(CONFIG_FILE) == "a: 1\nkey: 'new'\n"


def test_that_cannot_be_read_change_nothing(store: Store):
    relation, secret = offered(store)
    store.deploy(relation, secrets=[secret])
    other = changed(
        store.relation, worker_config="b: 1", worker_config_secret_id="secret:cvq1p2q3r4s5t6u7v8w0"
    )
    store.run(relations=[other])
    assert store.file(CONFIG_FILE) == "a: 1\nkey: 'hush'\n"
    assert store.services == {"store": "active"}
    assert not isinstance(store.status, ops.ActiveStatus)
