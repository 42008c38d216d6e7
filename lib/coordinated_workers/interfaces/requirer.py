"""The workers' side of the cluster relation."""

import copy
import functools
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import ops
import pydantic

import relation_data
from k8s_charm import label_value

from .._compatibility import AssignableProperty
from . import config_secrets, databags
from .databags import (
    ClusterRequirerAppData,
    ClusterRequirerUnitData,
    CoordinatorOffer,
    RemoteWriteEndpoint,
    WorkerTopology,
)
from .provider import DEFAULT_ENDPOINT_NAME
from .validation import PART_OF, WorkerAddress

if TYPE_CHECKING:
    from cosl import JujuTopology

logger = logging.getLogger(__name__)

_ADDRESS: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(WorkerAddress)


class ClusterError(Exception):
    """The base of this module's exceptions."""


class DatabagAccessPermissionError(ClusterError):
    """A unit that is not the leader cannot write the application's databag."""


class TLSData(NamedTuple):
    """The TLS material that the coordinator publishes; each is PEM text, except the secret's id."""

    ca_cert: str | None
    server_cert: str | None
    privkey_secret_id: str | None
    s3_tls_ca_chain: str | None


class ConfigReceivedEvent(ops.EventBase):
    """The coordinator has published a configuration."""

    def __init__(self, handle: ops.Handle, text: str):
        super().__init__(handle)
        self._text = text

    @property
    def config(self) -> dict[str, Any]:
        """The workload's configuration; empty if it is not a mapping in YAML."""
        return _parse(self._text)[0]

    def snapshot(self) -> dict[str, Any]:
        """Return the data of this event that the framework stores."""
        return {"text": self._text}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Restore the data of a stored event."""
        self._text = snapshot["text"]


class ClusterRemovedEvent(ops.EventBase):
    """The coordinator is removed, or has withdrawn its configuration."""


class ClusterRequirerEvents(ops.ObjectEvents):
    """The events of `ClusterRequirer`."""

    config_received = ops.EventSource(ConfigReceivedEvent)
    created = ops.EventSource(ops.RelationCreatedEvent)
    removed = ops.EventSource(ClusterRemovedEvent)


class ClusterRequirer(ops.Object):
    """The workers' side.

    Args:
        charm: the worker's charm.
        key: the name of this object among those of the charm, if it is not the endpoint's.
        endpoint: the relation's name in charmcraft.yaml.
    """

    on = ClusterRequirerEvents()

    def __init__(self, charm: ops.CharmBase, key: str | None = None, endpoint: str = DEFAULT_ENDPOINT_NAME):
        super().__init__(charm, key or endpoint)
        self._charm = charm
        self._endpoint = endpoint
        on = charm.on[endpoint]
        self.framework.observe(on.relation_created, self._on_relation_created)
        self.framework.observe(on.relation_changed, self._on_relation_changed)
        self.framework.observe(on.relation_broken, self._on_relation_broken)

    @functools.cached_property
    def juju_topology(self) -> "JujuTopology":
        """Return the Juju topology of this unit, for labels on telemetry."""
        from cosl import JujuTopology

        return JujuTopology.from_charm(self._charm)

    @AssignableProperty
    def relation(self) -> ops.Relation | None:
        """The relation to the coordinator, if there is one: of several, the oldest."""
        relations = (relation for relation in self.model.relations[self._endpoint] if relation.app)
        return min(relations, key=lambda relation: relation.id, default=None)

    def publish_unit_address(self, url: str) -> None:
        """Publish this unit's address and topology to the coordinator.

        Args:
            url: the unit's FQDN or IP address.

        Raises:
            ValueError: if it is neither.
        """
        address = _ADDRESS.validate_python(url)
        if relation := self.relation:
            topology = WorkerTopology(
                application=self._charm.app.name, unit=self._charm.unit.name, charm_name=self._charm.meta.name
            )
            data = ClusterRequirerUnitData(juju_topology=topology, address=address, takes_config_secrets=True)
            databags.save(relation, self._charm.unit, data)

    def publish_app_roles(self, roles: Iterable[str]) -> None:
        """Publish the roles of this application to the coordinator; no roles remove the published ones.

        Raises:
            DatabagAccessPermissionError: if this unit is not the leader.
        """
        if not self._charm.unit.is_leader():
            raise DatabagAccessPermissionError("only the leader publishes the application's roles")
        if relation := self.relation:
            if role := ",".join(roles):
                databags.save(relation, self._charm.app, ClusterRequirerAppData(role=role))
            else:
                relation_data.write(relation, self._charm.app, {"role": ""})

    def is_published(self) -> bool:
        """Return whether this unit has published all its data; for the leader, the roles as well."""
        relation = self.relation
        if relation is None:
            return False
        try:
            unit_data = databags.load(relation, self._charm.unit, ClusterRequirerUnitData)
            if unit_data is None or not self._charm.unit.is_leader():
                return unit_data is not None
            app_data = databags.load(relation, self._charm.app, ClusterRequirerAppData)
        except ValueError:
            return False
        return bool(app_data and app_data.role)

    def get_worker_config(self) -> dict[str, Any]:
        """Return the workload's configuration; empty if there is none, or if it is not a mapping in YAML."""
        return copy.deepcopy(self._config[0])

    @property
    def config_problem(self) -> str | None:
        """Return the reason why `get_worker_config` ignores what is published; None if it does not."""
        return self._config[1]

    def get_worker_config_text(self) -> str | None:
        """Return the workload's configuration as the coordinator wrote it."""
        return self._offer.worker_config if self._offer else None

    def get_worker_ports(self) -> tuple[int, ...] | None:
        """Return the ports that the worker is to open; None if the coordinator published none."""
        return tuple(self._offer.worker_ports) if self._offer and self._offer.worker_ports else None

    def get_loki_endpoints(self) -> dict[str, str]:
        """Loki unit → the URL it takes logs at."""
        return dict(self._offer.loki_endpoints or {}) if self._offer else {}

    def get_tls_data(self, allow_none: bool = False) -> TLSData | None:
        """Return the certificates, and the id of the secret with the private key.

        Args:
            allow_none: return the existing values, even if they are not enough for TLS.
        """
        if (offer := self._offer) is None:
            return None
        if not allow_none and not (offer.ca_cert and offer.server_cert and offer.privkey_secret_id):
            return None
        return TLSData(offer.ca_cert, offer.server_cert, offer.privkey_secret_id, offer.s3_tls_ca_chain)

    def get_charm_tracing_receivers(self) -> dict[str, str]:
        """Protocol → where the charm sends its traces."""
        return dict(self._offer.charm_tracing_receivers or {}) if self._offer else {}

    def get_workload_tracing_receivers(self) -> dict[str, str]:
        """Protocol → where the workload sends its traces."""
        return dict(self._offer.workload_tracing_receivers or {}) if self._offer else {}

    def get_remote_write_endpoints(self) -> list[RemoteWriteEndpoint]:
        """Return the backends that take the workload's metrics."""
        return list(self._offer.remote_write_endpoints or []) if self._offer else []

    def get_worker_labels(self) -> dict[str, str]:
        """Return the labels that the worker is to put on its pods."""
        return dict(self._offer.worker_labels or {}) if self._offer else {}

    @property
    def data_error(self) -> str | None:
        """Return the reason why the coordinator's data are unusable; None if they are usable, or absent."""
        return self._received[1]

    def refused(self) -> list[str]:
        """Return the ignored entries of the coordinator's databag, with reasons; empty if all are valid."""
        if self.data_error:
            return [self.data_error]
        return list(self._offer.refused) if self._offer else []

    @property
    def _offer(self) -> CoordinatorOffer | None:
        return self._received[0]

    @functools.cached_property
    def _received(self) -> tuple[CoordinatorOffer | None, str | None]:
        if (relation := self.relation) is None:
            return None, self._unknown
        try:
            offer = databags.load(relation, relation.app, CoordinatorOffer)
            offer = offer and _without_label_of_others(offer, relation.app.name)
            for refused in offer.refused if offer else ():
                logger.warning("ignored data of %s over %s: %s", relation.app.name, self._endpoint, refused)
            return self._with_secrets(offer) if offer else None, None
        except ValueError as error:
            logger.warning("ignored databag of %s over %s: %s", relation.app.name, self._endpoint, error)
            return None, str(error)

    @property
    def _unknown(self) -> str | None:
        """Return the reason why it is not known whether there is a coordinator; None if there is none."""
        try:
            for relation in self.model.relations[self._endpoint]:
                relation_data.read_remote(relation)
        except relation_data.DatabagError as error:
            return str(error)
        return None

    def _with_secrets(self, offer: CoordinatorOffer) -> CoordinatorOffer:
        """Return the offer with the secrets of the configuration filled in.

        Raises:
            ValueError: if they cannot be read.
        """
        if not offer.worker_config_secret_id:
            return offer
        secrets = config_secrets.read(self.model, offer.worker_config_secret_id)
        return offer.model_copy(update={"worker_config": config_secrets.filled(offer.worker_config, secrets)})

    @functools.cached_property
    def _config(self) -> tuple[dict[str, Any], str | None]:
        return _parse(self.get_worker_config_text() or "")

    def _on_relation_created(self, event: ops.RelationCreatedEvent) -> None:
        self.on.created.emit(relation=event.relation, app=event.app, unit=event.unit)

    def _on_relation_changed(self, _: ops.RelationChangedEvent) -> None:
        if text := self.get_worker_config_text():
            self.on.config_received.emit(text)
        elif self.is_published() and not self.data_error:
            self.on.removed.emit()

    def _on_relation_broken(self, _: ops.RelationBrokenEvent) -> None:
        self.on.removed.emit()


def _without_label_of_others(offer: CoordinatorOffer, coordinator: str) -> CoordinatorOffer:
    """Return the offer without the label of another cluster, by which others select the pods of that one."""
    labels = dict(offer.worker_labels or {})
    if labels.pop(PART_OF, None) in (None, label_value(coordinator)):
        return offer
    refused = f"worker_labels[{PART_OF!r}]: not the name of {coordinator}"
    return offer.model_copy(update={"worker_labels": labels, "refused": (*offer.refused, refused)})


def _parse(text: str) -> tuple[dict[str, Any], str | None]:
    """Return the configuration, and the reason if the text is invalid."""
    try:
        config: object = relation_data.parse_yaml(text) if text else {}
    except relation_data.InvalidYAMLError as error:
        return {}, f"worker_config: {error}"
    if not isinstance(config, dict):
        return {}, "worker_config: not a mapping in YAML"
    return cast("dict[str, Any]", config), None
