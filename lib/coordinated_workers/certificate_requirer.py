"""The requirer of certificates: the library's own, without hooks that fail as Juju's secrets are down.

Importing this module takes a fifth of a second.
"""

import contextlib
import logging
from collections.abc import Generator

import ops
from charmlibs.interfaces.tls_certificates import TLSCertificatesRequiresV4

logger = logging.getLogger(__name__)


class CertificateRequirer(TLSCertificatesRequiresV4):
    """The library's requirer. What it does at several events is done by `sync`, which each hook calls."""

    handle_kind = "TLSCertificatesRequiresV4"

    def _configure(self, _: ops.EventBase | None = None) -> None:
        if _ is None:
            super()._configure()

    def _on_relation_broken(self, event: ops.RelationBrokenEvent) -> None:
        with _errors_logged():
            super()._on_relation_broken(event)

    def _on_secret_expired(self, event: ops.SecretExpiredEvent) -> None:
        with _errors_logged():
            super()._on_secret_expired(event)

    def _on_secret_remove(self, event: ops.SecretRemoveEvent) -> None:
        with _errors_logged():
            super()._on_secret_remove(event)


@contextlib.contextmanager
def _errors_logged() -> Generator[None]:
    try:
        yield
    except ops.ModelError as error:
        logger.warning("secrets of certificates were not changed: %s", type(error).__name__)
