"""The `kv-api` relation: applications that get and put keys."""

import ops

import relation_data
from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, Method
from kv_nginx import API_PORT

RELATION = "kv-api"

POLICY = AppPolicy(
    relation=RELATION,
    endpoints=[Endpoint(ports=[API_PORT], methods=[Method.get, Method.put], paths=["/kv/{*}"])],
)
"""The requests of a related application that the mesh allows: no DELETE, and no listing of keys."""


def publish(charm: ops.CharmBase, url: str | None) -> None:
    """Publish the URL of the service to each related application; None while it is unavailable."""
    if not charm.unit.is_leader():
        return
    for relation in charm.model.relations[RELATION]:
        relation_data.write(relation, charm.app, {"url": url or ""})
