"""Write policies with the published manager, and print the objects: `python manager.py`.

The policies are of whichever `charmlibs.interfaces.service_mesh` comes first on the path.
"""

import importlib
import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

from charmlibs.interfaces import service_mesh
from charmlibs.interfaces.service_mesh import Endpoint, MeshPolicy, MeshType, PolicyTargetType


class Client:
    """Records what lightkube's client would send."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def list(self, *_: object, **__: object) -> list[Any]:
        return []

    def patch(self, *, obj: Any, **_: object) -> None:
        # not the name: it ends in a hash of all fields, and ours has more
        self.sent.append(obj["spec"])


def policy(kind: PolicyTargetType, **target: Any) -> MeshPolicy:
    return MeshPolicy(
        source_namespace="m",
        source_app_name="shop",
        target_namespace="m",
        target_type=kind,
        endpoints=[Endpoint(ports=[80], methods=["GET"], paths=["/items"])] if kind == "app" else [],
        **target,
    )


if __name__ == "__main__":
    charm = SimpleNamespace(app=SimpleNamespace(name="web"), model=SimpleNamespace(name="m"))
    client = Client()
    published = importlib.import_module("canonical_service_mesh.k8s.resource_manager")
    manager = published.PolicyResourceManager(charm, client, labels={"a": "b"}, logger=logging.getLogger())
    policies = [
        policy(PolicyTargetType.app, target_app_name="web"),
        policy(PolicyTargetType.unit, target_app_name="web"),
        policy(PolicyTargetType.unit, target_selector_labels={"app": "web"}),
    ]
    manager.reconcile(policies, MeshType.istio)
    json.dump({"library": service_mesh.__file__, "sent": client.sent}, sys.stdout)
