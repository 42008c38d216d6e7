"""A coordinator's nginx: its settings, its configuration file, and its container."""

from ..models import TLSConfig as TLSConfig
from ._checks import BackendURL, NginxValueError, Refusal, check_host, check_port
from ._compatibility import Path as Path
from ._compatibility import nginx_class
from ._config import NginxConfig
from ._exporter import NginxPrometheusExporter
from ._nginx import Nginx
from ._options import DEFAULT_OPTIONS, NginxMappingOverrides, NginxOptions
from ._parts import (
    NginxLocationConfig,
    NginxLocationModifier,
    NginxMapConfig,
    NginxTracingConfig,
    NginxUpstream,
)
from ._paths import (
    CA_CERT_PATH,
    CERT_PATH,
    KEY_PATH,
    NGINX_CONFIG,
    NGINX_DIR,
    PROM_EXPORTER_CERT_PATH,
    PROM_EXPORTER_DIR,
    PROM_EXPORTER_KEY_PATH,
    PROM_EXPORTER_WEB_CONFIG,
    REVISION_PATH,
)
from ._platform import RESOLV_CONF_PATH, NginxPlatform, is_ipv6_enabled
from ._revision import is_rejected

__all__ = [
    "CA_CERT_PATH",
    "CERT_PATH",
    "DEFAULT_OPTIONS",
    "KEY_PATH",
    "NGINX_CONFIG",
    "NGINX_DIR",
    "PROM_EXPORTER_CERT_PATH",
    "PROM_EXPORTER_DIR",
    "PROM_EXPORTER_KEY_PATH",
    "PROM_EXPORTER_WEB_CONFIG",
    "RESOLV_CONF_PATH",
    "REVISION_PATH",
    "BackendURL",
    "Nginx",
    "NginxConfig",
    "NginxLocationConfig",
    "NginxLocationModifier",
    "NginxMapConfig",
    "NginxMappingOverrides",
    "NginxOptions",
    "NginxPlatform",
    "NginxPrometheusExporter",
    "NginxTracingConfig",
    "NginxUpstream",
    "NginxValueError",
    "Refusal",
    "check_host",
    "check_port",
    "is_ipv6_enabled",
    "is_rejected",
    "nginx_class",
]
