"""The library of the same content that PyPI has."""

from charmlibs.interfaces.tls_certificates import CertificateRequestAttributes, TLSCertificatesRequiresV4

__all__ = ["CertificateRequestAttributes", "TLSCertificatesRequiresV4"]
