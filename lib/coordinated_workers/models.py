"""Models that several parts of a coordinator share."""

from dataclasses import dataclass, field


@dataclass
class TLSConfig:
    """A server's TLS certificate, key and CA, as PEM text."""

    server_cert: str
    ca_cert: str
    private_key: str = field(repr=False)
