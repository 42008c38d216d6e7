"""The configuration of a coordinator's nginx."""

import dataclasses
import logging

import pytest

from charmlibs import nginx_k8s
from coordinated_workers.nginx import (
    NginxConfig,
    NginxLocationConfig,
    NginxMapConfig,
    NginxPlatform,
    NginxTracingConfig,
    NginxUpstream,
    NginxValueError,
    is_ipv6_enabled,
)
from tests.support.nginx_text import arguments, find, locations, parsed

POD = NginxPlatform(resolvers=("10.152.183.10",), ipv6=False)


@pytest.fixture(autouse=True)
def in_a_pod(monkeypatch):
    monkeypatch.setattr(NginxConfig, "platform", POD)


def config(*locations: NginxLocationConfig, upstreams=(), port=8080, **options) -> NginxConfig:
    return NginxConfig("coordinator", list(upstreams), {port: list(locations)}, **options)


def servers_of(text: str, upstream: str) -> list[tuple[str, ...]]:
    [block] = find(parsed(text), "upstream", upstream)
    return arguments(block[2], "server")


API = NginxUpstream("api", 8080, "api")
TO_API = NginxLocationConfig("/", backend="api")


def test_requests_are_marked_as_passed_on():
    def marks(location: NginxLocationConfig) -> list[tuple[str, ...]]:
        text = config(location, upstreams=[API], own_name="kv").get_config({"api": {"a.test"}}, False)
        sent = arguments(parsed(text), "proxy_set_header")
        return [each for each in sent if each[0].startswith("X-Proxied-By-")]

    [(header, value)] = marks(TO_API)
    assert value == "kv:8080"
    assert marks(dataclasses.replace(TO_API, headers={header.lower(): "other"})) == [(header, value)]


def test_subclass_has_constructor_of_its_own():
    class Shop(NginxConfig):
        def __init__(self, port: int):
            super().__init__("shop", [API], {port: [TO_API]})
            self.port = port

    converted = NginxConfig.of(Shop(8080))
    assert isinstance(converted, Shop) and converted.port == 8080
    assert "worker_processes 9;" in converted.changed(worker_processes=9).get_config({}, False)


def test_charm_assigns_values():
    upstream, location = NginxUpstream("api", 1, "api"), NginxLocationConfig("/other", backend="api")
    given = config(location, upstreams=[upstream])
    upstream.port, location.path, given.worker_processes = 8080, "/", 7
    text = given.get_config({"api": {"a.test"}}, False)
    assert servers_of(text, "api") == [("a.test:8080", "resolve")]
    assert "worker_processes 7;" in text


class TestUpstreams:
    def test_have_addresses_of_their_role(self):
        text = config(TO_API, upstreams=[API]).get_config(
            {"api": {"b.test", "a.test"}, "other": {"c.test"}}, False
        )

        assert servers_of(text, "api") == [("a.test:8080", "resolve"), ("b.test:8080", "resolve")]

    def test_may_have_those_of_all_roles(self):
        every = NginxUpstream("api", 8080, "", ignore_worker_role=True)
        text = config(TO_API, upstreams=[every]).get_config(
            {"x": {"a.test", "b.test"}, "y": {"b.test"}}, False
        )

        assert servers_of(text, "api") == [("a.test:8080", "resolve"), ("b.test:8080", "resolve")]

    def test_may_have_addresses_of_their_own(self):
        own = NginxUpstream("api", 80, "", addresses=["x.test"])
        text = config(TO_API, upstreams=[own]).get_config({"": {"a.test"}}, False)

        assert servers_of(text, "api") == [("x.test:80", "resolve")]

    def test_may_be_addresses(self):
        text = config(TO_API, upstreams=[API]).get_config({"api": {"10.1.2.3", "fd00::1"}}, False)

        assert servers_of(text, "api") == [("10.1.2.3:8080", "resolve"), ("[fd00::1]:8080", "resolve")]

    def test_connections_are_kept_on_request(self):
        kept = dataclasses.replace(API, keepalive=True)
        directives = parsed(config(TO_API, upstreams=[kept]).get_config({"api": {"a.test"}}, False))

        assert arguments(directives, "keepalive") == [("32",)]
        assert arguments(directives, "keepalive_requests") == []
        assert arguments(directives, "proxy_http_version") == [("1.1",)]
        assert ("Connection", "") in arguments(directives, "proxy_set_header")

    @pytest.mark.parametrize(
        ("host", "servers"),
        [
            ("tempo", [("tempo.shop.svc.cluster.local:8080", "resolve")]),
            ("tempo.cos.svc", [("tempo.cos.svc.cluster.local:8080", "resolve")]),
            ("tempo.cos.svc.cluster.local", [("tempo.cos.svc.cluster.local:8080", "resolve")]),
            ("t-0.t-endpoints.cos", [("t-0.t-endpoints.cos.svc.cluster.local:8080", "resolve")]),
            ("t-0.t-endpoints", [("t-0.t-endpoints.shop.svc.cluster.local:8080", "resolve")]),
            ("Tempo.Cos.SVC", [("Tempo.Cos.SVC.cluster.local:8080", "resolve")]),
            ("T-0.T-Endpoints.Cos", [("T-0.T-Endpoints.Cos.svc.cluster.local:8080", "resolve")]),
            ("tempo.cos.svc.Cluster.Local", [("tempo.cos.svc.Cluster.Local:8080", "resolve")]),
            ("tempo.example.com", [("tempo.example.com:8080", "resolve")]),
            (
                "tempo.cos",
                [
                    ("tempo.cos.svc.cluster.local:8080", "resolve"),
                    ("tempo.cos:8080", "resolve", "backup"),
                ],
            ),
        ],
    )
    def test_complete_short_names_as_programs_in_pod_do(self, host, servers, monkeypatch):
        search = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")
        monkeypatch.setattr(NginxConfig, "platform", dataclasses.replace(POD, search=search))
        text = config(TO_API, upstreams=[API]).get_config({"api": {host}}, False)

        assert servers_of(text, "api") == servers

    @pytest.mark.parametrize(
        ("search", "host", "names"),
        [
            ("", "mimir-0.mimir", ["mimir-0.mimir.{ns}", "mimir-0.mimir.{svc}", "mimir-0.mimir"]),
            ("", "mimir-0.mimir.cos", ["mimir-0.mimir.cos.{svc}", "mimir-0.mimir.cos"]),
            ("", "mimir-0.mimir.cos.svc", ["mimir-0.mimir.cos.{svc}"]),
            ("", "10-1-2-3.cos.pod", ["10-1-2-3.cos.pod.cluster.local"]),
            ("", "TEMPO.COS.SVC", ["TEMPO.COS.SVC.cluster.local"]),
            ("", "TEMPO.COS.SVC.CLUSTER.LOCAL", ["TEMPO.COS.SVC.CLUSTER.LOCAL"]),
            ("", "loki.example.com", ["loki.example.com"]),
            ("", "loki-0.eu.example.com", ["loki-0.eu.example.com"]),
            ("corp.test", "loki", ["loki.{ns}", "loki.corp.test"]),
            ("corp.test", "loki.lab", ["loki.lab.{svc}", "loki.lab.corp.test", "loki.lab"]),
            ("corp.test", "loki.example.com", ["loki.example.com"]),
        ],
    )
    def test_complete_other_names_of_kubernetes_and_its_nodes(self, search, host, names, monkeypatch):
        cluster = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")
        for domains in ((*cluster, *search.split()), (*search.split(), *cluster)):
            monkeypatch.setattr(NginxConfig, "platform", dataclasses.replace(POD, search=domains))
            text = config(TO_API, upstreams=[API]).get_config({"api": {host}}, False)
            expected = [name.format(ns=cluster[0], svc=cluster[1]) for name in names]
            assert [server[0] for server in servers_of(text, "api")] == [f"{name}:8080" for name in expected]
            assert [server[2:] for server in servers_of(text, "api")] == [(), *[("backup",)] * len(names[1:])]

    @pytest.mark.parametrize(
        ("host", "names"),
        [
            ("loki", ["loki.corp.test", "loki.lab.test"]),
            ("loki.eu", ["loki.eu", "loki.eu.corp.test", "loki.eu.lab.test"]),
            ("loki.example.com", ["loki.example.com"]),
        ],
    )
    def test_complete_short_names_outside_of_kubernetes(self, host, names, monkeypatch):
        platform = dataclasses.replace(POD, search=("corp.test", "lab.test"))
        monkeypatch.setattr(NginxConfig, "platform", platform)
        text = config(TO_API, upstreams=[API]).get_config({"api": {host}}, False)
        assert [server[0] for server in servers_of(text, "api")] == [f"{name}:8080" for name in names]

    def test_without_addresses_are_omitted_with_their_locations(self):
        kept = NginxLocationConfig("/files", extra_directives={"return": ["204"]})
        text = config(TO_API, kept, upstreams=[API]).get_config({"api": set()}, False)

        assert find(parsed(text), "upstream") == []
        assert [each[1] for each in locations(parsed(text))] == [("/files",)]

    def test_address_that_is_none_costs_only_itself(self, caplog):
        addresses = {"api": {"a.test", "evil.test; }", ""}}
        with caplog.at_level(logging.WARNING):
            text = config(TO_API, upstreams=[API]).get_config(addresses, False)

        assert servers_of(text, "api") == [("a.test:8080", "resolve")]
        assert "'evil.test; }' is not a host name or an IP address" in caplog.text
        assert [refusal.what for refusal in NginxConfig.refusals(addresses)] == [
            "a worker with the role api"
        ] * 2


class TestStreamsOfGrpc:
    def limits(self, location: NginxLocationConfig, **options) -> list[list[tuple[str, ...]]]:
        text = config(location, upstreams=[API], **options).get_config({"api": {"a.test"}}, False)
        ((_, _, directives),) = locations(parsed(text))
        return [arguments(directives, name) for name in ("client_max_body_size", "client_body_timeout")]

    def test_may_be_of_any_length_and_pause(self):
        calls = dataclasses.replace(TO_API, is_grpc=True)
        assert self.limits(calls) == [[("0",)], [("300s",)]]
        assert self.limits(calls, proxy_read_timeout=600) == [[("0",)], [("600s",)]]

    def test_have_limit_that_their_charm_sets(self):
        calls = dataclasses.replace(TO_API, is_grpc=True)
        limited = dataclasses.replace(calls, extra_directives={"client_max_body_size": ["8m"]})
        assert self.limits(calls, client_max_body_size="8m") == [[], [("300s",)]]
        assert self.limits(limited) == [[("8m",)], []]


class TestServers:
    def test_without_locations_are_ignored(self):
        assert find(parsed(config(TO_API, upstreams=[API]).get_config({}, False)), "listen") == []

    def test_that_answer_themselves_exist_without_locations(self):
        directives = parsed(config(enable_health_check=True, enable_status_page=True).get_config({}, False))

        assert [each[1] for each in locations(directives)] == [("=", "/"), ("=", "/status")]
        assert len(find(directives, "stub_status")) == 1

    def test_have_charms_own_location_in_place_of_one_that_is_switched_on(self):
        own = [
            NginxLocationConfig(path, modifier="=", extra_directives={"return": ["204"]})
            for path in ("/", "/status")
        ]
        directives = parsed(
            config(*own, enable_health_check=True, enable_status_page=True).get_config({}, False)
        )

        assert [each[1] for each in locations(directives)] == [("=", "/"), ("=", "/status")]
        assert arguments(directives, "return")[1:] == [("204",), ("204",)]

    def test_have_one_that_is_switched_on_while_own_has_no_backend(self):
        own = NginxLocationConfig("/", backend="api", modifier="=")
        directives = parsed(config(own, upstreams=[API], enable_health_check=True).get_config({}, False))

        assert arguments(directives, "return")[1:] == [("200", "OK")]

    def test_listen_on_ipv6_where_there_is_some(self, monkeypatch):
        monkeypatch.setattr(NginxConfig, "platform", dataclasses.replace(POD, ipv6=True))
        directives = parsed(config(enable_health_check=True).get_config({}, False))

        assert arguments(directives, "listen") == [("8080",), ("[::]:8080",)]
        assert arguments(directives, "resolver") == [("10.152.183.10",)]

    def test_look_no_ipv6_addresses_up_where_there_is_none(self):
        directives = parsed(config(TO_API, upstreams=[API]).get_config({"api": ["a.test"]}, False))

        assert arguments(directives, "listen") == [("8080",)]
        [(_, _, upstream)] = find(directives, "upstream")
        assert arguments(upstream, "resolver") == [("10.152.183.10", "ipv6=off")]

    def test_speak_tls_with_certificate_that_is_written(self):
        directives = parsed(config(enable_health_check=True).get_config({}, True))

        assert arguments(directives, "listen") == [("8080", "ssl")]
        assert arguments(directives, "ssl_certificate") == [("/etc/nginx/certs/server.cert",)]
        assert arguments(directives, "ssl_certificate_key") == [("/etc/nginx/certs/server.key",)]
        assert arguments(directives, "ssl_protocols") == [("TLSv1.2", "TLSv1.3")]

    @pytest.mark.parametrize(
        ("listen_tls", "upstream_tls", "scheme"),
        [(False, None, "http"), (True, None, "https"), (True, False, "http"), (False, True, "https")],
    )
    @pytest.mark.parametrize("grpc", [False, True])
    def test_backends_get_tls_if_nginx_serves_it(self, listen_tls, upstream_tls, scheme, grpc):
        location = NginxLocationConfig("/", backend="api", upstream_tls=upstream_tls, is_grpc=grpc)
        directives = parsed(config(location, upstreams=[API]).get_config({"api": {"a.test"}}, listen_tls))

        directive, scheme = ("grpc_pass", scheme.replace("http", "grpc")) if grpc else ("proxy_pass", scheme)
        assert arguments(directives, "set") == [("$backend", f"{scheme}://api")]
        assert arguments(directives, directive) == [("$backend",)]

    def test_are_quoted_as_the_published_library_quotes(self):
        returned = {"return": ["200", "it's OK"], "add_header": ["X-Path", "/a b"]}
        location = NginxLocationConfig(
            "/a", backend="api", rewrite=["^/a(/.*)$", "$1", "break"], extra_directives=returned
        )
        text = config(location, upstreams=[API]).get_config({"api": {"a.test"}}, False)
        for line in ("rewrite '^/a(/.*)$' $1 break;", 'return 200 "it\'s OK";', "add_header X-Path '/a b';"):
            assert line in text

    def test_speak_http2_only_where_there_is_grpc(self):
        grpc = NginxLocationConfig("/", backend="api", is_grpc=True)
        two = NginxConfig("coordinator", [API], {4317: [grpc], 8080: [TO_API]})

        by_port = {
            arguments(server[2], "listen")[0][0]: arguments(server[2], "http2")
            for server in find(parsed(two.get_config({"api": {"a.test"}}, False)), "server")
            if server[2]
        }
        assert by_port == {"4317": [("on",)], "8080": []}

    def test_older_nginx_gets_http2_in_listen(self, monkeypatch):
        monkeypatch.setattr(
            NginxConfig, "platform", dataclasses.replace(POD, http2_directive=False, resolve=False)
        )
        grpc = NginxLocationConfig("/", backend="api", is_grpc=True)
        text = config(grpc, upstreams=[API]).get_config({"api": {"a.test"}}, False)

        assert arguments(parsed(text), "listen") == [("8080", "http2")]
        assert servers_of(text, "api") == [("a.test:8080",)]


def test_the_same_arguments_give_the_same_text():
    one = config(TO_API, upstreams=[API]).get_config({"api": {f"{n}.test" for n in range(50)}}, True)
    other = config(TO_API, upstreams=[API]).get_config(
        {"api": {f"{n}.test" for n in reversed(range(50))}}, True
    )

    assert one == other


def test_spans_are_sent_to_the_receiver():
    tracing = NginxTracingConfig("tempo.test:4317", "coordinator nginx", {"juju_unit": "coordinator/0"})
    directives = parsed(config(enable_health_check=True).get_config({}, False, tracing_config=tracing))

    assert arguments(directives, "load_module") == [("/etc/nginx/modules/ngx_otel_module.so",)]
    assert arguments(directives, "otel_trace") == [("on",)]
    assert arguments(directives, "otel_trace_context") == [("propagate",)]
    [exporter] = find(directives, "otel_exporter")
    assert arguments(exporter[2], "endpoint") == [("tempo.test:4317",)]
    assert arguments(directives, "otel_service_name") == [("coordinator nginx",)]
    assert arguments(directives, "otel_resource_attr") == [("juju_unit", "coordinator/0")]


def test_spans_go_nowhere_that_is_no_host():
    tracing = NginxTracingConfig("tempo.test:4317; evil", "nginx")

    with pytest.raises(NginxValueError, match=r"'tempo.test:4317…' is not a URL"):
        config().get_config({}, False, tracing_config=tracing)


def test_without_tracing_no_module_is_needed():
    assert "otel" not in config(enable_health_check=True).get_config({}, False)


def test_charms_map_replaces_default_map():
    own = NginxMapConfig("$http_x_scope_orgid", "$ensured_x_scope_orgid", {"default": ["fake"]})
    directives = parsed(config(enable_health_check=True, map_configs=[own]).get_config({}, False))

    [tenants] = find(directives, "map", "$http_x_scope_orgid")
    assert tenants[2] == [("default", ("fake",), [])]


class TestWhatCanNotStandThere:
    @pytest.mark.parametrize(
        ("wrong", "named"),
        [
            (config(NginxLocationConfig("no-slash")), "'no-slash' is not the path of a location"),
            (config(NginxLocationConfig("/a\nb")), r"'/a\nb' is not the path of a location"),
            (
                config(NginxLocationConfig("/", backend="api", headers={"A: b": "c"})),
                "'A: b' is not a header's name",
            ),
            (
                config(NginxLocationConfig("/", backend="api", headers={"A": "b\r\nEvil: 1"})),
                r"'b\r\nEvil: 1' is not a value of the header A",
            ),
            (config(NginxLocationConfig("/", extra_directives={"a; b": []})), "'a; b' is not a directive"),
            (
                config(NginxLocationConfig("/", backend="api", backend_url="x")),
                "'x' is not the path of a backend",
            ),
            (
                config(NginxLocationConfig("/", backend="api", backend_url="/x", is_grpc=True)),
                "'/x' is not for a gRPC backend, which has no paths to choose from",
            ),
            (config(TO_API, port=0), "'0' is not a port"),
            (config(TO_API, port=65536), "'65536' is not a port"),
            (NginxConfig("a\nb", [], {}), r"'a\nb' is not a server's name"),
        ],
    )
    def test_is_refused_by_name(self, wrong, named):
        complete = dataclasses.replace(wrong, upstream_configs=[API])

        with pytest.raises(NginxValueError) as refused:
            complete.get_config({"api": {"a.test"}}, False)
        assert str(refused.value) == named

    def test_is_not_shown_whole(self):
        with pytest.raises(NginxValueError) as refused:
            config(NginxLocationConfig("x" * 10_000)).get_config({}, False)
        assert len(str(refused.value)) < 120


class TestTheConfigurationOfAnotherLibrary:
    @pytest.fixture(autouse=True)
    def no_programs(self, monkeypatch):
        """Theirs checks for IPv6 with a program that not every machine has."""
        monkeypatch.setattr("charmlibs.nginx_k8s._config._is_ipv6_enabled", lambda: False)

    @pytest.fixture
    def theirs(self):
        return nginx_k8s.NginxConfig(
            server_name="loki",
            upstream_configs=[
                nginx_k8s.NginxUpstream("read", 3100, address_lookup_key="read"),
                nginx_k8s.NginxUpstream("every", 3100),
                nginx_k8s.NginxUpstream("ignoring", 3100, "read", ignore_address_lookup_key=True),
            ],
            server_ports_to_locations={
                8080: [
                    nginx_k8s.NginxLocationConfig(
                        "/a", "read", headers={"X": "y"}, modifier="=", upstream_tls=False
                    )
                ],
            },
            map_configs=[nginx_k8s.NginxMapConfig("$a", "$b", {"default": ["c"]})],
            enable_health_check=True,
            worker_processes=2,
            proxy_read_timeout=17,
        )

    def test_charmlibs_configuration_is_rendered(self, theirs):
        text = NginxConfig.of(theirs).get_config({"read": {"r.test"}, "write": {"w.test"}}, True)

        assert servers_of(text, "read") == [("r.test:3100", "resolve")]
        assert servers_of(text, "every") == [("r.test:3100", "resolve"), ("w.test:3100", "resolve")]
        assert servers_of(text, "ignoring") == servers_of(text, "every")
        directives = parsed(text)
        assert arguments(directives, "server_name") == [("loki",)]
        assert [each[1] for each in locations(directives)] == [("=", "/"), ("=", "/a")]
        assert arguments(directives, "set") == [("$backend", "http://read")]
        assert ("X", "y") in arguments(directives, "proxy_set_header")
        assert [args[1] for args in arguments(directives, "map")] == [
            "$ensured_x_scope_orgid",
            "$websocket",
            "$backend_connection",
            "$loggable",
            "$logged_request",
            "$b",
        ]
        assert arguments(directives, "worker_processes") == [("2",)]
        assert arguments(directives, "proxy_read_timeout") == [("17s",)]

    def test_does_not_bring_its_old_defaults_for_tls(self, theirs):
        directives = parsed(NginxConfig.of(theirs).get_config({}, True))

        assert arguments(directives, "ssl_protocols") == [("TLSv1.2", "TLSv1.3")]
        assert "MD5" not in arguments(directives, "ssl_ciphers")[0][0]

    def test_may_have_its_own_tls(self):
        theirs = nginx_k8s.NginxConfig(
            "x", [], {80: []}, supported_tls_versions=["TLSv1.3"], ssl_ciphers=["A", "B"]
        )
        directives = parsed(NginxConfig.of(theirs).get_config({}, True))

        assert arguments(directives, "ssl_protocols") == [("TLSv1.3",)]
        assert arguments(directives, "ssl_ciphers") == [("A:B",)]

    def test_may_be_parts_of_ours(self):
        mixed = NginxConfig(
            "x", [nginx_k8s.NginxUpstream("api", 1, "api")], {80: [nginx_k8s.NginxLocationConfig("/", "api")]}
        )

        assert servers_of(NginxConfig.of(mixed).get_config({"api": {"a.test"}}, False), "api")

    def test_is_not_needed_to_take_our_own(self):
        own = config(TO_API, upstreams=[API])

        assert NginxConfig.of(own).get_config({"api": {"a.test"}}, False) == own.get_config(
            {"api": {"a.test"}}, False
        )


class TestThePlatform:
    @pytest.mark.parametrize(
        ("resolv_conf", "resolvers"),
        [
            ("search a b\nnameserver 10.1.2.3\noptions ndots:5\n", ("10.1.2.3",)),
            ("nameserver 10.0.0.1\n  nameserver  fd00::10 \n", ("10.0.0.1", "[fd00::10]")),
            ("nameserver fe80::1%eth0\nnameserver 10.0.0.1\n", ("10.0.0.1",)),
            ("nameserver 10.0.0.1\nnameserver 10.0.0.1 # again\r\n", ("10.0.0.1",)),
            ("nameserver dns.test\nnameserver\n# nameserver 10.0.0.1\n", ("127.0.0.1",)),
            ("", ("127.0.0.1",)),
        ],
    )
    def test_has_name_servers_of_pod(self, resolv_conf, resolvers, tmp_path):
        (tmp_path / "resolv.conf").write_text(resolv_conf)

        assert NginxPlatform.here(tmp_path / "resolv.conf").resolvers == resolvers

    def test_looks_names_up_at_itself_without_resolv_conf(self, tmp_path):
        assert NginxPlatform.here(tmp_path / "none").resolvers == ("127.0.0.1",)

    @pytest.mark.parametrize(
        ("listed", "enabled"), [("0001 01 80 10 80 lo\n", True), ("\n", False), (None, False)]
    )
    def test_has_ipv6_if_any_interface_does(self, listed, enabled, tmp_path):
        if listed is not None:
            (tmp_path / "if_inet6").write_text(listed)

        assert is_ipv6_enabled(tmp_path / "if_inet6") is enabled
