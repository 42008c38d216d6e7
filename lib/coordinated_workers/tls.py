"""The coordinator's certificate, for itself and for its workers."""

import os
from collections.abc import Collection, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import ops

import relation_data
from cos_interfaces import is_ip
from relation_data import Message

from .interfaces import certificates
from .models import TLSConfig
from .telemetry.alert_rules import Lifetime
from .tls_chain import served_certificate
from .worker_key import WorkerKey, remove_key

if TYPE_CHECKING:
    from charmlibs.interfaces.tls_certificates import (
        CertificateRequestAttributes,
        PrivateKey,
        ProviderCertificate,
    )

    from .certificate_requirer import CertificateRequirer

_LONGEST_COMMON_NAME = 64
_LONGEST_PROBLEM = 60


class Certificates:
    """The certificate that the certificates relation gives this unit, for itself and for all workers."""

    def __init__(self, charm: ops.CharmBase, relation_name: str | None, hosts: Iterable[str]):
        self._charm = charm
        self._relation_name = relation_name
        self._hosts = frozenset(hosts)
        self._former_key = f"former-private-key-{relation_name}"
        self._key_problem: str | None = None
        self._requirer = self._follow(relation_name) if relation_name else None

    def sync(self, workers: Collection[str]) -> None:
        """Request the certificate that is needed now, if it differs from the requested one.

        The key is replaced when a worker's unit that had it is removed.
        """
        try:
            self._sync(workers)
        except ops.ModelError as error:
            # Juju's store of secrets may be unavailable; the served certificate stays.
            self._key_problem = relation_data.one_line(str(error).strip(), longest=_LONGEST_PROBLEM)
            self._requirer = None
        for cached in ("_chosen", "config", "refusal"):
            self.__dict__.pop(cached, None)

    def _sync(self, workers: Collection[str]) -> None:
        if self._relation_name and not self._relation:
            remove_key(self._charm.model, self._former_key)
        if not self._requirer:
            return
        if not self._key or self._key.retire(self._former_key, workers):
            del self._key  # the library makes a new one
        self._requirer.sync()
        # Read now, so that a key that Juju does not return is noticed here.
        _ = self._requirer.private_key

    @cached_property
    def config(self) -> TLSConfig | None:
        """The certificate with its key; None while there is none."""
        if not self._chosen:
            return None
        chosen, key = self._chosen
        ca, chain = chosen.ca.raw, [each.raw for each in chosen.chain]
        if sent := certificates.signed(self._databag, chosen.certificate_signing_request.raw):
            # as it was sent, since the library reads one certificate of each text
            ca, chain = sent.ca, [*(sent.chain or ()), sent.certificate]
        served = served_certificate(chosen.certificate.raw, ca, chain)
        return TLSConfig(served.server_cert, served.ca_cert, key.raw)

    def keeps(self, served: TLSConfig | None) -> bool:
        """Return whether the served certificate stays in use although the authority does not provide it.

        It does if the authority's data is unusable, and if the authority rejected the current request or has
        not answered it yet. A certificate that the authority withdrew does not.
        """
        if not (served and self._relation_name and self._relation):
            return False
        if self.data_error or self._key_problem:
            return True
        if self.config or not self._requirer:
            return False
        return bool(self.refusal) or self._is_superseded(served, self._requirer.private_key)

    def _is_superseded(self, served: TLSConfig, key: "PrivateKey | None") -> bool:
        """Return whether a certificate is for other names, or another key, than the current request."""
        from charmlibs.interfaces.tls_certificates import Certificate, TLSCertificatesError

        try:
            certificate = Certificate.from_string(served.server_cert)
        except TLSCertificatesError:
            return False  # the container's file was replaced
        names = {*(certificate.sans_dns or ()), *(certificate.sans_ip or ())}
        return names != set(self._hosts) or key is None or not certificate.matches_private_key(key)

    @cached_property
    def refusal(self) -> str | None:
        """Return the reason why the authority refuses the requested certificate; None if it does not."""
        if not self._requirer:
            return None
        requests = [
            each.certificate_signing_request.raw
            for each in self._requirer.get_csrs_from_requirer_relation_data()
        ]
        return certificates.refusal(self._databag, requests)

    @property
    def lifetime(self) -> Lifetime | None:
        """Return the lifetime of the certificate; None while there is none."""
        if not self._chosen:
            return None
        certificate = self._chosen[0].certificate
        return Lifetime(certificate.validity_start_time, certificate.expiry_time)

    @cached_property
    def _chosen(self) -> "tuple[ProviderCertificate, PrivateKey] | None":
        """Return the certificate in use, out of all that were issued."""
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
        # Adding or removing a worker changes the names in the certificate. Until the new one is issued, the
        # whole cluster keeps using the old one.
        assigned, _ = self._requirer.get_assigned_certificate(self._request)
        return (assigned if assigned in usable else usable[0]), key

    def grantable_key(self, workers: Collection[str]) -> str | None:
        """Return the label of the secret that has the private key, noted as granted to these units.

        None while there is no key.
        """
        if not self._key:
            return None
        self._key.record(workers)
        return self._key.label

    def remove_former_key(self) -> None:
        """Remove a key that is out of use, once workers have the certificate for the new one."""
        if self.config:
            remove_key(self._charm.model, self._former_key)

    @cached_property
    def _key(self) -> WorkerKey | None:
        """The private key as a secret; None while there is none."""
        secret_id = self._requirer.get_private_key_secret_id() if self._requirer else None
        return WorkerKey(self._charm.model, secret_id) if secret_id else None

    @property
    def problem(self) -> Message | None:
        """Return the reason why no certificate can be issued; None if one can."""
        if self._relation_name and len(self._charm.model.relations[self._relation_name]) > 1:
            return Message(f"several applications over {self._relation_name!r}", remedy="remove all but one")
        if self.data_error:
            return Message(f"invalid data over {self._relation_name!r}", self.data_error)
        if self._key_problem:
            return Message("cannot read the private key from Juju", self._key_problem)
        if self.refusal and self._relation:
            return Message(f"{self._relation.app.name} rejected the certificate request", self.refusal)
        return None

    @cached_property
    def data_error(self) -> str | None:
        """Return the reason why the published certificates are unusable; None if they are usable, or absent.

        The previous certificate is kept meanwhile: `config` is as if there were no certificate.
        """
        if not self._relation:
            return None
        try:
            # The library reads it as well, and would raise.
            _ = relation_data.read(self._relation, self._charm.unit)
            databag = self._databag
        except relation_data.DatabagError as error:
            return str(error)
        return certificates.data_error(databag)

    @property
    def _relation(self) -> ops.Relation | None:
        """The relation to the authority; None if there is none, or more than one."""
        relations = self._charm.model.relations[self._relation_name] if self._relation_name else []
        return relations[0] if len(relations) == 1 and relations[0].app else None

    @property
    def _databag(self) -> dict[str, str]:
        relation = self._relation
        return relation_data.read(relation, relation.app) if relation else {}

    def _follow(self, relation_name: str) -> "CertificateRequirer | None":
        # Importing the library takes a fifth of a second, so only hooks that need it do so: those of a charm
        # that has the relation, and the last one of the relation, in which the library cleans up.
        is_related = len(self._charm.model.relations[relation_name]) == 1
        is_breaking = os.environ.get("JUJU_RELATION") == relation_name
        if self.data_error or not (is_related or is_breaking):
            return None
        from .certificate_requirer import CertificateRequirer

        return CertificateRequirer(
            self._charm, relationship_name=relation_name, certificate_requests=[self._request]
        )

    @cached_property
    def _request(self) -> "CertificateRequestAttributes":
        from charmlibs.interfaces.tls_certificates import CertificateRequestAttributes

        addresses = {host for host in self._hosts if is_ip(host)}
        return CertificateRequestAttributes(
            # Clients check the other names; this one has to be short.
            common_name=self._charm.app.name[:_LONGEST_COMMON_NAME],
            sans_dns=frozenset(self._hosts - addresses),
            sans_ip=frozenset(addresses),
        )
