"""What several parts of a coordinator share."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TLSConfig:
    """What a server needs to speak TLS, as PEM text."""

    server_cert: str
    ca_cert: str
    private_key: str = field(repr=False)
