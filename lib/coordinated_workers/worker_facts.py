"""The facts about a worker: its roles, and the data that its coordinator has published."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ops
import yaml

from ._compatibility import AssignableProperty, PublishedWorkerNames
from .interfaces.cluster import ClusterRequirer

if TYPE_CHECKING:
    from cosl import JujuTopology

logger = logging.getLogger(__name__)

_ROLE_OPTION = "role-"


class WorkerFacts(PublishedWorkerNames, ops.Object):
    """The part of `Worker` that reads, and changes nothing."""

    _charm: ops.CharmBase
    _container: ops.Container
    _pebble_layer: Callable[[], ops.pebble.Layer]
    _readiness_check_endpoint: str | Callable[[], str] | None
    cluster: ClusterRequirer

    @AssignableProperty
    def topology(self) -> "JujuTopology":
        """Return the Juju topology of this unit, for labels on telemetry."""
        return self.cluster.juju_topology

    @property
    def roles(self) -> list[str]:
        """The roles that the operator has given to this application, in the order of its configuration."""
        return [
            option.removeprefix(_ROLE_OPTION)
            for option, value in self._charm.config.items()
            if option.startswith(_ROLE_OPTION) and value is True
        ]

    @property
    def _role_options(self) -> list[str]:
        options = {*self._charm.meta.config, *self._charm.config}
        return sorted(option for option in options if option.startswith(_ROLE_OPTION))

    @property
    def pebble_layer(self) -> ops.pebble.Layer | None:
        """The charm's layer for the services; None if the charm's code fails, which is logged."""
        try:
            return self._pebble_layer()
        except Exception:  # an error in the charm's code must not stop the rest
            logger.exception("cannot get the Pebble layer from the charm")
            return None

    def charm_tracing_config(self) -> tuple[str | None, str | None]:
        """Return the endpoint of this charm's traces, OTLP over HTTP, and the path of the CA to trust there.

        There is no CA for plain HTTP, and for HTTPS no endpoint without a CA.
        """
        endpoint, ca_cert = self._charm_tracing()
        if not ca_cert:
            return endpoint, None
        file = self._charm.charm_dir / "charm-tracing-ca.crt"
        file.write_text(ca_cert)
        return endpoint, str(file)

    def is_ready(self) -> bool:
        """Return whether the worker has all that it needs to run: container, role and configuration."""
        return self._container.can_connect() and self._has_purpose

    @property
    def _worker_config(self) -> dict[str, Any]:
        """The configuration to write; a subclass may change the coordinator's."""
        return self.cluster.get_worker_config()

    @property
    def _changes_config(self) -> bool:
        """Return whether a subclass changes the configuration."""
        return type(self)._worker_config is not WorkerFacts._worker_config

    @property
    def _has_purpose(self) -> bool:
        """Return whether there is something to run: a role and a configuration for it."""
        return bool(self.roles) and self._has_config

    @property
    def _has_config(self) -> bool:
        return bool(self._worker_config if self._changes_config else self.cluster.get_worker_config_text())

    @property
    def _data_problem(self) -> str | None:
        """Return the reason why the coordinator's databag is unusable; None if it is usable, or empty."""
        return self.cluster.data_error or (
            self.cluster.config_problem
            if self._changes_config and not self.cluster.get_worker_config()
            else None
        )

    def _config_text(self) -> str:
        """Return the text to write: the coordinator's own, unless a subclass changes it."""
        if self._changes_config:
            return yaml.safe_dump(self._worker_config)
        return self.cluster.get_worker_config_text() or ""

    def _charm_tracing(self) -> tuple[str | None, str | None]:
        """Return the endpoint, and the CA that is to be trusted there as PEM text."""
        endpoint = self.cluster.get_charm_tracing_receivers().get("otlp_http", "")
        if endpoint.startswith("http://"):
            return endpoint, None
        if endpoint.startswith("https://") and self._ca_cert:
            return endpoint, self._ca_cert
        return None, None

    @property
    def _ca_cert(self) -> str | None:
        tls = self.cluster.get_tls_data(allow_none=True)
        return tls.ca_cert if tls else None

    def _readiness_url(self) -> str | None:
        if callable(self._readiness_check_endpoint):
            return self._readiness_check_endpoint()
        return self._readiness_check_endpoint
