"""A certificate as a server presents it, and the authority that verifies it."""

import functools
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography import x509


# Each signature that is checked takes time, and an authority may send thousands of certificates.
_MOST_PATHS = 100
_LONGEST_PATH = 10
_MOST_OF_ONE_NAME = 10


@dataclass(frozen=True)
class ServedCertificate:
    """PEM text for servers and their clients."""

    server_cert: str
    """The certificate and the intermediate ones, each followed by its issuer's; without the root."""
    ca_cert: str
    """The root; without one, the last intermediate certificate, which is not enough for every client."""


def served_certificate(leaf: str, ca: str, chain: Iterable[str]) -> ServedCertificate:
    """Order the certificates that an authority sent for one request, in any order.

    Certificates that did not issue another of the chain are ignored, and so are those after the tenth of one
    name, and after the tenth in a row. Where authorities certify each other, the path to the `ca` counts,
    which clients trust; of several paths, the one that is valid longest.

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
    issuers_of = functools.cache(_issuers(dict.fromkeys(known)))

    def preference(path: list[x509.Certificate]) -> tuple[bool, bool, datetime]:
        is_complete = path[-1] in issuers_of(path[-1])
        good_until = min(each.not_valid_after_utc for each in path)
        return is_complete and path[-1] in authorities, is_complete, good_until

    paths = itertools.islice(_paths([issued], issuers_of), _MOST_PATHS)
    path = max(paths, key=preference)
    if len(path) == 1:
        return ServedCertificate(_pem(issued), _pem(authorities[0]))
    is_complete = preference(path)[1]
    return ServedCertificate(_pem(*path[:-1] if is_complete else path), _pem(path[-1]))


def _paths(
    path: "list[x509.Certificate]", issuers_of: "Callable[[x509.Certificate], Sequence[x509.Certificate]]"
) -> "Iterator[list[x509.Certificate]]":
    """Yield each continuation of a path, up to a root or to where no issuer is known.

    There are several where authorities certify each other, or have several certificates for one key.
    """
    issuers = issuers_of(path[-1])
    others = [each for each in issuers if each not in path]
    is_root = len(path) > 1 and path[-1] in issuers
    if is_root or not others or len(path) == _LONGEST_PATH:
        yield path
        return
    for issuer in others:
        yield from _paths([*path, issuer], issuers_of)


def _issuers(
    known: "Iterable[x509.Certificate]",
) -> "Callable[[x509.Certificate], Sequence[x509.Certificate]]":
    """Return a function that finds the issuers of a certificate among the known ones."""
    of_name: defaultdict[x509.Name, list[x509.Certificate]] = defaultdict(list)
    for each in known:
        if names := _names(each):
            of_name[names.subject].append(each)

    def issuers(certificate: "x509.Certificate") -> "Sequence[x509.Certificate]":
        names = _names(certificate)
        alike = of_name[names.issuer][:_MOST_OF_ONE_NAME] if names else ()
        return [each for each in alike if _has_issued(each, certificate)]

    return issuers


class _Names(NamedTuple):
    issuer: "x509.Name"
    subject: "x509.Name"


def _names(certificate: "x509.Certificate") -> _Names | None:
    """Return the names in a certificate; None if they cannot be read."""
    try:
        return _Names(certificate.issuer, certificate.subject)
    except ValueError:
        return None


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
