"""The coordinator's certificate, and its effects."""

import dataclasses
import json
import sys
from datetime import datetime, timedelta, tzinfo

import pytest
from charmlibs.interfaces.tls_certificates import (
    Certificate,
    CertificateRequestAttributes,
    CertificateSigningRequest,
    PrivateKey,
    TLSCertificatesRequiresV4,
)
from ops import testing

from tests.scenario.coordinator.field_cluster import (
    HOST,
    SERVICE,
    Cluster,
    address,
    again,
    local,
    loki,
    mesh,
    published,
    store,
    workers,
)
from tests.support import promtool
from tests.support.broken_certificates import broken_certificate


@dataclasses.dataclass
class Authority:
    """One that signs certificates."""

    key: PrivateKey
    certificate: Certificate

    def answer(self, relation: testing.Relation, *, is_ca: bool = False, **sent: object) -> testing.Relation:
        """Return the relation with every request signed."""
        requested = json.loads(relation.local_unit_data["certificate_signing_requests"])
        signed = [{**self._signed(one["certificate_signing_request"], is_ca), **sent} for one in requested]
        return dataclasses.replace(relation, remote_app_data={"certificates": json.dumps(signed)})

    def _signed(self, text: str, is_ca: bool) -> dict[str, object]:
        request = CertificateSigningRequest.from_string(text)
        certificate = Certificate.generate(
            request, self.certificate, self.key, timedelta(days=30), is_ca=is_ca
        )
        return {
            "ca": str(self.certificate),
            "chain": [str(certificate), str(self.certificate)],
            "certificate_signing_request": text,
            "certificate": str(certificate),
        }


@pytest.fixture(scope="module")
def authority() -> Authority:
    key = PrivateKey.generate()
    attributes = CertificateRequestAttributes(common_name="ca", is_ca=True)
    return Authority(key, Certificate.generate_self_signed_ca(attributes, key, timedelta(days=365)))


@pytest.fixture(scope="module")
def key_secret() -> testing.Secret:
    """A key in place of the unit's own, which takes long to make."""
    label = "afd8c2bccf834997afce12c2706d2ede-private-key-0-certificates"
    return testing.Secret({"private-key": str(PrivateKey.generate())}, label=label, owner="unit")


@dataclasses.dataclass
class Secured:
    """A cluster after it was given its certificate."""

    cluster: Cluster
    authority: Authority
    requested: testing.State
    certificates: testing.Relation
    workers: testing.Relation
    given: testing.State

    def next(self, *relations: testing.RelationBase, **changes) -> testing.State:
        """Return the state after a hook of the coordinator with other relations."""
        others = {one.id: one for one in (*self.given.relations, *relations)}
        state = again(self.given, relations=frozenset(others.values()), **changes)
        return self.cluster.run(state=state)


@pytest.fixture
def secured(cluster: Cluster, authority: Authority, key_secret: testing.Secret) -> Secured:
    certificates, worker = testing.Relation("certificates", remote_app_name="ca"), workers()
    requested = cluster.run(certificates, worker, store(), loki(), secrets=[key_secret])
    answered = authority.answer(local(requested, certificates))
    others = {one for one in requested.relations if one.id != certificates.id}
    given = cluster.run(state=again(requested, relations={*others, answered}))
    return Secured(cluster, authority, requested, answered, worker, given)


def certified(state: testing.State, secured: Secured) -> set[str]:
    """The names that the workers' certificate is for."""
    certificate = Certificate.from_string(published(state, secured.workers)["server_cert"])
    return set(certificate.sans_dns or ())


def test_certificate_is_requested_for_the_whole_cluster(secured: Secured):
    (request,) = json.loads(
        local(secured.requested, secured.certificates).local_unit_data["certificate_signing_requests"]
    )
    names = CertificateSigningRequest.from_string(request["certificate_signing_request"]).sans_dns
    assert names == {HOST, SERVICE, address("worker", 0)}


def test_published_address_is_not_certified(cluster: Cluster, key_secret: testing.Secret):
    worker, certificates = workers(), testing.Relation("certificates")
    worker.remote_units_data[0]["address"] = json.dumps("10.1.2.3")
    state = cluster.run(certificates, worker, secrets=[key_secret])
    (text,) = json.loads(local(state, certificates).local_unit_data["certificate_signing_requests"])
    request = CertificateSigningRequest.from_string(text["certificate_signing_request"])
    assert not request.sans_ip
    assert request.sans_dns == {HOST, SERVICE}


def test_without_certificate_cluster_speaks_plain_http(secured: Secured):
    sent = published(secured.requested, secured.workers)
    assert "server_cert" not in sent
    assert "privkey_secret_id" not in sent
    assert sent["loki_endpoints"]["loki/0"].startswith("http://")


def test_workers_get_certificate_and_may_read_its_key(secured: Secured):
    sent = published(secured.given, secured.workers)
    assert sent["ca_cert"] == str(secured.authority.certificate)
    assert HOST in certified(secured.given, secured)
    (key,) = [one for one in secured.given.secrets if one.id == sent["privkey_secret_id"]]
    assert key.latest_content is not None
    assert "private-key" in key.latest_content
    assert key.remote_grants[secured.workers.id] == {"worker"}


def test_key_itself_is_in_no_databag(secured: Secured):
    (key,) = [one for one in secured.given.secrets if "private-key" in one.tracked_content]
    body = key.tracked_content["private-key"].splitlines()[1]
    for relation in secured.given.relations:
        assert body not in json.dumps(relation.local_unit_data)
        assert body not in json.dumps(getattr(relation, "local_app_data", {}))


def test_proxy_speaks_tls_once_there_is_certificate(secured: Secured):
    assert published(secured.given, secured.workers)["loki_endpoints"]["loki/0"].startswith(
        f"https://{SERVICE}:3300/"
    )
    scraper = testing.Relation("metrics-endpoint")
    state = secured.next(scraper)
    jobs = published(state, scraper)["scrape_jobs"]
    assert {job["scheme"] for job in jobs} == {"https"}


def test_nginx_speaks_tls_once_there_is_certificate(secured: Secured):
    folder = secured.cluster.files / "nginx/nginx"
    assert "ssl" in (folder / "nginx.conf").read_text()
    assert (folder / "certs/server.key").exists()


def test_in_mesh_cluster_speaks_plain_http(secured: Secured):
    """ztunnel encrypts there, and a waypoint closes TLS connections if a policy names methods or paths."""
    scraper, beacon = testing.Relation("metrics-endpoint"), mesh()
    state = secured.next(scraper, beacon)
    sent = published(state, secured.workers)
    assert not {"server_cert", "ca_cert", "privkey_secret_id"} & sent.keys()
    assert sent["loki_endpoints"]["loki/0"].startswith(f"http://{SERVICE}:3300/")
    assert {job["scheme"] for job in published(state, scraper)["scrape_jobs"]} == {"http"}
    assert " ssl" not in (secured.cluster.files / "nginx/nginx/nginx.conf").read_text()
    left = {each for each in state.relations if each.id != beacon.id}
    assert "server_cert" in published(
        secured.cluster.run(state=again(state, relations=left)), secured.workers
    )


@pytest.mark.parametrize("invalid", [{"labels": '{"a b": "c"}'}, {"mesh_type": "nonsense"}], ids=str)
def test_beacon_that_writes_nonsense_switches_no_tls_off(secured: Secured, invalid: dict[str, str]):
    beacon = testing.Relation("service-mesh", remote_app_name="beacon", remote_app_data=invalid)
    state = secured.next(beacon)
    assert "server_cert" in published(state, secured.workers)
    assert " ssl" in (secured.cluster.files / "nginx/nginx/nginx.conf").read_text()


def test_old_certificate_serves_until_new_one_has_all_workers(secured: Secured):
    more = dataclasses.replace(secured.workers, remote_units_data=workers(units=2).remote_units_data)
    more = dataclasses.replace(more, local_app_data=local(secured.given, secured.workers).local_app_data)
    waiting = secured.next(more)
    assert (
        published(waiting, secured.workers)["server_cert"]
        == published(secured.given, secured.workers)["server_cert"]
    )

    answered = secured.authority.answer(local(waiting, secured.certificates))
    others = {one for one in waiting.relations if one.id != answered.id}
    renewed = secured.cluster.run(state=again(waiting, relations={*others, answered}))
    assert certified(renewed, secured) == {HOST, SERVICE, address("worker", 0), address("worker", 1)}


def test_certificate_that_was_taken_back_is_used_no_longer(secured: Secured):
    state = secured.next(dataclasses.replace(secured.certificates, remote_app_data={}))
    assert "server_cert" not in published(state, secured.workers)
    assert "privkey_secret_id" not in published(state, secured.workers)


@pytest.mark.parametrize("how", [{"revoked": True}, {"is_ca": True}])
def test_revoked_and_ca_certificates_are_not_used(secured: Secured, how: dict):
    state = secured.next(secured.authority.answer(secured.certificates, **how))
    assert "server_cert" not in published(state, secured.workers)


def test_certificate_of_another_key_is_not_used(secured: Secured):
    key = PrivateKey.generate()
    attributes = CertificateRequestAttributes(common_name="field", sans_dns=[HOST])
    request = CertificateSigningRequest.generate(attributes, key)
    ca, ca_key = secured.authority.certificate, secured.authority.key
    other = str(Certificate.generate(request, ca, ca_key, timedelta(days=30)))
    state = secured.next(secured.authority.answer(secured.certificates, certificate=other))
    assert "server_cert" not in published(state, secured.workers)


@pytest.mark.skipif(
    not hasattr(TLSCertificatesRequiresV4, "_remove_certificate_secrets_for_relation"),
    reason="this release of the library leaves its secrets behind",
)
def test_key_goes_with_relation(secured: Secured):
    context = secured.cluster.context
    state = context.run(context.on.relation_broken(local(secured.given, secured.certificates)), secured.given)
    assert not [one for one in state.secrets if "private-key" in one.tracked_content]


def test_removed_certificates_relation_means_plain_http(secured: Secured):
    context = secured.cluster.context
    certificates = local(secured.given, secured.certificates)
    state = context.run(context.on.relation_broken(certificates), secured.given)
    assert "server_cert" not in published(state, secured.workers)
    assert "privkey_secret_id" not in published(state, secured.workers)


def test_hook_in_which_nothing_changed_changes_nothing(secured: Secured):
    for leader in (True, False):
        again_given = secured.next(leader=leader)
        assert {one.id: one.local_app_data for one in again_given.relations} == {
            one.id: one.local_app_data for one in secured.given.relations
        }


@pytest.mark.parametrize("days", [-2, 29, 31])
def test_clock_jump_keeps_certificate(days: int, secured: Secured, monkeypatch: pytest.MonkeyPatch):
    """Before its start, when it is to be renewed, and after its end: an old one is better than none."""

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=days)

    monkeypatch.setattr(sys.modules[TLSCertificatesRequiresV4.__module__], "datetime", Jumped)
    state = secured.next()
    assert published(state, secured.workers) == published(secured.given, secured.workers)
    assert state.unit_status == secured.given.unit_status
    requested = "certificate_signing_requests"
    before, after = (local(one, secured.certificates).local_unit_data for one in (secured.given, state))
    # older releases of the library renew by the secret's end alone
    is_renewed = days == 29 and hasattr(TLSCertificatesRequiresV4, "_renew_expiring_certificates")
    assert (before[requested] != after[requested]) == is_renewed


def certificate_rules(state: testing.State, scraper: testing.Relation) -> dict:
    groups = published(state, scraper)["alert_rules"]["groups"]
    return {"groups": [group for group in groups if "certificate" in group["name"]]}


@promtool.needed
def test_expiring_certificate_is_reported(secured: Secured):
    scraper = testing.Relation("metrics-endpoint")
    rules = certificate_rules(secured.next(scraper), scraper)
    assert promtool.complaint(rules) == ""
    certificate = Certificate.from_string(published(secured.given, secured.workers)["server_cert"])
    half_a_day = 12 * 60
    last_look = int(certificate.expiry_time.timestamp()) // 60 // half_a_day * half_a_day
    # It is renewed at the latest when three of its thirty days are left.
    two_days_before = last_look - 4 * half_a_day
    assert promtool.alert_differences(rules, {}, minutes=two_days_before, fires={}, step=half_a_day) == ""
    fires = {"CoordinatorCertificateNearItsEnd": 1}
    assert promtool.alert_differences(rules, {}, minutes=last_look, fires=fires, step=half_a_day) == ""


def test_without_certificate_there_is_none_to_watch(cluster: Cluster):
    scraper = testing.Relation("metrics-endpoint")
    assert certificate_rules(cluster.run(scraper, store()), scraper) == {"groups": []}


@pytest.mark.parametrize(
    "nonsense", ["{", "[" * 100_000, '[{"certificate": "x"}]', "none", '{"certificates": []}'], ids=range(5)
)
def test_authority_that_writes_nonsense_switches_nothing_off(nonsense: str, secured: Secured):
    related = local(secured.given, secured.certificates)
    state = secured.next(dataclasses.replace(related, remote_app_data={"certificates": nonsense}))
    assert published(state, secured.workers) == published(secured.given, secured.workers)
    assert "ssl" in (secured.cluster.files / "nginx/nginx/nginx.conf").read_text()
    assert state.unit_status.name == "blocked"
    assert "certificates" in state.unit_status.message


@pytest.mark.parametrize("extension", ["2.5.29.19", "2.5.29.17"], ids=["constraints", "names"])
def test_authority_without_valid_certificate_switches_nothing_off(extension: str, secured: Secured):
    related = local(secured.given, secured.certificates)
    (answer,) = json.loads(related.remote_app_data["certificates"])
    sent = {"certificates": json.dumps([{**answer, "certificate": broken_certificate(extension)}])}
    state = secured.next(dataclasses.replace(related, remote_app_data=sent))
    assert published(state, secured.workers) == published(secured.given, secured.workers)
    assert "certificates[0]" in state.unit_status.message


def test_authority_that_sends_valid_data_again_is_used(secured: Secured):
    related = local(secured.given, secured.certificates)
    broken = secured.next(dataclasses.replace(related, remote_app_data={"certificates": "{"}))
    mended = dataclasses.replace(local(broken, related), remote_app_data=related.remote_app_data)
    state = secured.cluster.run(
        state=again(broken, relations={*(each for each in broken.relations if each.id != mended.id), mended})
    )
    assert state.unit_status == secured.given.unit_status
    assert published(state, secured.workers) == published(secured.given, secured.workers)
