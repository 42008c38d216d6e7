"""The coordinator's certificate, for itself and for its workers."""

import ipaddress
import os
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import ops

import relation_data

from .interfaces import certificates
from .models import TLSConfig
from .telemetry.alert_rules import Lifetime

if TYPE_CHECKING:
    from charmlibs.interfaces.tls_certificates import (
        CertificateRequestAttributes,
        PrivateKey,
        ProviderCertificate,
        TLSCertificatesRequiresV4,
    )

_LONGEST_COMMON_NAME = 64


class Certificates:
    """What the certificates relation gives this unit: one certificate for the unit and all workers.

    Args:
        charm: the coordinator.
        relation_name: the endpoint of interface `tls_certificates`; None if the charm has none.
        hosts: the names that the certificate is for.
    """

    def __init__(self, charm: ops.CharmBase, relation_name: str | None, hosts: Iterable[str]):
        self._charm = charm
        self._relation_name = relation_name
        self._hosts = frozenset(hosts)
        self._requirer = self._follow(relation_name) if relation_name else None

    def sync(self) -> None:
        """Ask for the certificate that is needed now, if it is another one than was asked for."""
        if self._requirer:
            self._requirer.sync()
            self.__dict__.pop("_chosen", None)

    @property
    def config(self) -> TLSConfig | None:
        """The certificate with its key; None while there is none."""
        if not self._chosen:
            return None
        chosen, key = self._chosen
        return TLSConfig(server_cert=chosen.certificate.raw, ca_cert=chosen.ca.raw, private_key=key.raw)

    @property
    def lifetime(self) -> Lifetime | None:
        """How long the certificate is good; None while there is none."""
        if not self._chosen:
            return None
        certificate = self._chosen[0].certificate
        return Lifetime(certificate.validity_start_time, certificate.expiry_time)

    @cached_property
    def _chosen(self) -> "tuple[ProviderCertificate, PrivateKey] | None":
        """What of all that was given is used."""
        key = self._requirer.private_key if self._requirer else None
        if not (self._requirer and key):
            return None
        usable = [
            provided
            for provided in self._requirer.get_provider_certificates()
            if not provided.revoked
            and not provided.certificate.is_ca
            and provided.certificate.matches_private_key(key)
        ]
        if not usable:
            return None
        # A worker that comes or goes changes the names that the certificate is for. Until the new one is
        # there, the whole cluster keeps speaking TLS with the old one.
        assigned, _ = self._requirer.get_assigned_certificate(self._request)
        return (assigned if assigned in usable else usable[0]), key

    @property
    def private_key_label(self) -> str | None:
        """The label of the secret that has the private key; None while there is no key."""
        secret_id = self._requirer.get_private_key_secret_id() if self._requirer else None
        return self._charm.model.get_secret(id=secret_id).get_info().label if secret_id else None

    @property
    def problem(self) -> str | None:
        """Why there can't be a certificate, in words; None if nothing is in the way of one."""
        if self._relation_name and len(self._charm.model.relations[self._relation_name]) > 1:
            return f"related to several applications over {self._relation_name!r}: remove all but one"
        if self.unreadable:
            return f"what is said over {self._relation_name!r} can't be used: {self.unreadable}"
        return None

    @cached_property
    def unreadable(self) -> str | None:
        """Why nothing that is said of certificates can be used; None if it can, or if nothing is said.

        What there was before is to stay meanwhile: `config` is as if there were no certificate.
        """
        relations = self._charm.model.relations[self._relation_name] if self._relation_name else []
        if len(relations) != 1 or not relations[0].app:
            return None
        try:
            # The library reads both, and would raise.
            _ = relation_data.read(relations[0], self._charm.unit)
            databag = relation_data.read(relations[0], relations[0].app)
        except relation_data.DatabagError as error:
            return str(error)
        return certificates.unreadable(databag)

    def _follow(self, relation_name: str) -> "TLSCertificatesRequiresV4 | None":
        # The library costs a fifth of a second to import, so only hooks that need it do: those of a charm
        # that has the relation, and the last one of the relation, in which the library tidies up.
        is_related = len(self._charm.model.relations[relation_name]) == 1
        is_breaking = os.environ.get("JUJU_RELATION") == relation_name
        if self.unreadable or not (is_related or is_breaking):
            return None
        from charmlibs.interfaces.tls_certificates import TLSCertificatesRequiresV4

        return TLSCertificatesRequiresV4(
            self._charm, relationship_name=relation_name, certificate_requests=[self._request]
        )

    @cached_property
    def _request(self) -> "CertificateRequestAttributes":
        from charmlibs.interfaces.tls_certificates import CertificateRequestAttributes

        addresses = {host for host in self._hosts if _is_address(host)}
        return CertificateRequestAttributes(
            # The names that count are the others; this one has to be short.
            common_name=self._charm.app.name[:_LONGEST_COMMON_NAME],
            sans_dns=frozenset(self._hosts - addresses),
            sans_ip=frozenset(addresses),
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
