"""nginx and its exporter in their containers."""

import hashlib
import json
import logging
from collections.abc import Callable
from typing import TypedDict

import ops

from .. import deadline
from ..models import TLSConfig
from ._paths import (
    CA_CERT_PATH,
    CERT_PATH,
    EXPORTER_CERT_PATH,
    EXPORTER_KEY_PATH,
    EXPORTER_WEB_CONFIG,
    KEY_PATH,
    NGINX_CONFIG,
    NGINX_LOADED,
)
from ._pebble import apply, is_running, read, remove, write

logger = logging.getLogger(__name__)

SECRET = 0o600
RELOAD_TIMEOUT = 10.0  # seconds
UPDATE_CA_TIMEOUT = 10.0


class NginxOptions(TypedDict):
    """The ports of nginx and its exporter."""

    nginx_port: int
    nginx_tls_port: int
    nginx_exporter_port: int


class NginxMappingOverrides(TypedDict, total=False):
    """Those of the ports that are not the usual ones."""

    nginx_port: int
    nginx_tls_port: int
    nginx_exporter_port: int


DEFAULT_OPTIONS: NginxOptions = {"nginx_port": 8080, "nginx_tls_port": 443, "nginx_exporter_port": 9113}


class Nginx:
    """nginx in its container, kept running with the configuration and certificate that it is given."""

    config_path = NGINX_CONFIG

    def __init__(
        self,
        charm: ops.CharmBase,
        options: NginxMappingOverrides | None = None,
        container_name: str = "nginx",
        liveness_check_endpoint_getter: Callable[[bool], str] | None = None,
    ):
        """Look after one container.

        Args:
            charm: The charm whose unit has the container.
            options: Ports that are not the usual ones.
            container_name: The container's name in charmcraft.yaml, and that of the service in it.
            liveness_check_endpoint_getter: Given whether nginx speaks TLS, the URL that Pebble gets
                to see that nginx answers; when it does not, nginx is restarted.
        """
        self.options: NginxOptions = {**DEFAULT_OPTIONS, **(options or {})}
        self.problem: str | None = None
        """Why nginx does not do what the last `reconcile` wanted, in words; None if it does."""
        self._charm = charm
        self._container = charm.unit.get_container(container_name)
        self._service = container_name
        self._liveness_check_endpoint_getter = liveness_check_endpoint_getter

    @property
    def are_certificates_on_disk(self) -> bool:
        """Whether nginx has what it needs to speak TLS."""
        return self._container.can_connect() and all(
            self._container.exists(path) for path in (CERT_PATH, KEY_PATH, CA_CERT_PATH)
        )

    @property
    def tls_config(self) -> TLSConfig | None:
        """The certificate that nginx was last given, with its key; None if there is none to be read."""
        if not self._container.can_connect():
            return None
        try:
            server_cert, ca_cert, key = (
                read(self._container, path) for path in (CERT_PATH, CA_CERT_PATH, KEY_PATH)
            )
        except ops.pebble.Error:
            return None
        return TLSConfig(server_cert, ca_cert, key) if server_cert and ca_cert and key else None

    @property
    def layer(self) -> ops.pebble.Layer:
        """What Pebble is to run."""
        return self._layer(self.are_certificates_on_disk)

    def reconcile(self, nginx_config: str, tls_config: TLSConfig | None = None) -> None:
        """Have nginx run with a configuration; does nothing as long as the container can't be reached.

        What is as it should be is not touched. nginx is reloaded, not restarted, if the text or a
        certificate differs from what it last loaded. If it does not take them it goes on with what
        it has, `problem` says why, and the next call tries again.

        Args:
            nginx_config: The text of nginx.conf.
            tls_config: The certificate that the text speaks of; None removes the old one.
        """
        self.problem = None
        if not self._container.can_connect():
            return
        try:
            self._load(nginx_config, tls_config)
        except ops.pebble.Error as error:
            self.problem = _reason(error)
            logger.error("nginx does not take its new configuration: %s", self.problem)

    def _load(self, nginx_config: str, tls_config: TLSConfig | None) -> None:
        before = read(self._container, NGINX_CONFIG)
        if tls_config:
            self._write_certificates(tls_config)
        write(self._container, NGINX_CONFIG, nginx_config)
        try:
            self._start_or_reload(nginx_config, tls_config)
        except (ops.pebble.ChangeError, ops.pebble.ExecError):
            if before is not None:
                # what is on disk must be good for a restart
                write(self._container, NGINX_CONFIG, before)
            raise
        if not tls_config:
            self._remove_certificates()

    def _start_or_reload(self, nginx_config: str, tls_config: TLSConfig | None) -> None:
        was_running = is_running(self._container, self._service)
        apply(self._container, self._service, self._layer(bool(tls_config)))
        certificates = (tls_config.server_cert, tls_config.ca_cert) if tls_config else ()
        loaded = _digest(nginx_config, *certificates)
        if read(self._container, NGINX_LOADED) == loaded:
            return
        if was_running:
            deadline.run(self._charm, self._container, ["nginx", "-s", "reload"], RELOAD_TIMEOUT)
        write(self._container, NGINX_LOADED, loaded)

    def _write_certificates(self, tls_config: TLSConfig) -> None:
        write(self._container, KEY_PATH, tls_config.private_key, SECRET)
        write(self._container, CERT_PATH, tls_config.server_cert)
        if write(self._container, CA_CERT_PATH, tls_config.ca_cert):
            self._update_trust()

    def _remove_certificates(self) -> None:
        remove(self._container, KEY_PATH)
        remove(self._container, CERT_PATH)
        if remove(self._container, CA_CERT_PATH):
            self._update_trust()

    def _update_trust(self) -> None:
        try:
            command = ["update-ca-certificates", "--fresh"]
            deadline.run(self._charm, self._container, command, UPDATE_CA_TIMEOUT)
        except ops.pebble.Error as error:
            # nginx serves with its certificate all the same
            logger.warning("the CA is not among those that nginx's container trusts: %s", _reason(error))

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


class NginxPrometheusExporter:
    """The exporter of nginx's own metrics in its container; it reads nginx's status page."""

    container_name = "nginx-prometheus-exporter"

    def __init__(self, charm: ops.CharmBase, options: NginxMappingOverrides | None = None):
        """Look after the charm's container `nginx-prometheus-exporter`; options as for `Nginx`."""
        self.options: NginxOptions = {**DEFAULT_OPTIONS, **(options or {})}
        self.problem: str | None = None
        """Why the exporter does not do what the last `reconcile` wanted, in words; None if it does."""
        self._container = charm.unit.get_container(self.container_name)

    @property
    def port(self) -> int:
        """Where the exporter serves /metrics."""
        return self.options["nginx_exporter_port"]

    @property
    def are_certificates_on_disk(self) -> bool:
        """Whether the exporter has what it needs to speak TLS."""
        return self._container.can_connect() and all(
            self._container.exists(path) for path in (EXPORTER_CERT_PATH, EXPORTER_KEY_PATH)
        )

    @property
    def layer(self) -> ops.pebble.Layer:
        """What Pebble is to run."""
        tls = self.are_certificates_on_disk
        return self._layer(tls, _digest(read(self._container, EXPORTER_CERT_PATH) if tls else None))

    def reconcile(self, tls_config: TLSConfig | None = None) -> None:
        """Have the exporter run; does nothing as long as the container can't be reached.

        What is as it should be is not touched. The exporter is restarted if its certificate differs.

        Args:
            tls_config: The certificate that nginx and the exporter speak TLS with; None: neither does.
        """
        self.problem = None
        if not self._container.can_connect():
            return
        try:
            self._load(tls_config)
        except ops.pebble.Error as error:
            self.problem = _reason(error)
            logger.error("the exporter of nginx's metrics does not run as it should: %s", self.problem)

    def _load(self, tls_config: TLSConfig | None) -> None:
        if tls_config:
            write(self._container, EXPORTER_KEY_PATH, tls_config.private_key, SECRET)
            write(self._container, EXPORTER_CERT_PATH, tls_config.server_cert)
        write(self._container, EXPORTER_WEB_CONFIG, _web_config(bool(tls_config)))
        digest = _digest(tls_config.server_cert if tls_config else None)
        apply(self._container, self.container_name, self._layer(bool(tls_config), digest))
        if not tls_config:
            remove(self._container, EXPORTER_KEY_PATH)
            remove(self._container, EXPORTER_CERT_PATH)

    def _layer(self, tls: bool, digest: str) -> ops.pebble.Layer:
        nginx_port = self.options["nginx_tls_port" if tls else "nginx_port"]
        command = (
            "nginx-prometheus-exporter",
            f"--web.listen-address=:{self.port}",
            f"--nginx.scrape-uri={'https' if tls else 'http'}://127.0.0.1:{nginx_port}/status",
            # the certificate is for the name of the unit, not for the loopback address
            "--no-nginx.ssl-verify",
            f"--web.config.file={EXPORTER_WEB_CONFIG}",
        )
        return ops.pebble.Layer(
            {
                "services": {
                    self.container_name: {
                        "override": "replace",
                        "summary": "nginx prometheus exporter",
                        "command": " ".join(command),
                        "startup": "enabled",
                        # a service is restarted when its layer changes, and a certificate is not in it
                        "environment": {"_reload": digest},
                    }
                }
            }
        )


def _web_config(tls: bool) -> str:
    files = {"cert_file": EXPORTER_CERT_PATH, "key_file": EXPORTER_KEY_PATH}
    # JSON is YAML, which the exporter reads
    return json.dumps({"tls_server_config": files} if tls else {}) + "\n"


def _digest(*texts: str | None) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _reason(error: ops.pebble.Error) -> str:
    """An error of Pebble on one line; the end of what a command printed says most."""
    return " ".join(str(error).split())[-300:]
