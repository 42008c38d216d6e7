"""What may come in over the certificates relation: checked here, before the library for it reads it.

The library takes for granted that a text in the place of a certificate is one, and logs what it can't read.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pydantic

from relation_data import reason

if TYPE_CHECKING:
    from cryptography import x509


class _Signed(pydantic.BaseModel):
    ca: str
    certificate_signing_request: str
    certificate: str
    chain: list[str] | None = None
    revoked: bool | None = None


class _Error(pydantic.BaseModel):
    code: int
    name: str
    message: str
    reason: str | None = None
    provider: str | None = None
    endpoint: str | None = None


class _Refused(pydantic.BaseModel):
    csr: str
    error: _Error


class _Capabilities(pydantic.BaseModel):
    supports_ip_sans: bool | None = None
    supports_wildcard_dns: bool | None = None
    supports_subdomain: bool | None = None
    supports_ca_certificates: bool | None = None
    allowed_domains: list[str] | None = None
    provider_type: str | None = None


class _Provided(pydantic.BaseModel):
    certificates: pydantic.Json[list[_Signed]] = []
    request_errors: pydantic.Json[list[_Refused]] = []
    capabilities: pydantic.Json[_Capabilities | None] = None


def unreadable(databag: Mapping[str, str]) -> str | None:
    """Why nothing of what an authority wrote can be used; None if it can, or if there is nothing.

    Importing what reads certificates takes a while, so it is done only if there are some.
    """
    try:
        provided = _Provided.model_validate(dict(databag))
    except pydantic.ValidationError as error:
        return reason(error)
    if not provided.certificates:
        return None
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    broken = (
        ValueError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    )
    for number, signed in enumerate(provided.certificates):
        try:
            certificate = x509.load_pem_x509_certificate(signed.certificate.encode())
            _read_within(certificate)
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            _read_within(x509.load_pem_x509_csr(signed.certificate_signing_request.encode()))
            # these are passed on as they are
            for text in (signed.ca, *(signed.chain or ())):
                x509.load_pem_x509_certificate(text.encode())
        except broken:
            return f"certificates[{number}]: not PEM of a request and its certificates"
    return None


def _read_within(signed: "x509.Certificate | x509.CertificateSigningRequest") -> None:
    """Read all that the library asks for, which may be broken in what could be loaded."""
    _ = signed.subject, signed.public_key(), list(signed.extensions)
