"""The coordinator's certificate: the one in use, the one that is kept, and problems."""

import dataclasses
import functools
import json
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import version
from typing import Any

import ops
import pytest
from charmlibs.interfaces.tls_certificates import (
    Certificate,
    CertificateSigningRequest,
    PrivateKey,
    TLSCertificatesRequiresV4,
)
from ops import testing

from coordinated_workers.models import TLSConfig
from coordinated_workers.tls import Certificates
from tests.support.authorities import CertificateAuthority
from tests.support.broken_certificates import broken_certificate
from tests.support.juju_tools import refuse_databags, refuse_tools

META = {"name": "kv", "requires": {"certificates": {"interface": "tls-certificates"}}}
LABEL = "afd8c2bccf834997afce12c2706d2ede-private-key-0-certificates"
FORMER = "former-private-key-certificates"
DOMAIN_NOT_ALLOWED = {"code": 102, "name": "DOMAIN_NOT_ALLOWED", "message": "domain not allowed"}
HOSTS = ("a.test", "10.1.2.3")


@functools.cache
def private_key(number: int) -> str:
    return str(PrivateKey.generate())


@functools.cache
def authority() -> CertificateAuthority:
    return CertificateAuthority.root()


def key_secret(number: int = 0, label: str = LABEL) -> testing.Secret:
    return testing.Secret({"private-key": private_key(number)}, label=label, owner="unit")


class Unit:
    """A coordinator's unit, over several hooks."""

    def __init__(self, *relations: testing.Relation, secrets: Collection[testing.Secret] | None = None):
        held = [key_secret()] if secrets is None else secrets
        self.state = testing.State(relations=relations, secrets=held, leader=True)

    def ask(
        self,
        question: Callable[[Certificates], Any] = lambda _: None,
        *,
        hosts: Collection[str] = HOSTS,
        workers: Collection[str] = (),
        endpoint: str | None = "certificates",
        event: Any = None,
    ) -> Any:
        """Call a function after the certificate was requested, and continue with the resulting state."""

        class Coordinator(ops.CharmBase):
            def __init__(self, framework: ops.Framework):
                super().__init__(framework)
                self.certificates = Certificates(self, endpoint, hosts)

        context = testing.Context(Coordinator, META)
        with context(event(context) if event else context.on.update_status(), self.state) as manager:
            certificates = manager.charm.certificates
            certificates.sync(workers)
            answer = question(certificates)
            self.state = manager.run()
        return answer

    @property
    def requests(self) -> list[str]:
        (relation,) = self.state.get_relations("certificates")
        requested = json.loads(relation.local_unit_data["certificate_signing_requests"])
        return [each["certificate_signing_request"] for each in requested]

    def answered(self, **databag: object) -> None:
        """Put this in the databag of the authority."""
        (relation,) = self.state.get_relations("certificates")
        texts = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in databag.items()
        }
        changed = dataclasses.replace(relation, remote_app_data=texts)
        others = [each for each in self.state.relations if each.id != relation.id]
        self.state = dataclasses.replace(self.state, relations=[*others, changed])

    def secrets(self, label: str) -> list[str]:
        found = [each for each in self.state.secrets if each.label == label]
        return [str((each.latest_content or {})["private-key"]) for each in found]


def signed(request: str, **changed: object) -> dict[str, object]:
    root = authority()
    return {
        "ca": root.pem,
        "chain": [root.pem],
        "certificate_signing_request": request,
        "certificate": root.sign(request),
        **changed,
    }


def related() -> testing.Relation:
    return testing.Relation("certificates", remote_app_name="ca")


def certified(**changed: object) -> Unit:
    """A unit with a certificate."""
    unit = Unit(related())
    unit.ask()
    unit.answered(certificates=[signed(each, **changed) for each in unit.requests])
    return unit


def config(certificates: Certificates) -> TLSConfig | None:
    return certificates.config


def problem(certificates: Certificates) -> str | None:
    found = certificates.problem
    return found and str(found)


def names(found: TLSConfig | None) -> set[str]:
    certificate = Certificate.from_string(found.server_cert) if found else None
    return {*(certificate.sans_dns or ()), *(certificate.sans_ip or ())} if certificate else set()


def served_for(hosts: Collection[str], key: int = 0) -> TLSConfig:
    """A certificate that was issued before."""
    unit = Unit(related(), secrets=[key_secret(key)])
    unit.ask(hosts=hosts)
    unit.answered(certificates=[signed(each) for each in unit.requests])
    found = unit.ask(config, hosts=hosts)
    assert found
    return found


# Requests


def test_request_has_names_and_addresses():
    unit = Unit(related())
    unit.ask()
    (text,) = unit.requests
    request = CertificateSigningRequest.from_string(text)
    assert (request.common_name, request.sans_dns, request.sans_ip) == ("kv", {"a.test"}, {"10.1.2.3"})


def test_key_is_made_once():
    unit = Unit(related(), secrets=[])
    unit.ask()
    (key,) = unit.secrets(LABEL)
    unit.ask()
    assert unit.secrets(LABEL) == [key]


@pytest.mark.parametrize("relations", [[], [related(), related()]], ids=["none", "two"])
def test_nothing_is_requested_without_one_authority(relations: list[testing.Relation]):
    unit = Unit(*relations)
    assert unit.ask(config) is None
    assert not any(each.local_unit_data.get("certificate_signing_requests") for each in relations)


def test_charm_without_the_endpoint():
    unit, served = Unit(secrets=[]), served_for(HOSTS)

    def everything(certificates: Certificates) -> tuple[object, ...]:
        certificates.remove_former_key()
        kept = certificates.keeps(served)
        found = certificates.config, certificates.problem, certificates.refusal, certificates.data_error
        return (*found, certificates.lifetime, certificates.grantable_key([]), kept)

    assert unit.ask(everything, endpoint=None) == (None, None, None, None, None, None, False)


# The certificate in use


def test_certificate_with_its_key():
    unit = certified()
    (request,) = unit.requests
    found = unit.ask(config)
    assert found == TLSConfig(found.server_cert, authority().pem, private_key(0))
    assert CertificateSigningRequest.from_string(request).sans_dns == {"a.test"}
    assert names(found) == set(HOSTS)


def test_lifetime():
    unit = certified()

    def dates(certificates: Certificates) -> object:
        lifetime, found = certificates.lifetime, certificates.config
        assert lifetime
        assert found
        certificate = Certificate.from_string(found.server_cert)
        return lifetime == type(lifetime)(certificate.validity_start_time, certificate.expiry_time)

    assert unit.ask(dates)
    assert Unit(related()).ask(lambda each: each.lifetime) is None


def test_before_the_answer():
    unit = Unit(related())
    assert unit.ask(config) is None
    assert unit.ask(problem) is None


def test_revoked():
    assert certified(revoked=True).ask(config) is None


def test_of_another_key():
    certificate, _ = authority().issue("a.test")
    assert certified(certificate=certificate).ask(config) is None


def test_of_an_authority():
    unit = Unit(related())
    unit.ask()
    ca = authority().sign(unit.requests[0], is_ca=True)
    unit.answered(certificates=[signed(unit.requests[0], certificate=ca)])
    assert unit.ask(config) is None


@pytest.mark.parametrize("place", ["ca", "chain"])
def test_chain_as_it_was_sent(place: str):
    root, issuer = authority().pem, authority().intermediate("issuer")
    unit = Unit(related())
    unit.ask()
    (request,) = unit.requests
    leaf = issuer.sign(request)
    sent = {"ca": f"{root}\n{issuer.pem}", "chain": None} if place == "ca" else {"chain": [root, issuer.pem]}
    unit.answered(certificates=[signed(request, certificate=leaf, **sent)])
    assert unit.ask(config) == TLSConfig(f"{leaf}\n{issuer.pem}", root, private_key(0))


def test_old_one_serves_until_the_new_one():
    unit = certified()
    before = unit.ask(config)
    more = (*HOSTS, "b.test")
    assert unit.ask(config, hosts=more) == before
    (relation,) = unit.state.get_relations("certificates")
    old = json.loads(relation.remote_app_data["certificates"])
    (request,) = unit.requests
    unit.answered(certificates=[*old, signed(request)])
    assert names(unit.ask(config, hosts=more)) == set(more)
    unit.answered(certificates=[*old, signed(request, revoked=True)])
    assert unit.ask(config, hosts=more) == before


# What is kept


def keeps(unit: Unit, served: TLSConfig | None, **how: Any) -> bool:
    return unit.ask(lambda certificates: certificates.keeps(served), **how)


def test_invalid_data_keep_it():
    unit = certified()
    served = unit.ask(config)
    unit.answered(certificates="{")
    assert unit.ask(config) is None
    assert keeps(unit, served)
    assert not keeps(unit, None)


def test_new_one_replaces_it():
    assert not keeps(certified(), served_for(("old.test",)))


def test_refusal_keeps_it():
    unit = Unit(related())
    unit.ask()
    refused = [{"csr": each, "error": DOMAIN_NOT_ALLOWED} for each in unit.requests]
    unit.answered(request_errors=refused)
    assert keeps(unit, served_for(HOSTS))
    assert unit.ask(problem) == "ca rejected the certificate request: domain not allowed"


def test_refusal_of_another_request():
    unit = Unit(related())
    unit.ask()
    request = signed(unit.requests[0])["certificate_signing_request"]
    unit.answered(request_errors=[{"csr": f"{request}x", "error": DOMAIN_NOT_ALLOWED}])
    assert unit.ask(problem) is None
    assert not keeps(unit, served_for(HOSTS))


@pytest.mark.parametrize(
    ("hosts", "key", "expected"),
    [(HOSTS, 0, False), (("a.test",), 0, True), ((*HOSTS, "b.test"), 0, True), (HOSTS, 1, True)],
    ids=["taken back", "fewer names", "more names", "other key"],
)
def test_lost_certificate_is_kept_until_another_is_issued(hosts: Collection[str], key: int, expected: bool):
    assert keeps(Unit(related()), served_for(hosts, key)) is expected


def test_nonsense_is_not_kept():
    assert not keeps(Unit(related()), TLSConfig("nonsense", "ca", "key"))


@pytest.mark.parametrize("relations", [[], [related(), related()]], ids=["none", "two"])
def test_certificate_is_not_kept_without_one_authority(relations: list[testing.Relation]):
    assert not keeps(Unit(*relations), served_for(("old.test",)))


def test_certificate_is_not_kept_once_the_authority_is_gone():
    unit = certified()
    (relation,) = unit.state.get_relations("certificates")
    served = served_for(("old.test",))
    gone = unit.ask(
        lambda certificates: (certificates.config, certificates.keeps(served), certificates.refusal),
        event=lambda context: context.on.relation_broken(relation),
    )
    assert gone == (None, False, None)


@pytest.mark.skipif(
    not hasattr(TLSCertificatesRequiresV4, "_on_relation_broken"),
    reason="old releases of the library keep the key",
)
def test_its_key_goes_with_the_authority():
    unit = certified()
    (relation,) = unit.state.get_relations("certificates")
    unit.ask(event=lambda context: context.on.relation_broken(relation))
    assert [secret.label for secret in unit.state.secrets] == []


# Problems


def test_several_authorities():
    unit = Unit(related(), related())
    assert unit.ask(problem) == "several applications over 'certificates': remove all but one"


@pytest.mark.parametrize(
    "databag", [{"certificates": "{"}, {"certificates": '[{"certificate": "x"}]'}], ids=[0, 1]
)
def test_invalid_data(databag: Mapping[str, str]):
    unit = Unit(related())
    unit.answered(**databag)
    assert unit.ask(problem).startswith("invalid data over 'certificates': certificates")


@pytest.mark.parametrize("extension", ["2.5.29.19", "2.5.29.17"], ids=["constraints", "names"])
def test_broken_certificate(extension: str):
    unit = certified(certificate=broken_certificate(extension))
    assert unit.ask(problem).startswith("invalid data over 'certificates': certificates[0]")
    assert unit.ask(config) is None
    assert unit.ask(lambda certificates: certificates.refusal) is None


def test_databag_cannot_be_read(monkeypatch: pytest.MonkeyPatch):
    unit = certified()
    (relation,) = unit.state.get_relations("certificates")
    served = unit.ask(config)
    refuse_databags(monkeypatch, relation.id)
    found = "invalid data over 'certificates': cannot read its databag from Juju: permission denied"
    assert unit.ask(lambda certificates: (problem(certificates), certificates.keeps(served))) == (found, True)


@pytest.mark.parametrize("tool", ["secret_get", "secret_info_get"])
def test_secrets_are_down(tool: str, monkeypatch: pytest.MonkeyPatch):
    unit = certified()
    served = unit.ask(config)
    refuse_tools(monkeypatch, tool)

    def everything(certificates: Certificates) -> tuple[object, ...]:
        kept = certificates.keeps(served)
        return certificates.config, certificates.problem, kept, certificates.grantable_key([])

    denied = "cannot read the private key from Juju: ERROR permission denied"
    found = unit.ask(everything)
    assert found == (None, found[1], True, None)
    assert str(found[1]).startswith(denied)


# The key

HOLDERS = pytest.mark.skipif(
    version("ops-scenario").startswith("7."),
    reason="ops-scenario 7 does not return the description of a secret, where its holders are; Juju does",
)


def description(unit: Unit) -> str | None:
    (secret,) = (each for each in unit.state.secrets if each.label == LABEL)
    return secret.description


def grant(unit: Unit, *workers: str) -> str | None:
    return unit.ask(lambda certificates: certificates.grantable_key(workers), workers=workers)


@HOLDERS
def test_grants_are_noted():
    unit = certified()
    assert grant(unit, "w/0", "w/1") == LABEL
    assert description(unit) == "granted to w/0 w/1"
    assert Unit(secrets=[]).ask(lambda certificates: certificates.grantable_key([])) is None


@HOLDERS
def test_new_key_when_a_holder_is_gone():
    unit = certified()
    grant(unit, "w/0", "w/1")
    unit.ask(lambda certificates: certificates.remove_former_key(), workers=["w/0"])
    assert unit.secrets(FORMER) == [private_key(0)]
    (key,) = unit.secrets(LABEL)
    assert key != private_key(0)
    unit.answered(certificates=[signed(each) for each in unit.requests])
    assert unit.ask(config, workers=["w/0"]).private_key == key
    unit.ask(lambda certificates: certificates.remove_former_key(), workers=["w/0"])
    assert unit.secrets(FORMER) == []


@HOLDERS
def test_sync_forgets_what_was_read():
    unit = certified()
    grant(unit, "w/0", "w/1")

    def leave(certificates: Certificates) -> tuple[object, ...]:
        before = certificates.config
        certificates.sync(["w/0"])
        return before is None, certificates.config

    assert unit.ask(leave, workers=["w/0", "w/1"]) == (False, None)


@pytest.mark.parametrize("relations", [[], [related(), related()]], ids=["none", "two"])
def test_former_key_goes_with_the_authority(relations: list[testing.Relation]):
    unit = Unit(*relations, secrets=[key_secret(label=FORMER)])
    unit.ask()
    assert unit.secrets(FORMER) == []


def test_former_key_stays_with_the_authority():
    unit = Unit(related(), secrets=[key_secret(), key_secret(1, FORMER)])
    unit.ask()
    assert unit.secrets(FORMER) == [private_key(1)]
