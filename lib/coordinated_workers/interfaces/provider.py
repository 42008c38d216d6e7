"""The coordinator's side of the cluster relation."""

import collections
import functools
import itertools
import logging
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import ops

from . import config_secrets, databags
from .databags import ClusterProviderAppData, RemoteWriteEndpoint
from .worker_applications import PublishedUnit, WorkerApplication, WorkerApplications

if TYPE_CHECKING:
    from cosl import JujuTopology

logger = logging.getLogger(__name__)

DEFAULT_ENDPOINT_NAME = "-cluster"


class ClusterChangedEvent(ops.EventBase):
    """An event emitted when the workers may have changed."""


class ClusterProviderEvents(ops.ObjectEvents):
    """The events of `ClusterProvider`."""

    changed = ops.EventSource(ClusterChangedEvent)


@dataclass(frozen=True)
class PublishedTLS:
    """The certificate of the workers, as PEM text, and the secret with its key."""

    ca_cert: str
    server_cert: str
    privkey_secret_id: str


class ClusterProvider(ops.Object):
    """The coordinator's side.

    Args:
        charm: the coordinator's charm.
        roles: all roles of the cluster, the meta roles among them.
        meta_roles: meta role → the roles it stands for.
        key: the name of this object among those of the charm, if it is not the endpoint's.
        endpoint: the relation's name in charmcraft.yaml.
        worker_ports: role → the ports that a worker of this role opens; called with each role as published.
    """

    on = ClusterProviderEvents()
    _stored = ops.StoredState()

    def __init__(
        self,
        charm: ops.CharmBase,
        roles: Iterable[str],
        meta_roles: Mapping[str, Iterable[str]] | None = None,
        key: str | None = None,
        endpoint: str = DEFAULT_ENDPOINT_NAME,
        worker_ports: Callable[[str], Sequence[int]] | None = None,
    ):
        super().__init__(charm, key or endpoint)
        self._charm = charm
        self._endpoint = endpoint
        self._worker_ports = worker_ports
        self._stored.set_default(last_read={})
        last_read = cast("MutableMapping[str, str]", self._stored.last_read)
        self._workers = WorkerApplications(charm, endpoint, roles, meta_roles or {}, last_read)
        self.own_hosts = self._workers.own_hosts
        on = charm.on[endpoint]
        for event in (
            on.relation_created,
            on.relation_joined,
            on.relation_changed,
            on.relation_departed,
            on.relation_broken,
        ):
            self.framework.observe(event, self._on_cluster_changed)

    def _on_cluster_changed(self, _: ops.EventBase) -> None:
        self.on.changed.emit()

    @functools.cached_property
    def juju_topology(self) -> "JujuTopology":
        """Return the Juju topology of this unit, for labels on telemetry."""
        from cosl import JujuTopology

        return JujuTopology.from_charm(self._charm)

    def grant_privkey(self, label: str) -> str | None:
        """Grant the secret of this label to all workers that do not have it yet.

        Returns:
            The secret's id, to be published; None if there is no such secret (yet), and on a unit that is
            not the leader.
        """
        if not self._charm.unit.is_leader():
            return None
        try:
            secret = self.model.get_secret(label=label)
            secret_id = secret.get_info().id
        except ops.ModelError as error:
            logger.warning("cannot read the secret with the private key: %s", type(error).__name__)
            return None
        for relation in self._workers.relations:
            published = self._published(relation)
            # The id is published only after a grant.
            if not published or published.privkey_secret_id != secret_id:
                self._grant(secret, relation)
        return secret_id

    @property
    def unit_names(self) -> frozenset[str]:
        """The names of the workers' units, as Juju calls them in this model."""
        units = itertools.chain.from_iterable(relation.units for relation in self._workers.relations)
        return frozenset(unit.name for unit in units)

    def published_labels(self) -> dict[str, str]:
        """Return the labels last published to workers; none on a unit that is not the leader."""
        if not self._charm.unit.is_leader():
            return {}
        for relation in self._workers.relations:
            published = self._published(relation)
            if published and published.worker_labels:
                return published.worker_labels
        return {}

    def published_tls(self) -> PublishedTLS | None:
        """Return the certificate that workers were last sent; None on a unit that is not the leader."""
        published = map(self._published, self._workers.relations if self._charm.unit.is_leader() else ())
        for each in published:
            if each and each.ca_cert and each.server_cert and each.privkey_secret_id:
                return PublishedTLS(each.ca_cert, each.server_cert, each.privkey_secret_id)
        return None

    def _published(self, relation: ops.Relation) -> ClusterProviderAppData | None:
        """Return the data that this application published to a worker application, if any."""
        try:
            return databags.load(relation, self._charm.app, ClusterProviderAppData)
        except ValueError:
            return None

    def publish_data(  # noqa: PLR0913 - published
        self,
        worker_config: str,
        ca_cert: str | None = None,
        server_cert: str | None = None,
        s3_tls_ca_chain: str | None = None,
        privkey_secret_id: str | None = None,
        loki_endpoints: dict[str, str] | None = None,
        charm_tracing_receivers: dict[str, str] | None = None,
        workload_tracing_receivers: dict[str, str] | None = None,
        remote_write_endpoints: list[RemoteWriteEndpoint] | None = None,
        worker_labels: dict[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """Publish this to each worker application that has a role; a value that is None is removed.

        Writes no key whose value did not change, and nothing at all on a unit that is not the leader. The
        `secrets` in `worker_config` are sent to workers in a Juju secret; in plain text to those of older
        releases, which cannot fill them in.
        """
        if not self._charm.unit.is_leader():
            return
        data = ClusterProviderAppData(
            worker_config=worker_config,
            ca_cert=ca_cert,
            server_cert=server_cert,
            s3_tls_ca_chain=s3_tls_ca_chain,
            privkey_secret_id=privkey_secret_id,
            loki_endpoints=loki_endpoints,
            charm_tracing_receivers=charm_tracing_receivers,
            workload_tracing_receivers=workload_tracing_receivers,
            remote_write_endpoints=remote_write_endpoints,
            worker_labels=worker_labels,
        )
        for worker in self._workers.all:
            if worker.role:
                config = self._config_for(worker, worker_config, secrets or {})
                changes = {**config, "worker_ports": self._ports_of(worker.role)}
                databags.save(worker.relation, self._charm.app, data.model_copy(update=changes))

    def _config_for(self, worker: WorkerApplication, text: str, secrets: Mapping[str, str]) -> dict[str, str]:
        """Return the configuration in this application's form, and the secret that completes it."""
        if not (worker.units and all(unit.data.takes_config_secrets for unit in worker.units)):
            return {"worker_config": text}
        public, content = config_secrets.redacted(text, secrets)
        published = self._published(worker.relation)
        # Once it has been sent by secret, it is never sent in plain text, even if Juju's secrets are
        # unavailable.
        secret_id = published.worker_config_secret_id if published else None
        if content and (shared := config_secrets.share(self._charm, content)):
            secret, new_id = shared
            if new_id == secret_id or self._grant(secret, worker.relation):
                secret_id = new_id
        if not (content and secret_id):
            return {"worker_config": text}
        return {"worker_config": public, "worker_config_secret_id": secret_id}

    def _grant(self, secret: ops.Secret, relation: ops.Relation) -> bool:
        """Grant a secret to a worker application; return whether Juju accepts that."""
        try:
            secret.grant(relation)
        except ops.ModelError as error:
            logger.warning("%s:%d: secret not granted: %s", relation.name, relation.id, type(error).__name__)
            return False
        return True

    def publish_labels(self, worker_labels: dict[str, str]) -> None:
        """Publish these labels to the worker applications that were sent data, also by an incomplete cluster.

        Writes no key whose value did not change, and nothing on a unit that is not the leader.
        """
        if not self._charm.unit.is_leader():
            return
        for relation in self._workers.relations:
            known = self._published(relation)
            if known:
                labels = {"worker_labels": worker_labels}
                databags.save(relation, self._charm.app, known.model_copy(update=labels))

    def _ports_of(self, role: str) -> list[int] | None:
        if self._worker_ports is None:
            return None
        return sorted(set[int]().union(*map(self._worker_ports, role.split(","))))

    @property
    def has_workers(self) -> bool:
        """Return whether any worker application is related, ready or not."""
        return bool(self._workers.relations)

    def gather_addresses_by_role(self) -> dict[str, set[str]]:
        """Role → the addresses of the units that have it. A role that no unit has gives an empty set."""
        addresses: dict[str, set[str]] = collections.defaultdict(set)
        for worker in self._workers.all:
            for role in worker.roles:
                addresses[role] |= {unit.data.address for unit in worker.units}
        return addresses

    def gather_addresses(self) -> tuple[str, ...]:
        """Return the addresses of all units that have a role, sorted."""
        return tuple(sorted(set[str]().union(*self.gather_addresses_by_role().values())))

    @property
    def published_units(self) -> list[PublishedUnit]:
        """The units that have published their data, with a role or without."""
        return list(itertools.chain.from_iterable(worker.units for worker in self._workers.all))

    def gather_roles(self) -> dict[str, int]:
        """Role → the number of units that have it, for each role that any unit has."""
        roles: collections.Counter[str] = collections.Counter()
        for worker in self._workers.all:
            for role in worker.roles:
                roles[role] += worker.number
        return {role: number for role, number in roles.items() if number}

    def gather_topology(self) -> list[dict[str, str]]:
        """Return address, application, unit and charm name of each unit that published them, sorted."""
        published = [unit.data for unit in self.published_units]
        return [{"address": each.address, **each.juju_topology.model_dump()} for each in published]

    @property
    def unroutable_addresses(self) -> frozenset[str]:
        """The published addresses to which no request is sent: of this machine, or with a port."""
        return frozenset(unit.data.address for unit in self.published_units if not unit.is_routable)

    def get_address_from_role(self, role: str) -> str | None:
        """Return the address of one unit that has this role, the same one as long as it has."""
        return min(self.gather_addresses_by_role()[role], default=None)

    def refused(self) -> dict[str, str]:
        """Return unit or application → the invalid part of its databag, which is ignored everywhere else."""
        _ = self._workers.all
        return dict(self._workers.refused)
