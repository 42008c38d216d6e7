"""The object store's secret key on its way to workers."""

import dataclasses
import json

import pytest
from ops import testing

from coordinated_workers.interfaces import config_secrets
from tests.scenario.coordinator.field_cluster import Cluster, again, published, store, workers
from tests.support.juju_tools import refuse_tools

KEY = "hush"


def taking(worker: testing.Relation, *units: int) -> testing.Relation:
    """A worker application of which these units fill in secrets."""
    data = {
        unit: {**databag, "takes_config_secrets": "true"} if unit in units else databag
        for unit, databag in worker.remote_units_data.items()
    }
    return dataclasses.replace(worker, remote_units_data=data)


def content(state: testing.State, worker: testing.Relation) -> dict[str, str]:
    """Return the content of the secret granted to a worker application for its configuration."""
    (secret,) = [
        each for each in state.secrets if each.id == published(state, worker)["worker_config_secret_id"]
    ]
    assert secret.remote_grants[worker.id] == {worker.remote_app_name}
    assert secret.latest_content
    return secret.latest_content


def test_by_secret(cluster: Cluster):
    worker = taking(workers(units=2), 0, 1)
    state = cluster.run(worker, store(secret_key=KEY))
    assert KEY not in json.dumps([each.local_app_data for each in state.get_relations("field-cluster")])
    assert KEY in content(state, worker).values()


@pytest.mark.parametrize("units", [(), (0,)], ids=["no unit", "one of two units"])
def test_in_plain_text_where_unit_cannot_take_it(units: tuple[int, ...], cluster: Cluster):
    worker, other = taking(workers(units=2), *units), taking(workers("other"), 0)
    state = cluster.run(worker, other, store(secret_key=KEY))
    assert KEY in published(state, worker)["worker_config"]
    assert "worker_config_secret_id" not in published(state, worker)
    assert KEY not in json.dumps(published(state, other))


@pytest.mark.parametrize("key", ['with "quotes"', "it's: #odd", "back\\slash", "s", "e"])
def test_whatever_it_is(key: str, cluster: Cluster):
    plain, worker = workers("plain"), taking(workers(), 0)
    state = cluster.run(plain, worker, store(secret_key=key))
    text = published(state, worker)["worker_config"]
    text = config_secrets.filled(text, content(state, worker))
    assert text == published(state, plain)["worker_config"]


def test_a_new_key_is_a_new_revision(cluster: Cluster):
    worker = taking(workers(), 0)
    state = cluster.run(worker, bucket := store(secret_key=KEY))
    before = published(state, worker)
    changed = dataclasses.replace(bucket, remote_app_data={**bucket.remote_app_data, "secret-key": "new"})
    others = {each for each in state.relations if each.id != bucket.id}
    state = cluster.run(state=again(state, relations={*others, changed}))
    assert published(state, worker) == before
    assert "new" in content(state, worker).values()


@pytest.mark.parametrize(
    "tools", [("secret_get",), ("secret_info_get",), ("secret_get", "secret_add")], ids=str
)
def test_not_in_plain_text_while_jujus_secrets_are_down(
    tools: tuple[str, ...], cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    worker = taking(workers(), 0)
    state = cluster.run(worker, store(secret_key=KEY))
    before = published(state, worker)
    refuse_tools(monkeypatch, *tools)
    state = cluster.run(state=again(state))
    assert published(state, worker) == before
