"""The examples in the documentation are charms that work."""

import textwrap
import types
from typing import Any

import ops
import yaml
from ops import testing

from coordinated_workers import coordinator, nginx, worker
from tests.scenario.coordinator.field_cluster import CONTAINERS, MODEL, container, published, store, workers


def example(module: types.ModuleType) -> type[ops.CharmBase]:
    """The class in the docstring of a module."""
    _, _, code = (module.__doc__ or "").partition("For example::\n\n")
    known: dict[str, Any] = {**vars(nginx), **vars(module), "yaml": yaml}
    before = set(known)
    exec(textwrap.dedent(code.partition("\n\ncharmcraft.yaml has")[0]), known)
    (name,) = known.keys() - before - {"__builtins__"}
    return known[name]


def test_documented_coordinator_configures_workers():
    metadata = {
        "name": "shop",
        "containers": {name: {} for name in CONTAINERS},
        "provides": {
            "shop-cluster": {"interface": "shop_cluster"},
            "metrics-endpoint": {"interface": "prometheus_scrape"},
        },
        "requires": {"s3": {"interface": "s3"}},
    }
    context = testing.Context(example(coordinator), metadata)
    related = workers(endpoint="shop-cluster")
    up = [container(name) for name in CONTAINERS]
    state = testing.State(leader=True, model=MODEL, relations={related, store()}, containers=up)
    config = yaml.safe_load(
        published(context.run(context.on.update_status(), state), related)["worker_config"]
    )
    assert config == {"stores": ["worker-0.worker-endpoints.m.svc.cluster.local"], "bucket": "field"}


def test_worker_of_documentation_defines_its_layer():
    metadata = {
        "name": "store",
        "containers": {"store": {}},
        "requires": {"store-cluster": {"interface": "store_cluster"}},
    }
    config = {"options": {"role-all": {"type": "boolean", "default": True}}}
    context = testing.Context(example(worker), metadata, config=config)
    offer = testing.Relation("store-cluster", remote_app_data={"worker_config": '"a: 1"'})
    up = testing.Container("store", can_connect=True)
    state = context.run(
        context.on.update_status(), testing.State(model=MODEL, relations={offer}, containers={up})
    )
    service = state.get_container("store").plan.services["store"]
    assert service.command == "/bin/store --config=/etc/worker/config.yaml --roles=all"
