"""A server's certificates, and the authority that verifies them, from an authority's data."""

import itertools
import ssl
import time

import pytest

from coordinated_workers.tls_chain import served_certificate
from tests.support.authorities import CertificateAuthority, handshake
from tests.support.broken_certificates import broken_certificate

HOST = "kv-0.kv-endpoints.m.svc.cluster.local"
ROOT = CertificateAuthority.root()
MIDDLE = ROOT.intermediate("middle")
LAST = MIDDLE.intermediate("last")
LEAF, KEY = LAST.issue(HOST)
ISSUED = "\n".join([LEAF, LAST.pem, MIDDLE.pem])


@pytest.mark.parametrize("chain", list(itertools.permutations([LEAF, LAST.pem, MIDDLE.pem, ROOT.pem])))
def test_any_order(chain: tuple[str, ...]):
    served = served_certificate(LEAF, ROOT.pem, chain)
    assert (served.server_cert, served.ca_cert) == (ISSUED, ROOT.pem)


@pytest.mark.parametrize(
    ("ca", "chain"),
    [
        (ROOT.pem, [LAST.pem, MIDDLE.pem]),
        (LAST.pem, [MIDDLE.pem, ROOT.pem]),
        (LAST.pem, [LEAF, MIDDLE.pem, ROOT.pem]),
        (ROOT.pem, ["\n".join([LAST.pem, MIDDLE.pem])]),
        ("\n".join([ROOT.pem, LAST.pem]), [LEAF, MIDDLE.pem]),
        (ROOT.pem, [LEAF, LEAF, LAST.pem, LAST.pem, MIDDLE.pem, CertificateAuthority.root("other").pem]),
    ],
    ids=["no leaf", "issuer as ca", "issuer as ca, with leaf", "bundle", "bundle as ca", "more than needed"],
)
def test_any_form(ca: str, chain: list[str]):
    served = served_certificate(LEAF, ca, chain)
    assert (served.server_cert, served.ca_cert) == (ISSUED, ROOT.pem)


def test_client_that_trusts_root():
    served = served_certificate(LEAF, ROOT.pem, [MIDDLE.pem, LAST.pem])
    handshake(served.server_cert, KEY, served.ca_cert, HOST)
    with pytest.raises(ssl.SSLError):
        handshake(LEAF, KEY, ROOT.pem, HOST)


def test_without_the_root():
    served = served_certificate(LEAF, LAST.pem, [LEAF, MIDDLE.pem])
    assert (served.server_cert, served.ca_cert) == (ISSUED, MIDDLE.pem)


def test_without_intermediates():
    leaf, _ = ROOT.issue(HOST)
    for chain in ([], [leaf], [leaf, ROOT.pem], [ROOT.pem, leaf]):
        served = served_certificate(leaf, ROOT.pem, chain)
        assert (served.server_cert, served.ca_cert) == (leaf, ROOT.pem)


def test_a_chain_of_another_owner():
    other = CertificateAuthority.root("other")
    served = served_certificate(LEAF, other.pem, [other.pem])
    assert (served.server_cert, served.ca_cert) == (LEAF, other.pem)


def test_authorities_that_certify_each_other():
    first, second = CertificateAuthority.root("first"), CertificateAuthority.root("second")
    leaf, _ = first.issue(HOST)
    ca, other = first.certified_by(second), second.certified_by(first)
    served = served_certificate(leaf, ca, [other])
    assert (served.server_cert, served.ca_cert) == ("\n".join([leaf, ca, other]), other)


class TestSeveralWays:
    """An authority that has several certificates for one key sends all of them, in any order."""

    OTHER = CertificateAuthority.root("other")
    ISSUER = ROOT.intermediate("issuer")
    CERT, KEY = ISSUER.issue(HOST)

    def check(self, ca: CertificateAuthority, *chain: str) -> None:
        """Connect a client that trusts the `ca` to the server, and one that trusts what workers get."""
        for order in itertools.permutations(chain):
            served = served_certificate(self.CERT, ca.pem, order)
            for trusted in (ca.pem, served.ca_cert):
                handshake(served.server_cert, self.KEY, trusted, HOST)
            assert ca.pem not in served.server_cert

    @pytest.mark.parametrize("days", [-1, 1, 900])
    @pytest.mark.parametrize("with_other", [False, True])
    def test_issuer_that_another_authority_certifies(self, days: int, with_other: bool):
        other = self.ISSUER.certified_by(self.OTHER, days=days)
        self.check(ROOT, self.ISSUER.pem, other, *([self.OTHER.pem] if with_other else []))

    def test_root_that_another_root_certifies(self):
        certified = ROOT.certified_by(self.OTHER)
        self.check(ROOT, self.ISSUER.pem, certified, self.OTHER.pem)
        self.check(self.OTHER, self.ISSUER.pem, certified, ROOT.pem)
        self.check(self.OTHER, self.ISSUER.pem, certified)

    def test_expired(self):
        self.check(ROOT, self.ISSUER.pem, self.ISSUER.certified_by(ROOT, days=-1))

    def test_of_no_authority(self):
        self.check(ROOT, self.ISSUER.pem, self.ISSUER.certified_by(ROOT, is_ca=False, days=900))

    def test_that_cannot_be_read(self):
        self.check(ROOT, self.ISSUER.pem, broken_certificate("2.5.29.19"), broken_certificate("2.5.29.17"))

    @pytest.mark.parametrize("number", [20, 200])
    def test_time_does_not_grow_with_its_square(self, number: int):
        other = ROOT.intermediate("other")
        chain = [self.ISSUER.certified_by(other) for _ in range(number)]
        chain += [other.certified_by(self.ISSUER) for _ in range(number)]
        chain += [CertificateAuthority.root("issuer").pem for _ in range(number)]
        started = time.process_time()
        served = served_certificate(self.CERT, ROOT.pem, [self.ISSUER.pem, *chain])
        assert time.process_time() - started < 2
        handshake(served.server_cert, self.KEY, ROOT.pem, HOST)

    def test_many_are_not_all_tried(self):
        authorities = [CertificateAuthority.root(str(number)) for number in range(7)]
        leaf, _ = authorities[0].issue(HOST)
        chain = [one.certified_by(other) for one, other in itertools.permutations(authorities, 2)]
        assert served_certificate(leaf, authorities[0].pem, chain).ca_cert == authorities[0].pem


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: f"subject=CN = a\n{text}\nissuer=CN = b",
        lambda text: text.replace("-----END CERTIFICATE-----\n", "-----END CERTIFICATE-----"),
        lambda text: f"\n\n{text}",
    ],
    ids=["CRLF", "text between", "no line break between", "empty lines"],
)
def test_any_text(written):
    served = served_certificate(LEAF, written(ROOT.pem), [written("\n".join([MIDDLE.pem, LAST.pem]))])
    assert (served.server_cert, served.ca_cert) == (ISSUED, ROOT.pem)
