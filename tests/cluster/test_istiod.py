"""The stand-in's controllers and the real istiod report the same statuses of Gateways and policies."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.control_plane import Connection, Istiod, RealKubernetes, Waypoints
from sandbox.kubernetes import KubernetesServer
from tests.support.kubernetes_api import MERGE, an

pytestmark = pytest.mark.fidelity

SELECTOR = {"matchLabels": {"app": "app"}}
TO_SERVICE = [{"group": "", "kind": "Service", "name": "app"}]
TO_NOBODY = [{"group": "", "kind": "Service", "name": "nobody"}]

POLICIES: dict[str, dict[str, Any]] = {
    "service": {"targetRefs": TO_SERVICE, "rules": [{}]},
    "one-of-two": {"targetRefs": TO_SERVICE + TO_NOBODY},
    "nobody": {"targetRefs": TO_NOBODY},
    "gateway": {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "w"}],
    },
    "class": {
        "targetRefs": [
            {"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}
        ],
    },
    "strange": {"targetRefs": [{"group": "apps", "kind": "Deployment", "name": "x"}]},
    "pods": {"selector": SELECTOR, "rules": [{"to": [{"operation": {"ports": ["80"]}}]}]},
    "namespace": {},
    "http": {
        "selector": SELECTOR,
        "rules": [
            {
                "from": [
                    {
                        "source": {
                            "principals": ["a"],
                            "requestPrincipals": ["b"],
                            "remoteIpBlocks": ["10.0.0.1"],
                        }
                    }
                ],
                "to": [{"operation": {"hosts": ["h"], "methods": ["GET"], "paths": ["/"], "ports": ["80"]}}],
                "when": [
                    {"key": "request.headers[x]", "values": ["y"]},
                    {"key": "destination.port", "values": ["80"]},
                ],
            }
        ],
    },
    "deny": {"action": "DENY", "rules": [{"to": [{"operation": {"notPaths": ["/"]}}]}]},
    "audit": {"action": "AUDIT"},
}


class World:
    """A namespace with a second one beside it, in one of the two clusters."""

    def __init__(self, connection: Connection, name: str):
        self.connection = connection
        self.home, self.other = name, f"{name}-other"
        for namespace in (self.home, self.other):
            connection.must("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})

    def create(self, namespace: str, obj: dict[str, Any]) -> None:
        version = obj["apiVersion"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        plurals = {"AuthorizationPolicy": "authorizationpolicies"}
        plural = plurals.get(obj["kind"], f"{obj['kind'].lower()}s")
        self.connection.must("POST", f"{base}/namespaces/{namespace}/{plural}", obj)

    def label(self, path: str, **labels: str) -> None:
        named = {f"istio.io/{name.replace('_', '-')}": value for name, value in labels.items()}
        self.connection.must("PATCH", path, {"metadata": {"labels": named}}, content_type=MERGE)

    def reported(self) -> dict[str, Any]:
        """Return the status of each policy and Gateway, without times."""
        found: dict[str, Any] = {}
        for namespace in (self.home, self.other):
            for path in (
                ("security.istio.io/v1", "authorizationpolicies"),
                ("gateway.networking.k8s.io/v1", "gateways"),
            ):
                listed = self.connection.must("GET", f"/apis/{path[0]}/namespaces/{namespace}/{path[1]}")
                for obj in listed["items"]:
                    place = f"{namespace.removeprefix(self.home)}/{path[1]}/{obj['metadata']['name']}"
                    found[place] = self._conditions(obj)
        return found

    def _conditions(self, obj: dict[str, Any]) -> list[dict[str, Any]]:
        conditions = obj.get("status", {}).get("conditions", [])
        text = json.dumps(
            [
                {name: value for name, value in one.items() if name != "lastTransitionTime"}
                for one in conditions
            ]
        )
        return sorted(json.loads(text.replace(self.home, "HOME")), key=lambda one: one["type"])


@pytest.fixture
def worlds(
    kubernetes: RealKubernetes, istiod: Istiod, tmp_path
) -> Iterator[tuple[World, World, KubernetesServer]]:
    name = f"istiod-{uuid.uuid4().hex[:8]}"
    with KubernetesServer() as server:
        stand_in = World(Connection.of(server.write_kubeconfig(tmp_path / "kubeconfig")), name)
        real = World(kubernetes.admin, name)
        for world in (stand_in, real):
            for policy, spec in POLICIES.items():
                world.create(world.home, an("AuthorizationPolicy", policy, spec=spec))
            world.create(world.other, an("AuthorizationPolicy", "service", spec=POLICIES["service"]))
        yield real, stand_in, server
        for namespace in (real.home, real.other):
            for path in (
                ("security.istio.io/v1", "authorizationpolicies"),
                ("gateway.networking.k8s.io/v1", "gateways"),
            ):
                kubernetes.admin.send("DELETE", f"/apis/{path[0]}/namespaces/{namespace}/{path[1]}")
            kubernetes.admin.send("DELETE", f"/api/v1/namespaces/{namespace}")


def agree(real: World, stand_in: World) -> None:
    """Wait until istiod reports the same as the stand-in: it needs some time."""
    end = time.monotonic() + 20
    while real.reported() != stand_in.reported() and time.monotonic() < end:
        time.sleep(0.2)
    assert real.reported() == stand_in.reported()


def service(name: str = "app", **labels: str) -> dict[str, Any]:
    return an("Service", name, labels=labels or None, spec={"ports": [{"name": "http", "port": 80}]})


def gateway(routes_from: str = "All", **infrastructure: Any) -> dict[str, Any]:
    listener = {
        "name": "mesh",
        "port": 15008,
        "protocol": "HBONE",
        "allowedRoutes": {"namespaces": {"from": routes_from}},
    }
    spec = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
    if infrastructure:
        spec["infrastructure"] = infrastructure
    return an("Gateway", "w", labels={"istio.io/waypoint-for": "service"}, spec=spec)


def create_gateway(real: World, stand_in: World, routes_from: str = "All") -> None:
    for world in (real, stand_in):
        world.create(world.home, gateway(routes_from))


def test_from_nothing_to_waypoint_and_back(worlds: tuple[World, World, KubernetesServer]):
    real, stand_in, server = worlds
    agree(real, stand_in)

    for world in (real, stand_in):
        world.create(world.home, service())
    agree(real, stand_in)

    server.controllers.waypoints.pods_start = False
    create_gateway(real, stand_in)
    for world in (real, stand_in):
        world.label(f"/api/v1/namespaces/{world.home}/services/app", use_waypoint="w")
    agree(real, stand_in)

    server.controllers.waypoints.pods_start = True
    server.controllers.waypoints.start()
    with Waypoints(real.connection):
        agree(real, stand_in)
    assert real.reported()["/authorizationpolicies/service"][0]["message"] == "bound to HOME/w"

    for world in (real, stand_in):
        world.connection.must(
            "DELETE", f"/apis/gateway.networking.k8s.io/v1/namespaces/{world.home}/gateways/w"
        )
    agree(real, stand_in)

    for world in (real, stand_in):
        world.connection.must("DELETE", f"/api/v1/namespaces/{world.home}/services/app")
    agree(real, stand_in)


@pytest.mark.parametrize("routes_from", ["All", "Same"])
def test_waypoint_for_another_namespace(worlds: tuple[World, World, KubernetesServer], routes_from: str):
    real, stand_in, _ = worlds
    create_gateway(real, stand_in, routes_from)
    for world in (real, stand_in):
        world.create(world.other, service())
        path = f"/api/v1/namespaces/{world.other}"
        world.label(path, use_waypoint="w", use_waypoint_namespace=world.home)
    with Waypoints(real.connection):
        agree(real, stand_in)
    bound = real.reported()["-other/authorizationpolicies/service"][0]["status"]
    assert bound == ("True" if routes_from == "All" else "False")
    for world in (real, stand_in):
        world.label(f"/api/v1/namespaces/{world.other}/services/app", use_waypoint="none")
    agree(real, stand_in)


def test_changed_policy_is_judged_anew(worlds: tuple[World, World, KubernetesServer]):
    real, stand_in, _ = worlds
    agree(real, stand_in)
    for world in (real, stand_in):
        path = f"/apis/security.istio.io/v1/namespaces/{world.home}/authorizationpolicies"
        world.connection.must("PATCH", f"{path}/audit", {"spec": {"action": "ALLOW"}}, content_type=MERGE)
        world.connection.must(
            "PATCH",
            f"{path}/pods",
            {"metadata": {"annotations": {"istio.io/dry-run": "true"}}},
            content_type=MERGE,
        )
    agree(real, stand_in)


DEPLOYED = (
    ("v1", "serviceaccounts"),
    ("v1", "services"),
    ("apps/v1", "deployments"),
)


def deployed(world: World) -> dict[str, Any]:
    """Return the waypoint's objects, without those parts that only the real one runs."""
    found: dict[str, Any] = {}
    for version, plural in DEPLOYED:
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        answer = world.connection.send("GET", f"{base}/namespaces/{world.home}/{plural}/w")
        if answer.code == 200:
            found[plural] = essence(answer.json)
    return found


def essence(obj: dict[str, Any]) -> dict[str, Any]:
    metadata, spec = obj["metadata"], obj.get("spec", {})
    owners = [{**owner, "uid": "…"} for owner in metadata["ownerReferences"]]
    found = {"labels": metadata["labels"], "owners": owners, "selector": spec.get("selector")}
    if "template" in spec:
        template = spec["template"]
        ports = [(port["name"], port["containerPort"]) for port in template["spec"]["containers"][0]["ports"]]
        pods = template["metadata"]["labels"], template["spec"]["serviceAccountName"], sorted(ports)
        return {**found, "pods": pods}
    ports = [(port["name"], port["port"], port["appProtocol"]) for port in spec.get("ports", ())]
    return {**found, "ports": ports}


@pytest.mark.parametrize("infrastructure", [{}, {"labels": {"x": "y"}}])
def test_gateway_is_deployed_alike(
    worlds: tuple[World, World, KubernetesServer], infrastructure: dict[str, Any]
):
    real, stand_in, _ = worlds
    for world in (real, stand_in):
        world.create(world.home, gateway(**infrastructure))
    end = time.monotonic() + 20
    while len(deployed(real)) < len(DEPLOYED) and time.monotonic() < end:
        time.sleep(0.2)
    assert deployed(stand_in) == deployed(real)
