"""Where things are in nginx's container."""

NGINX_CONFIG = "/etc/nginx/nginx.conf"
CERT_PATH = "/etc/nginx/certs/server.cert"
KEY_PATH = "/etc/nginx/certs/server.key"
CA_CERT_PATH = "/usr/local/share/ca-certificates/ca.crt"
OTEL_MODULE_PATH = "/etc/nginx/modules/ngx_otel_module.so"

NGINX_LOADED = "/etc/nginx/nginx.conf.loaded"
"""A digest of the configuration and certificate that nginx last took."""

REVISION_PATH = "/.well-known/nginx-revision"
"""The URL path at which each server answers with the revision of the configuration that is loaded."""

EXPORTER_WEB_CONFIG = "/etc/exporter/web-config.yaml"
EXPORTER_CERT_PATH = "/etc/exporter/certs/server.crt"
EXPORTER_KEY_PATH = "/etc/exporter/certs/server.key"
