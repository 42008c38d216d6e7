"""The exporter of nginx's metrics in its container."""

import json
import logging
import re
from collections.abc import Collection

import ops

from .. import pebble
from ..models import TLSConfig
from ._options import DEFAULT_OPTIONS, NginxMappingOverrides, NginxOptions
from ._paths import PROM_EXPORTER_CERT_PATH, PROM_EXPORTER_KEY_PATH, PROM_EXPORTER_WEB_CONFIG

logger = logging.getLogger(__name__)

_TARGET = re.compile(r"--nginx\.scrape-uri=(\S+)")


class NginxPrometheusExporter:
    """The exporter of nginx's own metrics in its container; it reads nginx's status page."""

    container_name = "nginx-prometheus-exporter"
    web_config_path = PROM_EXPORTER_WEB_CONFIG
    key_path = PROM_EXPORTER_KEY_PATH
    cert_path = PROM_EXPORTER_CERT_PATH

    def __init__(self, charm: ops.CharmBase, options: NginxMappingOverrides | None = None):
        """Manage the charm's container `nginx-prometheus-exporter`; options as for `Nginx`."""
        self.options: NginxOptions = {**DEFAULT_OPTIONS, **(options or {})}
        # two names that charms assign to
        self._nginx_port = self.options["nginx_port"]
        self._nginx_tls_port = self.options["nginx_tls_port"]
        self._listened_ports: Collection[int] = ()
        self._nginx_tls: bool | None = None
        self._kept_target: str | None = None
        self.problem: str | None = None
        """The reason why the exporter is not in the state of the last `reconcile`; None if it is."""
        self._container = charm.unit.get_container(self.container_name)

    @property
    def port(self) -> int:
        """Return the port at which the exporter serves /metrics."""
        return self.options["nginx_exporter_port"]

    @property
    def are_certificates_on_disk(self) -> bool:
        """Return whether the exporter has the files that TLS needs."""
        return self._container.can_connect() and all(
            self._container.exists(path) for path in (PROM_EXPORTER_CERT_PATH, PROM_EXPORTER_KEY_PATH)
        )

    @property
    def layer(self) -> ops.pebble.Layer:
        """Return the Pebble layer."""
        tls = self.are_certificates_on_disk
        return self._layer(
            tls, pebble.digest(pebble.read(self._container, PROM_EXPORTER_CERT_PATH) if tls else None)
        )

    def reconcile(
        self,
        tls_config: TLSConfig | None = None,
        listened_ports: Collection[int] = (),
        nginx_tls: bool | None = None,
        *,
        keeps_target: bool = False,
    ) -> None:
        """Run the exporter; do nothing while the container cannot be reached.

        Only differences are written. The exporter is restarted if its certificate differs.

        Args:
            tls_config: The certificate that the exporter uses TLS with; None: it does not.
            listened_ports: The ports on which nginx listens: it is asked on one of these.
            nginx_tls: Whether nginx uses TLS; None: as the exporter does.
            keeps_target: Whether the exporter keeps its present target, since nginx rejected its new
                configuration.
        """
        self.problem = None
        self._listened_ports, self._nginx_tls = listened_ports, nginx_tls
        if not self._container.can_connect():
            return
        try:
            self._kept_target = self._target() if keeps_target else None
            self._load(tls_config)
        except ops.pebble.Error as error:
            self.problem = pebble.reason(error)
            logger.error("the exporter of nginx's metrics failed to start: %s", self.problem)

    def _target(self) -> str | None:
        """Return the present target of the exporter; None if it does not run yet."""
        service = self._container.get_plan().services.get(self.container_name)
        found = _TARGET.search(service.command) if service else None
        return found[1] if found else None

    def _load(self, tls_config: TLSConfig | None) -> None:
        if tls_config:
            pebble.write(self._container, PROM_EXPORTER_KEY_PATH, tls_config.private_key, pebble.SECRET)
            pebble.write(self._container, PROM_EXPORTER_CERT_PATH, tls_config.server_cert)
        else:
            pebble.remove(self._container, PROM_EXPORTER_KEY_PATH)
            pebble.remove(self._container, PROM_EXPORTER_CERT_PATH)
        # a subclass or a test of a charm can have another answer than the files
        tls = bool(tls_config) or self.are_certificates_on_disk
        pebble.write(self._container, PROM_EXPORTER_WEB_CONFIG, _web_config(tls))
        digest = pebble.digest(tls_config.server_cert if tls_config else None)
        pebble.apply(self._container, self.container_name, self._layer(tls, digest))

    def _layer(self, tls: bool, digest: str) -> ops.pebble.Layer:
        nginx_tls = tls if self._nginx_tls is None else self._nginx_tls
        nginx_port = self._nginx_tls_port if nginx_tls else self._nginx_port
        if self._listened_ports and nginx_port not in self._listened_ports:
            nginx_port = min(self._listened_ports)
        target = self._kept_target or f"{'https' if nginx_tls else 'http'}://127.0.0.1:{nginx_port}/status"
        command = (
            "nginx-prometheus-exporter",
            f"--web.listen-address=:{self.port}",
            f"--nginx.scrape-uri={target}",
            # the certificate is for the name of the unit, not for the loopback address
            "--no-nginx.ssl-verify",
            f"--web.config.file={PROM_EXPORTER_WEB_CONFIG}",
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
    files = {"cert_file": PROM_EXPORTER_CERT_PATH, "key_file": PROM_EXPORTER_KEY_PATH}
    # JSON is YAML, which the exporter reads
    return json.dumps({"tls_server_config": files} if tls else {}) + "\n"
