"""A certificate as a server presents it, and the authority that verifies it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class ServedCertificate:
    """PEM text for servers and their clients."""

    server_cert: str
    """The certificate and the intermediate ones, each followed by its issuer's; without the root."""
    ca_cert: str
    """The root; without one, the last intermediate certificate."""


def served_certificate(leaf: str, ca: str, chain: Iterable[str]) -> ServedCertificate:
    """Order what an authority sent for one request: chains come in any order, with or without the leaf.

    Certificates that did not issue another of the chain are ignored.

    Args:
        leaf: PEM text of the certificate.
        ca: PEM text of its issuer, or of the root.
        chain: PEM texts of further certificates.
    """
    from cryptography import x509

    issued = x509.load_pem_x509_certificate(leaf.encode())
    issuers: list[x509.Certificate] = []
    for text in (ca, *chain, leaf):
        issuers += x509.load_pem_x509_certificates(text.encode())
    served = [issued]
    while issuer := _issuer(served[-1], [each for each in issuers if each not in served]):
        if _is_root(issuer):
            return ServedCertificate(_pem(*served), _pem(issuer))
        served.append(issuer)
    anchor = served[-1] if len(served) > 1 else x509.load_pem_x509_certificate(ca.encode())
    return ServedCertificate(_pem(*served), _pem(anchor))


def _issuer(
    certificate: "x509.Certificate", candidates: "list[x509.Certificate]"
) -> "x509.Certificate | None":
    """Return the issuer of a certificate; of several with one key a root, or else the one good longest."""
    issuers = [each for each in candidates if _has_issued(each, certificate)]
    return max(issuers, key=lambda each: (_is_root(each), each.not_valid_after_utc), default=None)


def _is_root(certificate: "x509.Certificate") -> bool:
    return _has_issued(certificate, certificate)


def _has_issued(issuer: "x509.Certificate", certificate: "x509.Certificate") -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _pem(*certificates: "x509.Certificate") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return "\n".join(each.public_bytes(Encoding.PEM).decode().strip() for each in certificates)
