"""nginx itself accepts the configuration, in all variants."""

import socket
import ssl
import urllib.request

import pytest

from coordinated_workers.nginx import (
    NginxConfig,
    NginxLocationConfig,
    NginxMapConfig,
    NginxUpstream,
)
from coordinated_workers.worker_telemetry import (
    ProxyServer,
    TelemetryBackends,
    proxy_telemetry,
)
from tests.support.certificates import write_certificate
from tests.support.nginx_process import RealNginx, free_port, platform_of, with_status_page

LOKI = NginxConfig(
    server_name="loki-0.loki-endpoints.model.svc.cluster.local",
    upstream_configs=[
        NginxUpstream("read", 3100, "read"),
        NginxUpstream("write", 3100, "write"),
        NginxUpstream("worker", 3100, "worker", ignore_worker_role=True),
    ],
    server_ports_to_locations={
        8080: [
            NginxLocationConfig(path="/loki/api/v1/push", modifier="=", backend="write"),
            NginxLocationConfig(
                path="/loki/api/v1/tail",
                modifier="=",
                backend="read",
                headers={"Upgrade": "$http_upgrade", "Connection": "upgrade"},
            ),
            NginxLocationConfig(
                path="/api/v1/rules", backend="read", backend_url="/loki/api/v1/rules", modifier="~"
            ),
            NginxLocationConfig(path="/auth", backend="read", rewrite=["^/auth(/.*)$", "$1", "break"]),
            NginxLocationConfig(path=r"^/loki/api/v\d{1,2}/.*$", modifier="~*", backend="read"),
            NginxLocationConfig(path="/ready", modifier="^~", backend="worker", backend_url="/ready"),
        ]
    },
    map_configs=[
        NginxMapConfig("$http_upgrade", "$connection_upgrade", {"default": ["upgrade"], "": ["close"]})
    ],
    enable_health_check=True,
    enable_status_page=True,
)

TEMPO = NginxConfig(
    server_name="tempo-0.tempo-endpoints.model.svc.cluster.local",
    upstream_configs=[
        NginxUpstream("otlp-grpc", 4317, "distributor"),
        NginxUpstream("otlp-http", 4318, "distributor"),
    ],
    server_ports_to_locations={
        4317: [NginxLocationConfig(path="/", backend="otlp-grpc", is_grpc=True)],
        4318: [NginxLocationConfig(path="/", backend="otlp-http", upstream_tls=False)],
    },
)

STATIC = NginxConfig(
    server_name="ui",
    upstream_configs=[],
    server_ports_to_locations={
        8080: [NginxLocationConfig(path="/", extra_directives={"try_files": ["$uri", "/index.html"]})]
    },
)

ADDRESSES = {
    "read": {"loki-1.loki-endpoints.model.svc.cluster.local", "10.1.2.3"},
    "write": {"fd00::7"},
    "distributor": {"tempo-1.tempo-endpoints.model.svc.cluster.local"},
}

HUNDRED_WORKERS = {f"worker/{n}": f"worker-{n}.worker-endpoints.model.svc.cluster.local" for n in range(100)}


@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("tls", [False, True], ids=["HTTP", "HTTPS"])
@pytest.mark.parametrize("addresses", [ADDRESSES, {}], ids=["workers", "no workers"])
@pytest.mark.parametrize("config", [LOKI, TEMPO, STATIC], ids=["Loki", "Tempo", "files"])
def test_nginx_takes_what_charms_ask_for(config, addresses, tls, ipv6, tmp_path, monkeypatch):
    monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path, ipv6=ipv6))
    write_certificate(tmp_path)

    RealNginx(tmp_path, config.get_config(addresses, listen_tls=tls, root_path="/srv/files")).test()


@pytest.mark.parametrize("tls", [False, True], ids=["HTTP", "HTTPS"])
@pytest.mark.parametrize("workers", [{}, HUNDRED_WORKERS], ids=["no workers", "100 workers"])
def test_nginx_takes_routes_of_telemetry_beside_them(workers, tls, tmp_path, monkeypatch):
    monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path))
    write_certificate(tmp_path)
    proxy = proxy_telemetry(
        workers,
        worker_metrics_port=8080,
        backends=TelemetryBackends(
            loki={"loki/0": "http://loki-0:3100/loki/api/v1/push", "other/0": "https://[fd00::1]/push"},
            remote_write=["http://prometheus-0.p:9090/api/v1/write", "https://mimir.example/api/v1/push"],
            charm_tracing={"otlp_http": "https://tempo:4318", "otlp_grpc": "tempo:4317"},
            workload_tracing={
                "otlp_grpc": "tempo:4317",
                "jaeger_grpc": "tempo:14250",
                "zipkin": "https://tempo:9411",
            },
        ),
        server=ProxyServer("coordinator", 3301 if tls else 3300, tls),
    )
    assert not proxy.refused

    RealNginx(tmp_path, proxy.added_to(LOKI).get_config(ADDRESSES, listen_tls=tls)).test()


def test_tls_is_as_today_recommended(tmp_path, monkeypatch):
    """1.2 and 1.3, and of 1.2 only ciphers with forward secrecy and authenticated encryption."""
    monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path))
    write_certificate(tmp_path)
    port = free_port()
    config = NginxConfig("x", [], {port: []}, enable_health_check=True, worker_processes=1)

    def connect(version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> str:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        client.minimum_version = client.maximum_version = version
        client.set_ciphers(ciphers)
        with socket.create_connection(("127.0.0.1", port)) as plain, client.wrap_socket(plain) as secure:
            return secure.version()

    with RealNginx(tmp_path, config.get_config({}, listen_tls=True)):
        assert connect(ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
        assert connect(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256") == "TLSv1.2"
        with pytest.raises(ssl.SSLError):
            connect(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(ssl.TLSVersion.TLSv1_1)


@pytest.mark.skipif(not with_status_page(), reason="no nginx here has the page: apt-get install nginx")
def test_status_page_has_what_exporter_reads(tmp_path, monkeypatch):
    binary = with_status_page()
    monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path, binary=binary))
    port = free_port()
    config = NginxConfig("x", [], {port: []}, enable_status_page=True, worker_processes=1)

    with (
        RealNginx(tmp_path, config.get_config({}, listen_tls=False), binary),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/status") as page,
    ):
        assert page.read().startswith(b"Active connections: 1")
