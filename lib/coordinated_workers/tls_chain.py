"""A certificate as a server presents it, and the authority that verifies it."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


_MOST_PATHS = 100


@dataclass(frozen=True)
class ServedCertificate:
    """PEM text for servers and their clients."""

    server_cert: str
    """The certificate and the intermediate ones, each followed by its issuer's; without the root."""
    ca_cert: str
    """The root; without one, the last intermediate certificate, which is not enough for every client."""


def served_certificate(leaf: str, ca: str, chain: Iterable[str]) -> ServedCertificate:
    """Order what an authority sent for one request: chains come in any order, with or without the leaf.

    Certificates that did not issue another of the chain are ignored. Where authorities certify each other,
    the path to the `ca` counts, which clients trust; of several paths, the one that is good longest.

    Args:
        leaf: PEM text of the certificate.
        ca: PEM text of its issuer, or of the root.
        chain: PEM texts of further certificates.
    """
    from cryptography import x509

    issued = x509.load_pem_x509_certificate(leaf.encode())
    authorities = x509.load_pem_x509_certificates(ca.encode())
    known = [*authorities]
    for text in (*chain, leaf):
        known += x509.load_pem_x509_certificates(text.encode())

    def preference(path: list[x509.Certificate]) -> tuple[bool, bool, datetime]:
        is_complete = _has_issued(path[-1], path[-1])
        good_until = min(each.not_valid_after_utc for each in path)
        return is_complete and path[-1] in authorities, is_complete, good_until

    paths = itertools.islice(_paths([issued], list(dict.fromkeys(known))), _MOST_PATHS)
    path = max(paths, key=preference)
    if len(path) == 1:
        return ServedCertificate(_pem(issued), _pem(authorities[0]))
    is_complete = preference(path)[1]
    return ServedCertificate(_pem(*path[:-1] if is_complete else path), _pem(path[-1]))


def _paths(
    path: "list[x509.Certificate]", known: "Sequence[x509.Certificate]"
) -> "Iterator[list[x509.Certificate]]":
    """Yield each continuation of a path, up to a root or to where no issuer is known.

    There are several where authorities certify each other, or have several certificates for one key.
    """
    issuers = [each for each in known if each not in path and _has_issued(each, path[-1])]
    if not issuers or (len(path) > 1 and _has_issued(path[-1], path[-1])):
        yield path
        return
    for issuer in issuers:
        yield from _paths([*path, issuer], known)


def _has_issued(issuer: "x509.Certificate", certificate: "x509.Certificate") -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        if not _is_authority(issuer):
            return False
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _is_authority(certificate: "x509.Certificate") -> bool:
    """Return whether a certificate may issue others, as far as it states that; the oldest form does not."""
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return True
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False


def _pem(*certificates: "x509.Certificate") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return "\n".join(each.public_bytes(Encoding.PEM).decode().strip() for each in certificates)
