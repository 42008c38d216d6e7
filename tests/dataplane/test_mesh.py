"""A mesh of real proxies allows the requests that the policies in Kubernetes allow, and no others."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from lightkube import Client, KubeConfig
from lightkube.models.core_v1 import Container, PodSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod, Service

from istio_policies import AuthorizationPolicy, Gateway
from k8s_charm import Owner
from mesh_inspection import LivePolicy, UnclearQuestionError, View, explain, read_cluster, read_question
from sandbox.kubernetes import KubernetesServer
from sandbox.mesh import Account, Addresses, Mesh, NoAddressesError

MODEL = "m"
IN_MESH = {"istio.io/dataplane-mode": "ambient"}
WAYPOINT = {"istio.io/use-waypoint": "w"}
WEB, SHOP, UNRELATED, OUTSIDE = (Account(MODEL, name) for name in ("web", "shop", "unrelated", "outside"))
PORT, OTHER_PORT = 8080, 9100


class Answer(BaseHTTPRequestHandler):
    """Answers every request with its method and path."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        # Not `path`, which http.server changes.
        body = self.requestline.rpartition(" ")[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = answer  # noqa: N815  # the names that http.server calls

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A cluster with four applications: one with a waypoint, one outside the mesh."""
    with KubernetesServer() as server:
        kubeconfig = server.write_kubeconfig(tmp_path_factory.mktemp("kube") / "config")
        client = Client(KubeConfig.from_file(kubeconfig), namespace=MODEL, field_manager="test")
        for namespace in (MODEL, "istio-system"):
            client.create(Namespace(metadata=ObjectMeta(name=namespace)))
        for account in (WEB, SHOP, UNRELATED, OUTSIDE):
            labels = {"app.kubernetes.io/name": account.name}
            metadata = ObjectMeta(
                name=f"{account.name}-0", labels=labels | (IN_MESH if account is not OUTSIDE else {})
            )
            spec = PodSpec(containers=[Container(name="c", image="i")], serviceAccountName=account.name)
            client.create(Pod(metadata=metadata, spec=spec))
            ports = [ServicePort(name=f"p{port}", port=port) for port in (PORT, OTHER_PORT)]
            metadata = ObjectMeta(name=account.name, labels=WAYPOINT if account is WEB else {})
            client.create(Service(metadata=metadata, spec=ServiceSpec(selector=labels, ports=ports)))
        listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
        gateway_spec = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
        client.create(Gateway(metadata=ObjectMeta(name="w"), spec=gateway_spec))
        yield client


@pytest.fixture(scope="module")
def mesh(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    addresses = Addresses()
    mesh = Mesh(client, tmp_path_factory.mktemp("mesh"), addresses)
    servers: list[ThreadingHTTPServer] = []
    with mesh:
        for pod in mesh.state.pods:
            if not pod.name.endswith("-0"):
                continue
            for port in (PORT, OTHER_PORT):
                server = ThreadingHTTPServer((mesh.inside(MODEL, pod.name), port), Answer)
                threading.Thread(target=server.serve_forever, daemon=True).start()
                servers.append(server)
        mesh.sync()
        yield mesh
        mesh.sync()
    for server in servers:
        server.shutdown()
        server.server_close()
    addresses.close()


@pytest.fixture
def policy(client: Client) -> Iterator[Callable[..., str]]:
    """Writes AuthorizationPolicies, and deletes them after the test."""
    written: list[tuple[str, str]] = []

    def write(spec: dict[str, Any], namespace: str = MODEL, *, dry_run: bool = False) -> str:
        name = f"policy-{len(written)}"
        annotations = {"istio.io/dry-run": "true"} if dry_run else {}
        metadata = ObjectMeta(name=name, namespace=namespace, annotations=annotations)
        client.create(AuthorizationPolicy(metadata=metadata, spec=spec))
        written.append((name, namespace))
        return name

    yield write
    for name, namespace in written:
        client.delete(AuthorizationPolicy, name, namespace=namespace)


def ask(
    mesh: Mesh, source: Account, name: str, method: str = "GET", path: str = "/", port: int = PORT
) -> int:
    """Return the status of the answer that an application gets at a host name; 0 if it gets none."""
    [address] = mesh.names(source)[f"{name}.{MODEL}.svc.cluster.local"]
    return ask_address(address, name, method, path, port)


def ask_address(address: str, host: str, method: str, path: str, port: int) -> int:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request(method, path, headers={"Host": host})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def allow(*accounts: Account, to: list[dict[str, Any]] | None = None, **target: Any) -> dict[str, Any]:
    rule: dict[str, Any] = {"from": [{"source": {"principals": [each.principal for each in accounts]}}]}
    if to is not None:
        rule["to"] = [{"operation": operation} for operation in to]
    return {"action": "ALLOW", "rules": [rule], **target}


SERVICE = {"targetRefs": [{"group": "", "kind": "Service", "name": "web"}]}
PODS = {"selector": {"matchLabels": {"app.kubernetes.io/name": "web"}}}
PODS_OF_UNRELATED = {"selector": {"matchLabels": {"app.kubernetes.io/name": "unrelated"}}}
NOTHING: dict[str, Any] = {}


def test_without_policy_all_traffic_passes_the_waypoint(mesh: Mesh):
    assert ask(mesh, SHOP, "web") == 200
    assert ask(mesh, OUTSIDE, "web") == 0


def test_an_application_policy_opens_exactly_its_requests(mesh: Mesh, policy: Callable[..., str]):
    policy(allow(SHOP, to=[{"ports": ["8080"], "methods": ["GET"], "paths": ["/kv/{*}"]}], **SERVICE))
    mesh.sync()
    wait_for(lambda: ask(mesh, UNRELATED, "web", path="/kv/a") == 403)
    assert ask(mesh, SHOP, "web", path="/kv/a") == 200
    assert ask(mesh, SHOP, "web", path="/kv/a?b=/c/d") == 200
    assert ask(mesh, SHOP, "web", path="/kv/a/b") == 403
    assert ask(mesh, SHOP, "web", path="/kv/../other") == 403
    assert ask(mesh, SHOP, "web", path="/other") == 403
    assert ask(mesh, SHOP, "web", "PUT", "/kv/a") == 403
    assert ask(mesh, SHOP, "web", path="/kv/a", port=OTHER_PORT) == 403


RAW_PATHS = (
    *("/a", "/a/", "//a", "/a//b", "/a/./b", "/a/../b", "/../a", "/a/..", "/a/.", "/a/.../b", "/a//../b"),
    *(
        "/a/%2e%2E/b",
        "/a/.%2e",
        "/a%2fb",
        "/a%5Cb",
        "/%61%5A%7e",
        "/a%20b",
        "/a%252e",
        "/a%",
        "/a%zz",
        "/%c3%a9",
    ),
    *(
        "/a/..;x/b",
        "/a/.;",
        "/a;x=1/b",
        "/a/%2e%2e;/b",
        "/a\\..\\b",
        "/\\a",
        "/a|b",
        "/a{b}",
        '/<"a">^`',
        "/[a]",
    ),
    *("/a?b=/../c", "/a%3Fb", "/a!$&'()*+,=:@b"),
    *("/a#b", "/a b", "/\u00e9"),
)


def test_explain_reads_paths_as_a_waypoint_does(mesh: Mesh, client: Client):
    cluster = read_cluster(client, source_namespace=MODEL, target_namespace=MODEL)
    [address] = mesh.names(SHOP)[f"web.{MODEL}.svc.cluster.local"]
    wait_for(lambda: ask(mesh, SHOP, "web", path="/a") == 200)
    for raw in RAW_PATHS:
        seen = forwarded_path(address, raw)
        try:
            requested = read_question({"source": "shop", "target": "web", "port": PORT, "path": raw}, MODEL)
        except UnclearQuestionError:
            assert seen is None, raw
            continue
        assert seen is not None, raw
        for path, verdict in ((seen.partition("?")[0], "allowed"), (f"{seen}x", "denied")):
            spec = allow(SHOP, to=[{"paths": [path]}], **SERVICE)
            closed = replace(cluster, policies=(LivePolicy(MODEL, "p", spec),))
            assert explain(requested, closed, View(Owner("beacon", MODEL), {})).verdict == verdict, (
                raw,
                path,
            )


def forwarded_path(address: str, raw: str) -> str | None:
    """Return the path with which a request arrives that was sent with another one; None if it does not
    arrive.
    """
    with socket.create_connection((address, PORT), timeout=5) as connection:
        connection.sendall(f"GET {raw} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.read().decode().removeprefix("GET ") if answer.status == 200 else None


def test_a_unit_policy_opens_exactly_its_ports(mesh: Mesh, policy: Callable[..., str]):
    policy(allow(SHOP, to=[{"ports": [str(OTHER_PORT)]}], **PODS))
    mesh.sync()
    [pod] = [pod for pod in mesh.state.pods if pod.name == "web-0"]
    at_pod = {account: mesh.address(account, pod) for account in (SHOP, UNRELATED, OUTSIDE)}
    wait_for(lambda: ask_address(at_pod[UNRELATED], "web", "GET", "/", OTHER_PORT) == 0)
    assert ask_address(at_pod[SHOP], "web", "DELETE", "/any", OTHER_PORT) == 200
    assert ask_address(at_pod[SHOP], "web", "GET", "/", PORT) == 0
    assert ask_address(at_pod[OUTSIDE], "web", "GET", "/", OTHER_PORT) == 0


def test_a_closed_pod_allows_its_waypoint(mesh: Mesh, policy: Callable[..., str]):
    policy(NOTHING, namespace="istio-system")
    mesh.sync()
    wait_for(lambda: ask(mesh, SHOP, "unrelated") == 0)
    assert ask(mesh, SHOP, "web") == 200


def test_a_hardened_mesh_is_closed_at_waypoints_too(mesh: Mesh, policy: Callable[..., str]):
    waypoints = {
        "targetRefs": [
            {"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}
        ]
    }
    policy(waypoints, namespace="istio-system")
    mesh.sync()
    wait_for(lambda: ask(mesh, SHOP, "web") == 403)


def test_what_a_selector_can_not_see_allows_nothing(mesh: Mesh, policy: Callable[..., str]):
    policy(
        allow(SHOP, to=[{"paths": ["/"]}], selector={"matchLabels": {"app.kubernetes.io/name": "unrelated"}})
    )
    mesh.sync()
    wait_for(lambda: ask(mesh, SHOP, "unrelated") == 0)


def test_waypoint_logs_what_an_audited_policy_would_deny(mesh: Mesh, policy: Callable[..., str]):
    policy(allow(SHOP, **SERVICE), dry_run=True)
    mesh.sync()
    [waypoint] = mesh.state.waypoints
    before = mesh.recorded(waypoint)
    wait_for(lambda: ask(mesh, SHOP, "web") == 200 and mesh.recorded(waypoint) > before)
    before = mesh.recorded(waypoint)
    assert [ask(mesh, source, "web") for source in (SHOP, UNRELATED, UNRELATED)] == [200, 200, 200]
    after = mesh.recorded(waypoint)
    assert (after.allowed - before.allowed, after.denied - before.denied) == (1, 2)


def test_audited_deny_is_logged_beside_an_enforced_policy(mesh: Mesh, policy: Callable[..., str]):
    policy(allow(SHOP, WEB, **SERVICE))
    policy({**allow(SHOP, **SERVICE), "action": "DENY"}, dry_run=True)
    mesh.sync()
    [waypoint] = mesh.state.waypoints
    wait_for(lambda: ask(mesh, UNRELATED, "web") == 403)
    before = mesh.recorded(waypoint)
    assert [ask(mesh, source, "web") for source in (SHOP, UNRELATED, WEB)] == [200, 403, 200]
    after = mesh.recorded(waypoint)
    # A request that an enforced policy denies does not reach those in audit mode.
    assert (after.allowed - before.allowed, after.denied - before.denied) == (1, 1)


def test_audited_policy_allows_nothing_in_a_hardened_mesh(mesh: Mesh, policy: Callable[..., str]):
    waypoints = {"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}
    policy({"targetRefs": [waypoints]}, namespace="istio-system")
    policy(allow(SHOP, **SERVICE), dry_run=True)
    mesh.sync()
    wait_for(lambda: ask(mesh, SHOP, "web") == 403)


def test_dry_run_policy_is_ignored_at_pods(mesh: Mesh, policy: Callable[..., str]):
    policy(allow(SHOP, **PODS_OF_UNRELATED), dry_run=True)
    mesh.sync()
    assert [ask(mesh, source, "unrelated") for source in (SHOP, WEB, OUTSIDE)] == [200, 200, 200]


def test_removed_policy_also_denies_open_connections(mesh: Mesh, client: Client, policy: Callable[..., str]):
    policy(NOTHING, namespace="istio-system")
    name = "short-lived"
    spec = allow(SHOP, **PODS_OF_UNRELATED)
    [address] = mesh.names(SHOP)[f"unrelated.{MODEL}.svc.cluster.local"]

    def seconds_to_shut() -> float:
        client.create(AuthorizationPolicy(metadata=ObjectMeta(name=name), spec=spec))
        wait_for(lambda: ask(mesh, SHOP, "unrelated") == 200 and ask(mesh, WEB, "unrelated") == 0)
        with socket.create_connection((address, PORT), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            client.delete(AuthorizationPolicy, name)
            started = time.monotonic()
            wait_for(lambda: ask(mesh, SHOP, "unrelated") == 0)
            taken = time.monotonic() - started
            wait_for(lambda: closed(connection))
        return taken

    # Of several attempts, since the machine may be busy.
    assert any(seconds_to_shut() < 1 for _ in range(5))


def test_program_that_occupies_a_port_is_named(tmp_path: Path):
    addresses = Addresses()
    with KubernetesServer() as server, socket.socket() as program:
        program.bind(("", 0))
        program.listen()
        port = program.getsockname()[1]
        kubeconfig = server.write_kubeconfig(tmp_path / "config")
        client = Client(KubeConfig.from_file(kubeconfig), namespace=MODEL, field_manager="test")
        client.create(Namespace(metadata=ObjectMeta(name=MODEL)))
        spec = ServiceSpec(selector={"app": "web"}, ports=[ServicePort(port=port)])
        client.create(Service(metadata=ObjectMeta(name="web"), spec=spec))
        mesh = Mesh(client, tmp_path, addresses)
        with pytest.raises(NoAddressesError, match=f"^m/web needs port {port}, "), mesh:
            pass
    addresses.close()


def closed(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        return connection.recv(4096) == b""
    except OSError:
        return True


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.02)
