"""The ports of nginx and its exporter."""

from typing import TypedDict


class NginxOptions(TypedDict):
    """The ports of nginx and its exporter."""

    nginx_port: int
    nginx_tls_port: int
    nginx_exporter_port: int


class NginxMappingOverrides(TypedDict, total=False):
    """The ports that differ from the usual ones."""

    nginx_port: int
    nginx_tls_port: int
    nginx_exporter_port: int


DEFAULT_OPTIONS: NginxOptions = {"nginx_port": 8080, "nginx_tls_port": 443, "nginx_exporter_port": 9113}
