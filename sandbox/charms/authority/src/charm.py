"""A certificate authority: a sample of the other end of `tls-certificates`."""

import json
from collections.abc import Iterable
from datetime import timedelta

import ops
from charmlibs.interfaces.tls_certificates import (
    Certificate,
    CertificateRequestAttributes,
    PrivateKey,
    ProviderCertificate,
    RequirerCertificateRequest,
    TLSCertificatesProvidesV4,
)

_LABEL = "authority"
_GOOD_FOR = timedelta(days=30)


class Authority(ops.CharmBase):
    """Signs each request once, and all of them again on demand."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._certificates = TLSCertificatesProvidesV4(self, "certificates")
        for event in (
            self.on.start,
            self.on.leader_elected,
            self.on["certificates"].relation_changed,
        ):
            framework.observe(event, self._reconcile)
        framework.observe(self.on.rotate_action, self._rotate)
        framework.observe(self.on.show_action, self._show)

    def _reconcile(self, _: ops.EventBase) -> None:
        if self.unit.is_leader():
            self._sign(self._certificates.get_outstanding_certificate_requests())
        self.unit.status = ops.ActiveStatus()

    def _rotate(self, event: ops.ActionEvent) -> None:
        requests = self._certificates.get_certificate_requests()
        self._sign(requests)
        event.set_results({"signed": len(requests)})

    def _show(self, event: ops.ActionEvent) -> None:
        issued = self._certificates.get_issued_certificates()
        signed = [
            f"{each.certificate.common_name} with {len(each.certificate.sans_dns or ())} names"
            for each in issued
        ]
        event.set_results({"signed": json.dumps(signed)})

    def _sign(self, requests: Iterable[RequirerCertificateRequest]) -> None:
        requests = list(requests)
        if not requests:
            return
        authority, key = self._authority()
        for request in requests:
            csr = request.certificate_signing_request
            certificate = Certificate.generate(csr, authority, key, _GOOD_FOR)
            self._certificates.set_relation_certificate(
                ProviderCertificate(
                    relation_id=request.relation_id,
                    certificate=certificate,
                    certificate_signing_request=csr,
                    ca=authority,
                    chain=[certificate, authority],
                )
            )

    def _authority(self) -> tuple[Certificate, PrivateKey]:
        """The authority's own certificate and key, created at the first use."""
        try:
            kept = self.model.get_secret(label=_LABEL).get_content()
        except ops.SecretNotFoundError:
            key = PrivateKey.generate()
            attributes = CertificateRequestAttributes(common_name="sandbox authority", is_ca=True)
            certificate = Certificate.generate_self_signed_ca(attributes, key, timedelta(days=365))
            kept = {"certificate": certificate.raw, "private-key": key.raw}
            self.app.add_secret(kept, label=_LABEL)
        return Certificate.from_string(kept["certificate"]), PrivateKey.from_string(kept["private-key"])


if __name__ == "__main__":
    ops.main(Authority)
