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
"""What a related application may do through the mesh: not delete, and not list or look around."""


def publish(charm: ops.CharmBase, url: str | None) -> None:
    """Tell each related application where the service is; None: there is none to be had now."""
    if not charm.unit.is_leader():
        return
    for relation in charm.model.relations[RELATION]:
        relation_data.write(relation, charm.app, {"url": url or ""})
