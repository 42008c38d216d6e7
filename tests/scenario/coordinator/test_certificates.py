"""The names, the chain and the key of the cluster's certificate."""

import dataclasses
import json
from importlib.metadata import version

import ops
import pytest
from cryptography import x509
from ops import testing

from tests.scenario.coordinator.certified_cluster import CertifiedCluster
from tests.scenario.coordinator.field_cluster import HOST, SERVICE, Cluster, address, local, workers
from tests.support.authorities import handshake
from tests.support.juju_tools import refuse_tools


def says(worker: testing.Relation, address: str) -> testing.Relation:
    """A worker application whose first unit publishes this address."""
    data = {**worker.remote_units_data[0], "address": json.dumps(address)}
    return dataclasses.replace(worker, remote_units_data={**worker.remote_units_data, 0: data})


def names(request: str) -> set[str]:
    requested = x509.load_pem_x509_csr(request.encode())
    extension = requested.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = map(str, extension.get_values_for_type(x509.IPAddress))
    return {*extension.get_values_for_type(x509.DNSName), *addresses}


TLS_KEYS = ("server_cert", "ca_cert", "privkey_secret_id")


def tls(certified: CertifiedCluster, worker: testing.Relation) -> list[str]:
    """Return the certificate's data for a worker application."""
    return [certified.published(worker)[key] for key in TLS_KEYS]


NOT_ITS_OWN = [
    "vault.vault.svc.cluster.local",
    "kubernetes.default.svc",
    "example.com",
    "10.152.183.1",
    "fd00::1",
    address("worker", 1),
    address("other", 0),
    "worker-0.worker-endpoints.vault.svc.cluster.local",
    "worker-0.worker-endpoints.m.svc.example.com",
    "worker-0.worker-endpoints.m.svc.cluster.local.example.com",
    "worker-endpoints.m.svc.cluster.local",
    "worker.m.svc.cluster.local",
    "worker-0",
    "worker-0.worker-endpoints.m.svc",
    "worker-00.worker-endpoints.m.svc.cluster.local",
    "WORKER-0.worker-endpoints.m.svc.cluster.local",
    "evil.worker-0.worker-endpoints.m.svc.cluster.local",
    "xn--worker-0-gva.worker-endpoints.m.svc.cluster.local",
    f"{'x' * 63}.worker-endpoints.m.svc.cluster.local",
    "vault.vault.svc.cluster.local:443",
]

NO_NAME = [
    *("", "*", "*.m.svc.cluster.local", "[fd00::1]", "fe80::1%eth0", "x" * 64),
    *(f"{address('worker', 0)}{end}" for end in (".", "\n", "\x00", " ", "/", ",vault.vault")),
]


class TestNames:
    @pytest.mark.parametrize("published_address", NOT_ITS_OWN)
    def test_not_the_workers_own(self, published_address: str, cluster: Cluster):
        certified = CertifiedCluster.started(cluster, says(workers(), published_address), workers("good"))
        assert [names(each) for each in certified.requests] == [{HOST, SERVICE, address("good", 0)}]
        certified.answer()
        assert certified.status.name == "active"
        assert "certificate does not include worker/0" in certified.status.message

    @pytest.mark.parametrize("published_address", NO_NAME)
    def test_no_name(self, published_address: str, cluster: Cluster):
        certified = CertifiedCluster.started(cluster, says(workers(), published_address), workers("good"))
        assert [names(each) for each in certified.requests] == [{HOST, SERVICE, address("good", 0)}]
        certified.answer()
        assert "ignored worker/0: address: neither" in certified.status.message

    def test_its_own_with_a_port(self, cluster: Cluster):
        certified = CertifiedCluster.started(cluster, says(workers(), f"{address('worker', 0)}:8080"))
        assert [names(each) for each in certified.requests] == [{HOST, SERVICE, address("worker", 0)}]

    def test_its_own(self, cluster: Cluster):
        certified = CertifiedCluster.started(cluster, workers(units=2))
        assert [names(each) for each in certified.requests] == [
            {HOST, SERVICE, address("worker", 0), address("worker", 1)}
        ]
        certified.answer()
        assert certified.status.message == ""

    def test_of_another_model(self, cluster: Cluster):
        consumed = dataclasses.replace(workers(), remote_model_uuid="5f7c1b1f-0a3c-4c55-9a5e-0d6c6a0f1a11")
        certified = CertifiedCluster.started(cluster, consumed)
        assert [names(each) for each in certified.requests] == [{HOST, SERVICE}]

    def test_without_the_relation(self, cluster: Cluster):
        state = cluster.run(says(workers(), "10.1.2.3"))
        assert "certificate" not in state.unit_status.message


class TestRefusal:
    @pytest.fixture
    def certified(self, cluster: Cluster) -> CertifiedCluster:
        certified = CertifiedCluster.started(cluster, workers())
        certified.answer()
        return certified

    def test_keeps_the_certificate_of_others(self, certified: CertifiedCluster):
        (worker,) = certified.state.get_relations("field-cluster")
        before, certificate = tls(certified, worker), certified.file("nginx/nginx/certs/server.cert")
        certified.run(workers("more"))
        certified.refuse()
        assert tls(certified, worker) == before
        assert certified.file("nginx/nginx/certs/server.cert") == certificate
        assert "ssl" in certified.file("nginx/nginx/nginx.conf")
        assert certified.status.name == "blocked"
        assert "ca rejected the certificate request: domain not allowed" in certified.status.message

    def test_waiting_keeps_the_certificate_of_others(self, certified: CertifiedCluster):
        (worker,) = certified.state.get_relations("field-cluster")
        before = tls(certified, worker)
        certified.run(workers("more"), dataclasses.replace(certified.certificates, remote_app_data={}))
        assert tls(certified, worker) == before

    @pytest.mark.parametrize("refused", [True, False], ids=["refused", "waiting"])
    def test_outlasts_the_pod(self, certified: CertifiedCluster, refused: bool):
        (worker,) = certified.state.get_relations("field-cluster")
        before, certificate = tls(certified, worker), certified.file("nginx/nginx/certs/server.cert")
        certified.run(workers("more"))
        if refused:
            certified.refuse()
        else:
            certified.run(dataclasses.replace(certified.certificates, remote_app_data={}))
        for _ in range(2):
            certified.replace_pod()
            assert tls(certified, worker) == before
            assert certified.file("nginx/nginx/certs/server.cert") == certificate
            assert "ssl" in certified.file("nginx/nginx/nginx.conf")

    @pytest.mark.parametrize("refused", [True, False], ids=["refused", "waiting"])
    def test_of_another_leader_keeps_the_certificate_of_workers(
        self, certified: CertifiedCluster, refused: bool
    ):
        (worker,) = certified.state.get_relations("field-cluster")
        before = certified.published(worker)
        certified.change_leader()
        if refused:
            certified.refuse()
        assert certified.published(worker) == before
        assert certified.status.name == ("blocked" if refused else "waiting")
        certified.answer()
        assert certified.status.name == "active"
        assert certified.published(worker).keys() == before.keys()
        assert tls(certified, worker) != [before[key] for key in TLS_KEYS]
        assert certified.key_of(worker) == certified.file("nginx/nginx/certs/server.key")

    def test_outlasts_no_withdrawal(self, certified: CertifiedCluster):
        (worker,) = certified.state.get_relations("field-cluster")
        certified.run(dataclasses.replace(certified.certificates, remote_app_data={}))
        certified.replace_pod()
        assert "server_cert" not in certified.published(worker)
        assert "ssl" not in certified.file("nginx/nginx/nginx.conf")

    def test_of_a_renewal(self, certified: CertifiedCluster):
        (worker,) = certified.state.get_relations("field-cluster")
        before = tls(certified, worker)
        certified.refuse()
        assert tls(certified, worker) == before

    def test_of_the_first(self, cluster: Cluster):
        certified = CertifiedCluster.started(cluster, worker := workers())
        certified.refuse()
        assert "server_cert" not in certified.published(worker)
        assert certified.status.name == "blocked"


class TestChain:
    @pytest.mark.parametrize("chain", ["as sent", "with leaf", "leaf last", "empty"])
    def test_is_served(self, chain: str, cluster: Cluster):
        certified = CertifiedCluster.started(cluster, worker := workers())
        sent = certified.signed(certified.requests[0])
        leaf, root, issuer = str(sent["certificate"]), certified.root.pem, certified.issuer.pem
        chains = {
            "as sent": (root, [root, issuer]),
            "with leaf": (root, [leaf, issuer, root]),
            "leaf last": (issuer, [root, issuer, leaf]),
            "empty": (f"{root}\n{issuer}", []),
        }
        ca, others = chains[chain]
        certified.answer(certificate=leaf, ca=ca, chain=others)
        served = f"{leaf}\n{issuer}"
        assert certified.published(worker)["server_cert"] == served
        assert certified.published(worker)["ca_cert"] == root
        assert certified.file("nginx/nginx/certs/server.cert") == served
        assert certified.file("nginx-prometheus-exporter/exporter/certs/server.crt") == served
        handshake(served, certified.key_of(worker), root, address("worker", 0))


@pytest.mark.skipif(
    version("ops-scenario").startswith("7."),
    reason="ops-scenario 7 does not return the description of a secret, where its holders are; Juju does",
)
class TestKey:
    def test_is_new_when_a_unit_that_had_it_leaves(self, cluster: Cluster):
        certified = CertifiedCluster.started(cluster, worker := workers(units=2))
        certified.answer()
        former = certified.key_of(worker)
        one = dataclasses.replace(
            local(certified.state, worker), remote_units_data=workers().remote_units_data
        )
        certified.run(one)
        # until there is a certificate for the new key
        assert certified.key_of(worker) == former
        certified.answer()
        assert certified.key_of(worker) != former
        assert certified.file("nginx/nginx/certs/server.key") == certified.key_of(worker)

    def test_former_one_outlasts_the_pod(self, cluster: Cluster):
        certified = CertifiedCluster.started(cluster, stays := workers(), leaves := workers("leaver"))
        certified.answer()
        former, before = certified.key_of(stays), tls(certified, stays)
        certified.run(without=leaves)
        certified.run(dataclasses.replace(certified.certificates, remote_app_data={}))
        certified.replace_pod()
        assert tls(certified, stays) == before
        assert certified.file("nginx/nginx/certs/server.key") == former
        certified.answer()
        assert certified.key_of(stays) != former

    def test_is_new_when_an_application_that_had_it_leaves(self, cluster: Cluster):
        certified = CertifiedCluster.started(cluster, stays := workers(), leaves := workers("leaver"))
        certified.answer()
        former, before = certified.key_of(stays), certified.published(stays)
        (request,) = certified.requests

        certified.run(without=leaves)
        assert [each == request for each in certified.requests] == [False]
        for text in certified.requests:
            key = x509.load_pem_x509_csr(text.encode()).public_key()
            assert key != x509.load_pem_x509_csr(request.encode()).public_key()

        # until there is a certificate for the new key, the old one stays in use
        certified.run(dataclasses.replace(certified.certificates, remote_app_data={}))
        assert certified.published(stays)["server_cert"] == before["server_cert"]
        assert certified.key_of(stays) == former
        assert certified.file("nginx/nginx/certs/server.key") == former

        certified.answer()
        renewed = certified.key_of(stays)
        assert renewed != former
        assert certified.file("nginx/nginx/certs/server.key") == renewed
        keys = [each for each in certified.state.secrets if "private-key" in (each.latest_content or {})]
        assert [each.latest_content for each in keys] == [{"private-key": renewed}]
        handshake(
            certified.published(stays)["server_cert"], renewed, certified.root.pem, address("worker", 0)
        )

    def test_stays_while_all_stay(self, cluster: Cluster):
        certified = CertifiedCluster.started(cluster, worker := workers())
        certified.answer()
        key = certified.key_of(worker)
        joined = dataclasses.replace(
            local(certified.state, worker), remote_units_data=workers(units=2).remote_units_data
        )
        certified.run(joined, workers("another"))
        certified.answer()
        assert certified.key_of(worker) == key

    @pytest.mark.parametrize("tool", ["secret_get", "secret_info_get"])
    def test_stays_while_jujus_secrets_are_down(
        self, tool: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ):
        certified = CertifiedCluster.started(cluster, worker := workers())
        certified.answer()
        before, file = tls(certified, worker), certified.file("nginx/nginx/certs/server.key")
        refuse_tools(monkeypatch, tool)
        certified.run()
        assert tls(certified, worker) == before
        assert certified.file("nginx/nginx/certs/server.key") == file
        assert certified.status.name == "blocked"
        assert "cannot read the private key from Juju: ERROR permission denied" in certified.status.message

    def test_goes_with_the_certificates(self, cluster: Cluster):
        certified = CertifiedCluster.started(cluster, workers(), leaves := workers("leaver"))
        certified.answer()
        certified.run(without=leaves)
        context = cluster.context
        state = context.run(context.on.relation_broken(certified.certificates), certified.state)
        assert not [each for each in state.secrets if "private-key" in (each.latest_content or {})]

    def test_is_read_once_a_hook(self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
        certified = CertifiedCluster.started(cluster, workers())
        certified.answer()
        read: list[str] = []
        find = ops.Model.get_secret

        def get_secret(model: ops.Model, **by: str) -> ops.Secret:
            if "id" in by:  # the certificates library reads by label
                read.append(by["id"])
            return find(model, **by)

        monkeypatch.setattr(ops.Model, "get_secret", get_secret)
        certified.run()
        assert len(read) == 1
