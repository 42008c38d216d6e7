"""nginx in its container."""

import logging
from collections.abc import Callable

import ops

from k8s_charm import Deadline

from .. import pebble
from .._compatibility import can_connect
from ..models import TLSConfig
from ._options import DEFAULT_OPTIONS, NginxMappingOverrides, NginxOptions
from ._paths import CA_CERT_PATH, CERT_PATH, KEY_PATH, NGINX_CONFIG, NGINX_LOADED
from ._revision import is_rejected

logger = logging.getLogger(__name__)

RELOAD_TIMEOUT = 10.0  # seconds

_TLS, _PLAIN = "TLS", "plain"


class Nginx:
    """nginx in its container, kept running with a configuration and a certificate."""

    config_path = NGINX_CONFIG

    def __init__(
        self,
        charm: ops.CharmBase,
        options: NginxMappingOverrides | None = None,
        container_name: str = "nginx",
        liveness_check_endpoint_getter: Callable[[bool], str] | None = None,
        deadline: Deadline | None = None,
    ):
        """Manage one container.

        Args:
            charm: The charm whose unit has the container.
            options: Ports that are not the usual ones.
            container_name: The container's name in charmcraft.yaml, and that of the service in it.
            liveness_check_endpoint_getter: Returns, given whether nginx uses TLS, the URL of Pebble's
                liveness check; nginx is restarted when it fails.
            deadline: The end of the hook's time for waiting; of a hook that begins now if None.
        """
        self.options: NginxOptions = {**DEFAULT_OPTIONS, **(options or {})}
        self.problem: str | None = None
        """The reason why nginx is not in the state of the last `reconcile`; None if it is."""
        self._container = charm.unit.get_container(container_name)
        self._service = container_name
        self._deadline = deadline or Deadline()
        self._liveness_check_endpoint_getter = liveness_check_endpoint_getter

    @property
    def are_certificates_on_disk(self) -> bool:
        """Return whether nginx has the files that TLS needs."""
        return self._container.can_connect() and all(
            self._container.exists(path) for path in (CERT_PATH, KEY_PATH, CA_CERT_PATH)
        )

    @property
    def tls_config(self) -> TLSConfig | None:
        """The certificate that was last written for nginx, with its key; None if there is none."""
        if not self._container.can_connect():
            return None
        try:
            server_cert, ca_cert, key = (
                pebble.read(self._container, path) for path in (CERT_PATH, CA_CERT_PATH, KEY_PATH)
            )
        except ops.pebble.Error:
            return None
        return TLSConfig(server_cert, ca_cert, key) if server_cert and ca_cert and key else None

    @property
    def serves_tls(self) -> bool | None:
        """Return whether nginx uses TLS in the configuration that it last loaded; None if there is none yet.

        That is not always the one of the last `reconcile`, which nginx may have rejected.
        """
        if not can_connect(self._container):
            return None
        try:
            loaded = pebble.read(self._container, NGINX_LOADED) or ""
        except ops.pebble.Error:
            return None
        return {_TLS: True, _PLAIN: False}.get(loaded.rpartition(" ")[2])

    @property
    def layer(self) -> ops.pebble.Layer:
        """Return the Pebble layer."""
        return self._layer(self.are_certificates_on_disk)

    def reconcile(self, nginx_config: str, tls_config: TLSConfig | None = None) -> None:
        """Run nginx with a configuration; do nothing while the container cannot be reached.

        Only differences are written. nginx is reloaded, not restarted, if the text or a certificate differs
        from the last loaded one. If it rejects them, it continues with the loaded ones, `problem` has the
        reason, and the next call tries again.

        Args:
            nginx_config: The text of nginx.conf.
            tls_config: The certificate for the text; None removes the old one.
        """
        self.problem = None
        if not self._container.can_connect():
            return
        try:
            self._load(nginx_config, tls_config)
        except ops.pebble.Error as error:
            self.problem = pebble.reason(error)
            logger.error("nginx rejected the new configuration: %s", self.problem)

    def _load(self, nginx_config: str, tls_config: TLSConfig | None) -> None:
        before, certificates_before = pebble.read(self._container, NGINX_CONFIG), self.tls_config
        if tls_config:
            self._write_certificates(tls_config)
        pebble.write(self._container, NGINX_CONFIG, nginx_config)
        try:
            self._start_or_reload(nginx_config, tls_config, previous=before or "")
        except ops.pebble.Error:
            # the files on disk must be valid for a restart
            if before is not None:
                pebble.write(self._container, NGINX_CONFIG, before)
            if certificates_before:
                self._write_certificates(certificates_before)
            elif before is not None:
                self._remove_certificates()
            raise
        if not tls_config:
            self._remove_certificates()

    def _start_or_reload(self, nginx_config: str, tls_config: TLSConfig | None, previous: str) -> None:
        was_running = pebble.is_running(self._container, self._service)
        pebble.apply(self._container, self._service, self._layer(bool(tls_config)))
        certificates = (tls_config.server_cert, tls_config.ca_cert) if tls_config else ()
        loaded = f"{pebble.digest(nginx_config, *certificates)} {_TLS if tls_config else _PLAIN}"
        if was_running and pebble.read(self._container, NGINX_LOADED) == loaded:
            return
        if was_running:
            pebble.run(self._container, ["nginx", "-s", "reload"], self._deadline, RELOAD_TIMEOUT)
        if is_rejected(nginx_config, self._deadline, previous):
            raise ops.pebble.Error("its configuration is not served: check nginx's log for a port in use")
        pebble.write(self._container, NGINX_LOADED, loaded)

    def _write_certificates(self, tls_config: TLSConfig) -> None:
        pebble.write(self._container, KEY_PATH, tls_config.private_key, pebble.SECRET)
        pebble.write(self._container, CERT_PATH, tls_config.server_cert)
        if pebble.write(self._container, CA_CERT_PATH, tls_config.ca_cert):
            pebble.update_trust(self._container, self._deadline)

    def _remove_certificates(self) -> None:
        pebble.remove(self._container, KEY_PATH)
        pebble.remove(self._container, CERT_PATH)
        if pebble.remove(self._container, CA_CERT_PATH):
            pebble.update_trust(self._container, self._deadline)

    def _layer(self, tls: bool) -> ops.pebble.Layer:
        service: ops.pebble.ServiceDict = {
            "override": "replace",
            "summary": "nginx",
            "command": "nginx -g 'daemon off;'",
            "startup": "enabled",
        }
        if not self._liveness_check_endpoint_getter:
            return ops.pebble.Layer({"services": {self._service: service}})
        check = f"{self._service}-up"
        service["on-check-failure"] = {check: "restart"}
        url = self._liveness_check_endpoint_getter(tls)
        return ops.pebble.Layer(
            {
                "services": {self._service: service},
                "checks": {
                    check: {"override": "replace", "startup": "enabled", "threshold": 3, "http": {"url": url}}
                },
            }
        )
