"""An authority's data are validated as a whole before they are used."""

import functools
import json
from typing import Any

import pytest
from charmlibs.interfaces.tls_certificates import (
    CertificateRequestAttributes,
    CertificateSigningRequest,
    PrivateKey,
)

from coordinated_workers.interfaces.certificates import data_error, refusal, signed
from tests.support.broken_certificates import broken_certificate
from tests.support.certificates import certificate_and_key

GARBAGE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
ALTERNATIVE_NAMES = "2.5.29.17"


@functools.cache
def sound() -> dict[str, Any]:
    certificate = certificate_and_key()[0].decode()
    request = CertificateSigningRequest.generate(
        CertificateRequestAttributes(common_name="kv"), PrivateKey.generate()
    )
    return {
        "ca": certificate,
        "chain": [certificate, certificate],
        "certificate_signing_request": str(request),
        "certificate": certificate,
    }


def reason(**changed: object) -> str | None:
    return data_error({"certificates": json.dumps([sound(), {**sound(), **changed}])})


def test_what_can_be_read_whole_is_sound():
    assert reason() is None
    assert reason(chain=None) is None


@pytest.mark.parametrize("field", ["ca", "certificate_signing_request", "certificate"])
@pytest.mark.parametrize("text", ["", "nonsense", GARBAGE])
def test_each_part_is_read(field: str, text: str):
    assert reason(**{field: text}) == "certificates[1]: not PEM of a request and its certificates"


@pytest.mark.parametrize("place", [0, 1])
def test_each_certificate_of_chain_is_read(place: int):
    chain = [sound()["ca"], sound()["ca"]]
    chain[place] = GARBAGE
    assert reason(chain=chain) == "certificates[1]: not PEM of a request and its certificates"


def test_content_of_each_certificate_is_read():
    assert reason(certificate=broken_certificate(ALTERNATIVE_NAMES))


def test_certificate_is_no_request():
    assert reason(certificate_signing_request=sound()["certificate"])


def test_certificate_of_request():
    request = sound()["certificate_signing_request"]
    databag = {"certificates": json.dumps([{**sound(), "certificate_signing_request": "other"}, sound()])}
    found = signed(databag, f"\n{request}\n")
    assert found
    assert found.certificate_signing_request == request
    assert signed(databag, "of nobody") is None
    assert signed({}, request) is None


@pytest.mark.parametrize(("message", "shown"), [("not here", "not here"), ("", "denied")])
def test_refusal_of_request(message: str, shown: str):
    error = {"code": 1, "name": "denied", "message": message}
    databag = {"request_errors": json.dumps([{"csr": "mine", "error": error}])}
    assert refusal(databag, ["other", "mine\n"]) == shown
    assert refusal(databag, ["other"]) is None


@pytest.mark.parametrize("text", ["no JSON", "{}", '[{"ca": "text"}]', "null"])
def test_what_has_another_form_is_not_read(text: str):
    assert data_error({"certificates": text})
