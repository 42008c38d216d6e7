"""Short builders of policies."""

from collections.abc import Iterable
from typing import Any

from charmlibs.interfaces.service_mesh import Endpoint, MeshPolicy
from istio_policies import PolicyRequestFrom
from k8s_charm import Owner

OWNER = Owner(app="beacon", model="m")
LABELS = OWNER.labels("istio-authorization-policy")

_TARGETS = {"target_app_name", "target_service", "target_selector_labels"}


def policy(*ports: int, **fields: Any) -> MeshPolicy:
    """Return a policy that allows `cart` of model `s` at ports of `shop` in `m`, or what `fields` are."""
    target = {} if _TARGETS & fields.keys() else {"target_app_name": "shop"}
    return MeshPolicy(
        **{
            "source_namespace": "s",
            "source_app_name": "cart",
            "target_namespace": "m",
            "endpoints": [Endpoint(ports=[port]) for port in ports],
            **target,
            **fields,
        }
    )


def requests_for(policies: Iterable[MeshPolicy], *by: str) -> list[PolicyRequestFrom]:
    return [PolicyRequestFrom(each, by) for each in policies]
