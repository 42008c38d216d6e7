"""The examples in the package's manual, run as they are shown."""

import json
import re
import textwrap
from typing import Any

import ops
import yaml
from ops import testing

import charmlibs.interfaces.service_mesh as package

_MANUAL = textwrap.dedent(package.__doc__ or "")


def example(heading: str) -> str:
    """The indented block that follows a line."""
    found = re.search(rf"^{re.escape(heading)}\n\n((?:(?: +.*)?\n)+)", _MANUAL, re.MULTILINE)
    assert found, f"no example under {heading!r}"
    return textwrap.dedent(found.group(1))


def charm_of(code: str) -> type[ops.CharmBase]:
    """The one charm that a piece of code defines."""
    names: dict[str, Any] = {"__name__": "example"}
    exec(code, names)
    (charm,) = (
        value
        for value in names.values()
        if isinstance(value, type) and issubclass(value, ops.CharmBase) and value is not ops.CharmBase
    )
    return charm


def test_consumer_allows_related_applications():
    endpoints = yaml.safe_load(example(".. code-block:: yaml"))
    own = {"catalogue": {"interface": "catalogue"}, "metrics-endpoint": {"interface": "prometheus_scrape"}}
    meta = {"name": "web", **endpoints, "provides": {**endpoints["provides"], **own}}
    mesh = testing.Relation("service-mesh", remote_app_name="beacon")
    relations = {
        mesh,
        testing.Relation("catalogue", remote_app_name="shop"),
        testing.Relation("metrics-endpoint", remote_app_name="prometheus"),
    }
    ctx = testing.Context(charm_of(example("A consumer::")), meta)
    state = ctx.run(ctx.on.relation_created(mesh), testing.State(leader=True, relations=relations))
    policies = json.loads(state.get_relation(mesh.id).local_app_data["policies"])
    assert [
        (policy["source_app_name"], policy["target_type"], policy["endpoints"]) for policy in policies
    ] == [
        ("shop", "app", [{"hosts": None, "ports": [80], "methods": ["GET"], "paths": ["/items"]}]),
        ("prometheus", "unit", [{"hosts": None, "ports": [9100], "methods": None, "paths": None}]),
    ]


def test_provider_hands_out_labels_and_learns_policies():
    meta = {"name": "mesh", "provides": {"service-mesh": {"interface": "service_mesh"}}}
    policy = package.MeshPolicy(
        source_namespace="m", source_app_name="shop", target_namespace="m", target_app_name="web"
    )
    web = testing.Relation(
        "service-mesh",
        remote_app_name="web",
        remote_app_data={"policies": json.dumps([policy.model_dump(mode="json")])},
    )
    ctx = testing.Context(charm_of(example("A provider::")), meta)
    state = ctx.run(ctx.on.relation_created(web), testing.State(leader=True, relations={web}))
    assert "labels" in state.get_relation(web.id).local_app_data
    ctx.run(ctx.on.relation_changed(state.get_relation(web.id)), state)  # type: ignore[arg-type]
    assert "shop may reach web" in [line.message for line in ctx.juju_log]
