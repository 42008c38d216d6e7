"""What a server presents, and the authority that verifies it, from what an authority sent."""

import itertools
import ssl

import pytest

from coordinated_workers.tls_chain import served_certificate
from tests.support.authorities import CertificateAuthority, handshake

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
