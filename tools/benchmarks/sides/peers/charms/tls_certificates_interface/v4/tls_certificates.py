"""The library that PyPI has, whose private method the coordinator calls without arguments."""

from charmlibs.interfaces.tls_certificates import CertificateRequestAttributes, Mode
from charmlibs.interfaces.tls_certificates import TLSCertificatesRequiresV4 as _Published

__all__ = ["CertificateRequestAttributes", "TLSCertificatesRequiresV4"]


class TLSCertificatesRequiresV4(_Published):
    """Requests certificates."""

    def _get_private_key_secret_label(self, mode: Mode = Mode.UNIT) -> str:
        return super()._get_private_key_secret_label(mode)
