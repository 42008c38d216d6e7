"""The sandbox's own certificate authority, which issues each service account's identity."""

import datetime
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ._state import TRUST_DOMAIN, Account

_VALID_FOR = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """The files with which an account proves its identity, and verifies others."""

    certificate: Path
    key: Path
    authority: Path


class CertificateAuthority:
    """Issues certificates while the sandbox runs; keys are readable by their owner alone.

    Args:
        directory: an existing directory for keys and certificates.
    """

    def __init__(self, directory: Path):
        self._directory = directory
        self._issued: dict[Account, Identity] = {}

    def identity(self, account: Account) -> Identity:
        """Return the identity of an account, created at the first call."""
        if account not in self._issued:
            self._issued[account] = self._issue(account)
        return self._issued[account]

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def _certificate(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, TRUST_DOMAIN)])
        return (
            self._builder(name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def _issue(self, account: Account) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(account.uri)])
        certificate = (
            self._builder(x509.Name([]), key.public_key())
            .add_extension(name, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        base = self._directory / f"{account.namespace}.{account.name}"
        identity = Identity(
            certificate=base.with_name(f"{base.name}.crt"),
            key=base.with_name(f"{base.name}.key"),
            authority=self._directory / "authority.crt",
        )
        identity.key.touch(mode=0o600)
        identity.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        identity.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        identity.authority.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        return identity

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, TRUST_DOMAIN)]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + _VALID_FOR)
        )
