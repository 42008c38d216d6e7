"""Routes for telemetry in a coordinator's nginx, and their addresses for workers."""

import dataclasses

import pytest

from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxPlatform, NginxUpstream
from coordinated_workers.worker_telemetry import (
    PROXY_WORKER_TELEMETRY_PATHS,
    ProxyServer,
    TelemetryBackends,
    WorkerTelemetryProxy,
    WorkerTelemetryProxyConfig,
    proxy_telemetry,
)
from tests.support.nginx_text import arguments, find, locations, parsed

CONFIG = WorkerTelemetryProxyConfig(http_port=3300, https_port=3301)


def proxy(workers=None, *, tls=False, metrics_port=8080, own_hosts=(), **backends) -> WorkerTelemetryProxy:
    return proxy_telemetry(
        workers or {},
        worker_metrics_port=metrics_port,
        backends=TelemetryBackends(**backends),
        server=ProxyServer("coordinator.model.svc", CONFIG.port(tls), tls),
        own_hosts=own_hosts,
    )


@pytest.fixture(autouse=True)
def in_a_pod(monkeypatch):
    monkeypatch.setattr(NginxConfig, "platform", NginxPlatform(resolvers=("10.1.2.3",), ipv6=False))


def rendered(proxy: WorkerTelemetryProxy, own: NginxConfig | None = None) -> list:
    return parsed(proxy.added_to(own or NginxConfig("x", [], {})).get_config({}, proxy.server.tls))


def target(directives: list, path: str) -> tuple[str, tuple[str, ...]]:
    """The URL that a path leads to, without its query, with the server in place of its upstream."""
    [location] = [each for each in find(directives, "location") if each[1][-1] == path]
    [(variable, backend)] = arguments(location[2], "set")
    [[passed_to]] = arguments(location[2], "proxy_pass") or arguments(location[2], "grpc_pass")
    scheme, _, name = backend.partition("://")
    [upstream] = find(directives, "upstream", name)
    [server] = arguments(upstream[2], "server")
    path = passed_to.removeprefix(variable).removesuffix("$is_args$args")
    return f"{scheme}://{server[0]}{path}", server[1:]


def test_the_paths_are_those_that_are_agreed_on():
    assert PROXY_WORKER_TELEMETRY_PATHS == {
        "metrics": "/proxy/worker/{unit}/metrics",
        "logging": "/proxy/loki/{unit}/push",
        "remote-write": "/proxy/remote-write/{unit}/write",
        "charm-tracing": "/proxy/charm-tracing/{protocol}/",
        "workload-tracing": "/proxy/workload-tracing/{protocol}/",
    }


class TestWorkersAreTold:
    def test_a_url_at_the_coordinator_for_each_loki_unit(self):
        for_workers = proxy(
            loki={"loki/0": "http://loki-0.test:3100/push", "other-loki/12": "https://o.test/p"}
        ).backends

        assert for_workers.loki == {
            "loki/0": "http://coordinator.model.svc:3300/proxy/loki/loki-0/push",
            "other-loki/12": "http://coordinator.model.svc:3300/proxy/loki/other-loki-12/push",
        }

    def test_a_url_at_the_coordinator_for_each_remote_in_their_order(self):
        for_workers = proxy(
            remote_write=["http://mimir.test:8080/api/v1/push", "http://10.1.2.3:9090/w"]
        ).backends

        assert for_workers.remote_write == (
            "http://coordinator.model.svc:3300/proxy/remote-write/mimir/write",
            "http://coordinator.model.svc:3300/proxy/remote-write/10-1-2-3/write",
        )

    def test_a_url_at_the_coordinator_for_each_protocol_of_traces(self):
        for_workers = proxy(
            charm_tracing={"otlp_http": "http://tempo.test:4318"},
            workload_tracing={"zipkin": "http://tempo.test:9411", "otlp_grpc": "tempo.test:4317"},
        ).backends

        assert for_workers.charm_tracing == {
            "otlp_http": "http://coordinator.model.svc:3300/proxy/charm-tracing/otlp_http/"
        }
        assert for_workers.workload_tracing == {
            "zipkin": "http://coordinator.model.svc:3300/proxy/workload-tracing/zipkin/",
            # gRPC has neither scheme nor path
            "otlp_grpc": "coordinator.model.svc:3300",
        }

    def test_https_and_its_port_when_nginx_speaks_tls(self):
        for_workers = proxy(
            loki={"loki/0": "http://loki-0.test:3100/push"},
            workload_tracing={"otlp_grpc": "t.test:1"},
            tls=True,
        ).backends

        assert for_workers.loki == {"loki/0": "https://coordinator.model.svc:3301/proxy/loki/loki-0/push"}
        assert for_workers.workload_tracing == {"otlp_grpc": "coordinator.model.svc:3301"}

    def test_nothing_of_what_has_no_route(self):
        for_workers = proxy(
            loki={"loki/0": "ftp://loki.test"},
            remote_write=["nowhere"],
            charm_tracing={"carrier_pigeon": "http://t.test"},
        ).backends

        assert for_workers == TelemetryBackends()


class TestRoutesLead:
    def test_to_each_workers_metrics(self):
        routes = proxy({"worker/0": "w0.test", "other/3": "10.1.2.3"})

        assert routes.metrics_paths == {
            "worker/0": "/proxy/worker/worker-0/metrics",
            "other/3": "/proxy/worker/other-3/metrics",
        }
        directives = rendered(routes)
        assert target(directives, "/proxy/worker/worker-0/metrics") == (
            "http://w0.test:8080/metrics",
            ("resolve",),
        )
        assert target(directives, "/proxy/worker/other-3/metrics") == (
            "http://10.1.2.3:8080/metrics",
            ("resolve",),
        )

    def test_answers_are_buffered_by_no_route(self):
        directives = rendered(proxy({"worker/0": "w0.test"}, loki={"loki/0": "http://loki.test/push"}))

        assert arguments(directives, "proxy_buffering") == [("off",)]
        assert arguments(directives, "proxy_buffer_size") == [("64k",)]

    def test_to_workers_by_tls_when_nginx_speaks_it(self):
        directives = rendered(proxy({"worker/0": "w0.test"}, tls=True))

        assert target(directives, "/proxy/worker/worker-0/metrics")[0] == "https://w0.test:8080/metrics"

    @pytest.mark.parametrize(
        ("url", "leads_to"),
        [
            ("http://loki.test:3100/loki/api/v1/push", "http://loki.test:3100/loki/api/v1/push"),
            ("https://loki.test/model-loki-0/push", "https://loki.test:443/model-loki-0/push"),
            ("http://loki.test", "http://loki.test:80/"),
            ("http://[fd00::1]:3100/push", "http://[fd00::1]:3100/push"),
        ],
    )
    @pytest.mark.parametrize("tls", [False, True])
    def test_to_backends_by_scheme_of_their_url(self, url, leads_to, tls):
        assert (
            target(rendered(proxy(loki={"loki/0": url}, tls=tls)), "/proxy/loki/loki-0/push")[0] == leads_to
        )

    def test_to_each_of_several_remotes_behind_one_host(self):
        urls = ["http://ingress.test/m-prometheus-0/write", "http://ingress.test/m-prometheus-1/write"]
        routes = proxy(remote_write=[*urls, urls[0]])

        directives = rendered(routes)
        first, second = (
            url.removeprefix("http://coordinator.model.svc:3300") for url in routes.backends.remote_write
        )
        assert target(directives, first)[0] == "http://ingress.test:80/m-prometheus-0/write"
        assert target(directives, second)[0] == "http://ingress.test:80/m-prometheus-1/write"

    def test_to_a_remote_whose_host_has_the_name_of_a_protocol(self):
        routes = proxy(remote_write=["http://otlp_grpc.test/write"])

        assert (
            target(rendered(routes), "/proxy/remote-write/otlp_grpc/write")[0]
            == "http://otlp_grpc.test:80/write"
        )

    def test_by_one_name_whichever_other_remotes_there_are(self):
        urls = [f"http://ingress.test/{n}/write" for n in range(3)]

        [*_, last] = proxy(remote_write=urls).backends.remote_write
        assert proxy(remote_write=urls[1:]).backends.remote_write[-1] == last

    def test_by_a_name_that_no_other_remote_can_take(self):
        urls = ["http://prometheus.a/w", "http://prometheus.b/w", "http://prometheus.c/w"]
        known = proxy(remote_write=urls).backends.remote_write
        names = [url.removeprefix("http://coordinator.model.svc:3300").split("/")[3] for url in known]
        assert names[0] == "prometheus"
        # hosts with such names exist, before and after
        posing = [f"http://{name}.evil/w" for name in (*names, *(name.replace(".", "-") for name in names))]
        for remotes in ([*posing, *urls], [*urls, *posing]):
            routes = proxy(remote_write=remotes)
            assert routes.refused == ()
            directives = rendered(routes)
            paths = [
                url.removeprefix("http://coordinator.model.svc:3300") for url in routes.backends.remote_write
            ]
            assert len(set(paths)) == len(set(remotes))
            for path, url in zip(paths, dict.fromkeys(remotes), strict=True):
                host = url.removeprefix("http://").partition("/")[0]
                assert target(directives, path)[0] == f"http://{host}:80/w"
        assert proxy(remote_write=[*urls, *posing]).backends.remote_write[:3] == known
        assert set(known[1:]) <= set(proxy(remote_write=[*posing, *urls]).backends.remote_write)

    def test_workers_and_backends_of_one_name_each_to_itself(self):
        directives = rendered(
            proxy(
                {"loki/0": "worker.test"},
                loki={"loki/0": "http://l.test/l"},
                remote_write=["http://loki-0.r/r"],
            )
        )

        assert target(directives, "/proxy/worker/loki-0/metrics")[0] == "http://worker.test:8080/metrics"
        assert target(directives, "/proxy/loki/loki-0/push")[0] == "http://l.test:80/l"
        assert target(directives, "/proxy/remote-write/loki-0/write")[0] == "http://loki-0.r:80/r"

    @pytest.mark.parametrize(
        ("receivers", "tls", "scheme"),
        [
            ({"otlp_grpc": "t.test:4317"}, False, "grpc"),
            ({"otlp_grpc": "t.test:4317"}, True, "grpcs"),
            ({"otlp_grpc": "t.test:4317", "otlp_http": "https://t.test:4318"}, False, "grpcs"),
            ({"otlp_grpc": "t.test:4317", "otlp_http": "http://t.test:4318"}, True, "grpc"),
            ({"otlp_grpc": "https://t.test:4317"}, False, "grpcs"),
        ],
        ids=["as we", "as we with TLS", "as its sibling with TLS", "as its sibling", "as its URL"],
    )
    def test_to_a_grpc_receiver_with_tls_as_far_as_that_is_known(self, receivers, tls, scheme):
        directives = rendered(proxy(workload_tracing=receivers, tls=tls))

        method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        assert target(directives, method)[0] == f"{scheme}://t.test:4317"
        assert target(directives, "/proxy/workload-tracing/otlp_grpc/")[0] == f"{scheme}://t.test:4317"

    def test_by_the_method_of_grpc_to_one_receiver_only(self):
        routes = proxy(
            charm_tracing={"otlp_grpc": "charm.test:4317"},
            workload_tracing={"otlp_grpc": "workload.test:4317"},
        )

        assert [str(refusal) for refusal in routes.refused] == [
            "charm-tracing of 'otlp_grpc': 'charm.test:4317' is not different from workload.test:4317: "
            "gRPC clients send no path"
        ]
        assert routes.backends.charm_tracing == {}

    def test_traces_of_one_receiver_are_routed_by_grpc_method(self):
        receiver = {"otlp_grpc": "tempo.test:4317"}
        routes = proxy(charm_tracing=receiver, workload_tracing=receiver)

        assert routes.refused == ()
        paths = [each[1] for each in locations(rendered(routes))]
        assert len(set(paths)) == len(paths) == 3


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("workers", "backends", "line"),
        [
            (
                {"worker/0": "evil; }"},
                {},
                "metrics of 'worker/0': 'evil; }' is not a host name or an IP address",
            ),
            ({"../0": "w.test"}, {}, "metrics of '../0': '../0' is not the name of a unit"),
            (
                {},
                {"loki": {"loki/x": "http://l.test"}},
                "logging of 'loki/x': 'loki/x' is not the name of a unit",
            ),
            (
                {},
                {"loki": {"loki/0": "file:///etc/passwd"}},
                "logging of 'loki/0': 'file://…' is not a URL of http or https",
            ),
            (
                {},
                {"loki": {"loki/0": "http://l.test:x/"}},
                "logging of 'loki/0': 'http://l.test…' is not a URL",
            ),
            ({}, {"loki": {"loki/0": "http://l.test:0/"}}, "logging of 'loki/0': '0' is not a port"),
            (
                {},
                {"loki": {"loki/0": "http://l.test/a\nb"}},
                r"logging of 'loki/0': 'http://l.test…' is not a URL",
            ),
            (
                {},
                {"loki": {"loki/0": "http://l.test/$host"}},
                "logging of 'loki/0': 'http://l.test…' is not a URL of a host and a plain path",
            ),
            (
                {},
                {"remote_write": ["http:///write"]},
                "remote-write of 'unknown': 'http://…' is not a URL of a host name or an IP address",
            ),
            (
                {},
                {"charm_tracing": {"x": "http://t.test"}},
                "charm-tracing of 'x': 'x' is not a known protocol",
            ),
            (
                {},
                {"workload_tracing": {"otlp_grpc": "tempo.test"}},
                "workload-tracing of 'otlp_grpc': 'tempo.test' is not a URL with a scheme or a port",
            ),
            (
                {},
                {"workload_tracing": {"otlp_grpc": "http://tempo.test:1/base"}},
                "workload-tracing of 'otlp_grpc': 'http://tempo.test:1…' is not a URL without a path,"
                " as gRPC has paths of its own",
            ),
        ],
    )
    def test_is_named_with_the_reason(self, workers, backends, line):
        assert [str(refusal) for refusal in proxy(workers, **backends).refused] == [line]

    def test_leaves_the_others_alone(self):
        routes = proxy(
            {"worker/0": "w0.test", "worker/1": "evil; }"},
            loki={"loki/0": "nowhere", "loki/1": "http://l.test/push"},
        )

        assert [route.name for route in routes.routes] == ["worker/0", "loki/1"]
        assert len(routes.refused) == 2

    def test_is_a_url_with_a_query_which_may_be_a_secret(self):
        [refusal] = proxy(remote_write=["https://mimir.test/push?token=hunter2"]).refused

        assert "'https://mimir.test…' is not a URL of a host and a plain path" in str(refusal)

    @pytest.mark.parametrize(
        "url",
        [
            "http://l.test/push;key=hush",
            "http://l.test/a%20hush",
            "http://l.test/hush@x",
            "http://l.test/x@hush",
            "http://us/er:hush@l.test/push",
            "http://user:hush",
            "user:hush@l.test:1",
            "http://l.test%2fhush/",
            "http://l.test:1%2fhush/",
            "http://l.test\\hush",
            "http://[::1]hush/",
            "http://l.test/hush" + "x" * 3000,
            "l.test/hush",
            "http://l.test:0/hush",
            "http://127.0.0.1/hush",
            "http://coordinator.model.svc:3300/hush",
        ],
    )
    def test_is_shown_without_its_path_which_may_be_a_secret(self, url):
        [refusal] = proxy(loki={"loki/0": url}).refused

        assert "hush" not in str(refusal)
        assert "logging of 'loki/0'" in str(refusal)

    def test_is_a_path_to_a_receiver_of_grpc_which_may_be_a_secret(self):
        [refusal] = proxy(workload_tracing={"otlp_grpc": "http://tempo.test:1/hush"}).refused

        assert "hush" not in str(refusal)

    @pytest.mark.parametrize(
        "host",
        [
            *("127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "localhost", "kv.localhost"),
            *("localhost.localdomain", "ip6-loopback", "LOCALHOST", "2130706433", "0x7f000001", "0177.0.0.1"),
            *("169.254.169.254", "2852039166", "[fe80::1]", "[fd00:ec2::254]", "metadata.google.internal"),
        ],
    )
    def test_is_what_is_for_the_coordinators_own_machine_alone(self, host):
        for backends in (
            {"loki": {"loki/0": f"http://{host}:3100/push"}},
            {"remote_write": [f"http://{host}/push"]},
            {"charm_tracing": {"otlp_http": f"http://{host}:4318"}},
            {"workload_tracing": {"otlp_grpc": f"{host}:4317"}},
        ):
            refused = proxy(**backends)
            assert not refused.routes
            assert "is not a URL of another machine" in str(refused.refused[0])

    def test_is_the_proxy_itself(self):
        itself = "http://kv-0.kv-endpoints:3300/proxy/loki/loki-0/push"
        own_hosts = {"kv-0.kv-endpoints"}
        for name, url in {"own": itself, "service": "http://coordinator.model.svc:3300/push"}.items():
            [refusal] = proxy(loki={f"{name}/0": url}, own_hosts=own_hosts).refused
            assert "is not a URL of anything but this proxy" in str(refusal)

    def test_is_a_workers_own_url_which_it_keeps(self):
        """Tempo's tests have such a backend: workers may use its URL, but nginx must not."""
        own = "http://coordinator.model.svc:3300/proxy/remote-write/prom-0/write"
        got = proxy(remote_write=["http://mimir-0.mimir-endpoints.cos/push", own])
        assert got.backends.remote_write == (
            "http://coordinator.model.svc:3300/proxy/remote-write/mimir-0/write",
            own,
        )
        assert [route.name for route in got.routes] == ["mimir-0"]
        assert (
            proxy(remote_write=got.backends.remote_write).backends.remote_write == got.backends.remote_write
        )
        assert "is not a URL of anything but this proxy" in str(got.refused[0])

    @pytest.mark.parametrize(
        "url",
        [
            "http://coordinator.model.svc:3300/proxy/loki/prom-0/push",
            "http://coordinator.model.svc:3300/proxy/remote-write/prom-0/write\n",
            "http://coordinator.model.svc:3300/proxy/remote-write/../write",
            "https://coordinator.model.svc:3300/proxy/remote-write/prom-0/write",
            "http://other.model.svc:3300/proxy/remote-write/prom-0/write",
        ],
    )
    def test_is_kept_only_if_it_is_for_remote_write(self, url):
        assert url not in proxy(remote_write=[url]).backends.remote_write

    def test_is_not_what_the_coordinator_serves_at_another_port(self):
        """A cluster that stores telemetry may store that of its own workers."""
        own = "http://kv-0.kv-endpoints:8080/loki/api/v1/push"

        assert not proxy(loki={"loki/0": own}, own_hosts={"kv-0.kv-endpoints"}).refused

    def test_is_a_url_with_a_password_which_is_not_repeated(self):
        [refusal] = proxy(remote_write=["https://user:hunter2@mimir.test/push"]).refused

        assert (
            str(refusal)
            == "remote-write of 'unknown': 'https://mimir.test…' is not a URL without credentials"
        )


class TestTheCharmsOwnConfiguration:
    own = NginxConfig(
        "coordinator",
        [NginxUpstream("all", 80, "", ignore_worker_role=True)],
        {
            8080: [NginxLocationConfig("/", backend="all")],
            3300: [
                NginxLocationConfig(
                    "/proxy/loki/loki-0/push", modifier="=", extra_directives={"return": ["204"]}
                )
            ],
        },
    )

    def test_is_not_changed(self):
        before = dataclasses.asdict(self.own)
        proxy({"worker/0": "w0.test"}).added_to(self.own)

        assert dataclasses.asdict(self.own) == before

    def test_keeps_what_it_serves_itself(self):
        routes = proxy({"worker/0": "w0.test"}, loki={"loki/0": "http://loki.test/push"})
        directives = rendered(routes, self.own)

        [kept] = find(directives, "location", "=", "/proxy/loki/loki-0/push")
        assert arguments(kept[2], "return") == [("204",)]
        assert find(directives, "location", "=", "/proxy/worker/worker-0/metrics")

    def test_shares_no_requests_with_the_backends_of_telemetry(self):
        """An upstream for all workers is not one for Loki."""
        routes = proxy(loki={"loki/0": "http://loki.test/push"})
        text = routes.added_to(self.own).get_config({"api": {"worker.test"}}, False)

        [every] = find(parsed(text), "upstream", "all")
        assert arguments(every[2], "server") == [("worker.test:80", "resolve")]

    def test_is_all_there_is_without_routes(self):
        own = NginxConfig("coordinator", [], {8080: []}, enable_health_check=True)

        assert proxy().added_to(own).get_config({}, False) == own.get_config({}, False)


def test_the_port_is_that_of_the_scheme_in_use():
    assert (CONFIG.port(tls=False), CONFIG.port(tls=True)) == (3300, 3301)
