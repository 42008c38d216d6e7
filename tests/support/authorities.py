"""Certificate authorities, and TLS handshakes between a server and a client."""

import dataclasses
import datetime
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_DAY = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class CertificateAuthority:
    """A root, or an intermediate authority."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def root(cls, name: str = "root") -> "CertificateAuthority":
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _certificate(name, key.public_key(), name, key, is_ca=True))

    def intermediate(self, name: str) -> "CertificateAuthority":
        key = ec.generate_private_key(ec.SECP256R1())
        return CertificateAuthority(key, self._signed(name, key.public_key(), is_ca=True))

    def certified_by(self, other: "CertificateAuthority", *, is_ca: bool = True, days: int = 90) -> str:
        """Return another certificate of this authority, which another one has issued, good for some days."""
        name = self.certificate.subject.rfc4514_string().removeprefix("CN=")
        return pem(other._signed(name, self.key.public_key(), is_ca=is_ca, days=days))

    def sign(self, request: str, *, is_ca: bool = False) -> str:
        """Sign a request as it is."""
        requested = x509.load_pem_x509_csr(request.encode())
        names = requested.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return pem(self._signed("leaf", requested.public_key(), is_ca=is_ca, names=names))

    def issue(self, *hosts: str) -> tuple[str, str]:
        """Return a certificate for hosts, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return pem(self._signed("leaf", key.public_key(), is_ca=False, names=names)), text.decode()

    @property
    def pem(self) -> str:
        return pem(self.certificate)

    def _signed(self, name: str, key: object, **details) -> x509.Certificate:
        issuer = self.certificate.subject.rfc4514_string().removeprefix("CN=")
        return _certificate(name, key, issuer, self.key, **details)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode().strip()


def _certificate(name, key, issuer, issuer_key, *, is_ca, names=None, days=90) -> x509.Certificate:
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * _DAY)
        .not_valid_after(now + days * _DAY)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def handshake(server_cert: str, key: str, ca_cert: str, host: str) -> None:
    """Connect a client that trusts one authority alone to a server.

    Raises:
        ssl.SSLError: if the client refuses the server.
    """
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=ca_cert)
    with tempfile.TemporaryDirectory() as folder:
        both = Path(folder) / "both.pem"
        both.write_text(f"{key}\n{server_cert}\n")
        server.load_cert_chain(both)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(5):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
