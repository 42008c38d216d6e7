"""Validation of the certificates relation's data, before the library for it reads them.

The library does not check that a text is a certificate, and logs a text that it cannot parse.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import pydantic

from relation_data import one_line, reason

if TYPE_CHECKING:
    from cryptography import x509

_LONGEST_MESSAGE = 50


class Signed(pydantic.BaseModel):
    """A certificate and its chain, as an authority wrote them."""

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
    certificates: pydantic.Json[list[Signed]] = []
    request_errors: pydantic.Json[list[_Refused]] = []
    capabilities: pydantic.Json[_Capabilities | None] = None


def data_error(databag: Mapping[str, str]) -> str | None:
    """Return the reason why the data of an authority are unusable; None if they are usable, or absent.

    Importing the library for certificates takes long, so it is imported only if there are any.
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
            # each may have several
            for text in (signed.certificate, signed.ca, *(signed.chain or ())):
                x509.load_pem_x509_certificates(text.encode())
        except broken:
            return f"certificates[{number}]: not PEM of a request and its certificates"
    return None


def _read_within(signed: "x509.Certificate | x509.CertificateSigningRequest") -> None:
    """Read everything that the library needs; it may be invalid although the text could be loaded."""
    _ = signed.subject, signed.public_key(), list(signed.extensions)


def signed(databag: Mapping[str, str], request: str) -> Signed | None:
    """Return what an authority wrote for a request, in a databag that has no `data_error`."""
    certificates = _Provided.model_validate(dict(databag)).certificates
    return next((each for each in certificates if _is_same(each.certificate_signing_request, request)), None)


def refusal(databag: Mapping[str, str], requests: Collection[str]) -> str | None:
    """Return why an authority refused a request, in a databag without a `data_error`; None if it did not."""
    for refused in _Provided.model_validate(dict(databag)).request_errors:
        if any(_is_same(refused.csr, request) for request in requests):
            return one_line(refused.error.message or refused.error.name, longest=_LONGEST_MESSAGE)
    return None


def _is_same(one: str, other: str) -> bool:
    return one.strip() == other.strip()
