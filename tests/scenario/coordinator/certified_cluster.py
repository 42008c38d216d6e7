"""A cluster whose coordinator has a certificate of an authority with an intermediate one."""

import dataclasses
import functools
import json
import shutil

import ops
from charmlibs.interfaces.tls_certificates import PrivateKey
from ops import testing

from tests.scenario.coordinator.field_cluster import CONTAINERS, Cluster, again, local, published, store
from tests.support.authorities import CertificateAuthority

LABEL = "afd8c2bccf834997afce12c2706d2ede-private-key-0-certificates"


@functools.cache
def private_key() -> str:
    return str(PrivateKey.generate())


@dataclasses.dataclass
class CertifiedCluster:
    """Answers the requests of a coordinator."""

    cluster: Cluster
    root: CertificateAuthority
    issuer: CertificateAuthority
    state: testing.State

    @classmethod
    def started(cls, cluster: Cluster, *workers: testing.Relation) -> "CertifiedCluster":
        root = CertificateAuthority.root()
        secret = testing.Secret({"private-key": private_key()}, label=LABEL, owner="unit")
        certificates = testing.Relation("certificates", remote_app_name="ca")
        state = cluster.run(certificates, store(), *workers, secrets=[secret])
        return cls(cluster, root, root.intermediate("issuer"), state)

    @property
    def certificates(self) -> testing.Relation:
        (relation,) = self.state.get_relations("certificates")
        return local(self.state, relation)

    @property
    def requests(self) -> list[str]:
        requested = json.loads(self.certificates.local_unit_data["certificate_signing_requests"])
        return [each["certificate_signing_request"] for each in requested]

    def run(self, *relations: testing.Relation, without: testing.Relation | None = None) -> testing.State:
        """Run an update-status with some relations changed or removed."""
        others = {each.id: each for each in (*self.state.relations, *relations)}
        if without:
            del others[without.id]
        self.state = self.cluster.run(state=again(self.state, relations=frozenset(others.values())))
        return self.state

    def answer(self, **changed: object) -> testing.State:
        """Have the authority sign all that is requested."""
        signed = [{**self.signed(each), **changed} for each in self.requests]
        sent = {"certificates": json.dumps(signed)}
        return self.run(dataclasses.replace(self.certificates, remote_app_data=sent))

    def signed(self, request: str) -> dict[str, object]:
        return {
            "ca": self.root.pem,
            "chain": [self.root.pem, self.issuer.pem],
            "certificate_signing_request": request,
            "certificate": self.issuer.sign(request),
        }

    def refuse(self) -> testing.State:
        """Have the authority refuse all that is requested, and provide nothing else."""
        error = {"code": 102, "name": "DOMAIN_NOT_ALLOWED", "message": "domain not allowed"}
        refused = [{"csr": each, "error": error} for each in self.requests]
        sent = {"certificates": "[]", "request_errors": json.dumps(refused)}
        return self.run(dataclasses.replace(self.certificates, remote_app_data=sent))

    def replace_pod(self) -> testing.State:
        """Have Kubernetes replace the unit's pod, with which its files and its own records go."""
        for name in CONTAINERS:
            for folder in (name, f"{name}-share"):
                shutil.rmtree(self.cluster.files / folder, ignore_errors=True)
        containers = frozenset(self.cluster.containers())
        self.state = again(self.state, stored_states=frozenset(), containers=containers)
        return self.run()

    def change_leader(self) -> testing.State:
        """Have another unit be the leader, which has no certificate yet, nor the key of the former one."""
        certificates = dataclasses.replace(self.certificates, local_unit_data={})
        secrets = [each for each in self.state.secrets if "private-key" not in (each.latest_content or {})]
        others = {each for each in self.state.relations if each.id != certificates.id}
        self.state = again(
            self.state, relations=frozenset({certificates, *others}), secrets=frozenset(secrets)
        )
        return self.replace_pod()

    def published(self, worker: testing.Relation) -> dict:
        return published(self.state, worker)

    def key_of(self, worker: testing.Relation) -> str:
        """The private key that a worker application was granted."""
        secret_id = self.published(worker)["privkey_secret_id"]
        (secret,) = [each for each in self.state.secrets if each.id == secret_id]
        assert worker.remote_app_name in secret.remote_grants.get(worker.id, ())
        content = secret.latest_content
        assert content
        return content["private-key"]

    def file(self, path: str) -> str:
        return (self.cluster.files / path).read_text()

    @property
    def status(self) -> ops.StatusBase:
        return ops.StatusBase.from_name(self.state.unit_status.name, self.state.unit_status.message)
