"""The paths of files in nginx's container."""

NGINX_DIR = "/etc/nginx"
NGINX_CONFIG = f"{NGINX_DIR}/nginx.conf"
CERT_PATH = "/etc/nginx/certs/server.cert"
KEY_PATH = "/etc/nginx/certs/server.key"
CA_CERT_PATH = "/usr/local/share/ca-certificates/ca.crt"
OTEL_MODULE_PATH = "/etc/nginx/modules/ngx_otel_module.so"

NGINX_LOADED = "/etc/nginx/nginx.conf.loaded"
"""A digest of the configuration and certificate that nginx last took, and whether it speaks TLS with them."""

REVISION_PATH = "/.well-known/nginx-revision"
"""The URL path at which each server answers with the revision of the configuration that is loaded."""

PROM_EXPORTER_DIR = "/etc/exporter"
PROM_EXPORTER_WEB_CONFIG = f"{PROM_EXPORTER_DIR}/web-config.yaml"
PROM_EXPORTER_CERT_PATH = f"{PROM_EXPORTER_DIR}/certs/server.crt"
PROM_EXPORTER_KEY_PATH = f"{PROM_EXPORTER_DIR}/certs/server.key"
