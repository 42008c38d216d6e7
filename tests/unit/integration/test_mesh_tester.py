"""The charm with which integration tests make requests, in a model of the sandbox."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig

from sandbox.juju import Controller, Model
from sandbox.kubernetes import KubernetesServer
from tests.support.deployed.cluster import Cluster

REPOSITORY = Path(__file__).parents[3]
TESTER = REPOSITORY / "tests/integration/testers/mesh-tester-k8s"
NOBODY = "http://127.0.0.1:1/"


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[KubernetesServer]:
    with KubernetesServer() as kubernetes:
        yield kubernetes


@pytest.fixture(scope="module")
def model(kubernetes: KubernetesServer) -> Iterator[Model]:
    with Controller(kubernetes) as juju:
        model = juju.add_model("shop")
        model.deploy(REPOSITORY / "charms/istio-beacon-k8s", "beacon")
        for app in ("server", "client", "unrelated"):
            model.deploy(TESTER, app)
            model.integrate(f"{app}:service-mesh", "beacon:service-mesh")
        model.integrate("client:visits", "server:web")
        model.settle()
        yield model


@pytest.fixture
def cluster(kubernetes: KubernetesServer, model: Model, tmp_path: Path) -> Cluster:
    config = KubeConfig.from_file(str(kubernetes.write_kubeconfig(tmp_path / "kubeconfig")))
    return Cluster(Client(config, trust_env=False), model.name)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The pages of a tester, as the web server of its image serves them."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open/index.html").write_text("open")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_tester_allows_related_applications(model: Model, cluster: Cluster):
    assert cluster.allows("client", "server")
    assert not cluster.allows("unrelated", "server")


def test_tester_serves_its_pages_on_both_ports(model: Model):
    container = model.unit("server/0").containers["web"]
    commands = [service.command for service in container.plan.services.values()]
    assert all("--directory /srv/tester" in command for command in commands)
    assert sorted(command.split()[3] for command in commands) == ["8080", "9100"]


def test_request_brings_its_answer(model: Model, url: str):
    results = model.run("client/0", "fetch", {"url": f"{url}/open"}).results
    assert results == {"code": "200", "body": "open"}


def test_request_that_server_does_not_want_is_answered_too(model: Model, url: str):
    assert model.run("client/0", "fetch", {"url": f"{url}/closed"}).results["code"] == "404"
    posted = model.run("client/0", "fetch", {"url": f"{url}/open", "method": "POST", "body": "x"})
    assert posted.results["code"] == "501"


def test_failed_request_is_result_of_action(model: Model):
    result = model.run("client/0", "fetch", {"url": NOBODY})
    assert result.failure is None
    assert result.results.keys() == {"error"}
