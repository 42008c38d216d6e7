"""Certificates in valid PEM with invalid content, which only a reader of that part finds."""

import base64
import datetime
import functools
import textwrap

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import strategies as st

_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mallory")])
_NO_DER = b"\x04\x01\xff"


@functools.cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def broken_certificate(oid: str) -> str:
    """Return a certificate with an invalid extension of this kind."""
    day = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), _NO_DER)
    builder = (
        x509.CertificateBuilder(_NAME, _NAME, _key().public_key(), 1)
        .not_valid_before(day)
        .not_valid_after(day + datetime.timedelta(days=3650))
        .add_extension(extension, critical=False)
    )
    made = builder.sign(_key(), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode().strip()


def is_pem(text: object) -> bool:
    return isinstance(text, str) and text.startswith("-----BEGIN ") and text.strip().count("\n") > 2


def broken_inside(pem: str) -> st.SearchStrategy[str]:
    """Return the PEM with one or two other bytes in its content."""
    first, *lines, last = pem.strip().splitlines()
    der = base64.b64decode("".join(lines))
    change = st.tuples(st.integers(0, len(der) - 1), st.integers(0, 255))
    return st.lists(change, min_size=1, max_size=2).map(
        lambda changes: "\n".join([first, *textwrap.wrap(_changed(der, changes), 64), last])
    )


def _changed(der: bytes, changes: list[tuple[int, int]]) -> str:
    changed = bytearray(der)
    for place, byte in changes:
        changed[place] = byte
    return base64.b64encode(changed).decode()
