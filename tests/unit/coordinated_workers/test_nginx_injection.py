"""Text of others stays an argument: it never becomes a directive of nginx.conf."""

import dataclasses
import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coordinated_workers.nginx import (
    NginxConfig,
    NginxLocationConfig,
    NginxMapConfig,
    NginxPlatform,
    NginxTracingConfig,
    NginxUpstream,
    NginxValueError,
)
from coordinated_workers.worker_telemetry import (
    ProxyServer,
    TelemetryBackends,
    proxy_telemetry,
)
from tests.support.nginx_text import arguments, find, locations, parsed, shape

SPECIAL = [
    "; evil on;",
    "} evil on; {",
    '"',
    "'",
    "\\",
    '\\"; evil on;',
    "#",
    "$",
    "${x}",
    "\n",
    "\x00",
    " ",
    "{",
    "\t",
    "",
]
texts = st.one_of(
    st.lists(st.one_of(st.sampled_from(SPECIAL), st.text(max_size=5)), max_size=5).map("".join),
    st.from_regex(r"[a-z]{1,5}[;{}\"'\\ \n#$]{1,3}[a-z]{0,5}", fullmatch=True),
)
PLATFORM = NginxPlatform(resolvers=("10.1.2.3",), ipv6=False)


@pytest.fixture(autouse=True, scope="module")
def on_some_platform():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NginxConfig, "platform", PLATFORM)
        yield


def rendered(text: str) -> str:
    """A configuration with the text in all places that a charm chooses."""
    location = NginxLocationConfig(
        path="/" + text,
        backend="api",
        backend_url="/" + text,
        headers={"A": text},
        rewrite=[text, "/" + text, "break"],
        extra_directives={"add_header": ["B", text]},
    )
    regex = NginxLocationConfig(path=text, modifier="~", backend="api")
    config = NginxConfig(
        text,
        [NginxUpstream("api", 80, "api")],
        {80: [location, regex]},
        map_configs=[NginxMapConfig("$a", "$b", {"key": [text]})],
    )
    tracing = NginxTracingConfig("tempo.test:4317", text, {text: text})
    return config.get_config({"api": {"a.test"}}, True, root_path="/" + text, tracing_config=tracing)


@settings(deadline=None)  # the template is compiled at its first use
@given(texts)
@example("\\")
@example('\\"; evil on; #')
@example("'")
def test_text_of_charm_is_kept_or_rejected(text):
    if any(character < " " or character == "\x7f" for character in text):
        with pytest.raises(NginxValueError):
            rendered(text)
        return

    directives = parsed(rendered(text))

    assert shape(directives) == shape(parsed(rendered("plain")))
    assert ("B", text) in arguments(directives, "add_header")
    assert ("A", text) in arguments(directives, "proxy_set_header")
    assert (text, "/" + text, "break") in arguments(directives, "rewrite")
    assert ("/" + text,) in arguments(directives, "location")


@settings(deadline=None)
@given(st.lists(texts, max_size=3), st.sampled_from(["api", "other"]))
@example(["0"], "api")
def test_workers_address_is_one_or_is_ignored(addresses, role):
    config = NginxConfig(
        "x", [NginxUpstream("api", 80, "api")], {80: [NginxLocationConfig("/", backend="api")]}
    )
    directives = parsed(config.get_config({"api": {"a.test"}, role: {"a.test", *addresses}}, False))

    [upstream] = find(directives, "upstream")
    assert ("a.test:80", "resolve") in arguments(upstream[2], "server")
    several = {"least_conn"} if len(arguments(upstream[2], "server")) > 1 else set()
    names = {name for name, _, _ in upstream[2]}
    assert names == {"zone", "server", "resolver", "keepalive_requests"} | several


hosts = st.one_of(texts, st.just("a.test"))
urls = st.one_of(
    texts,
    texts.map(lambda text: f"http://a.test:80/{text}"),
    texts.map(lambda text: f"http://{text}:80/path"),
    texts.map(lambda text: f"https://a.test:{text}/path"),
    st.just("http://a.test/path"),
)
names = st.one_of(texts, st.sampled_from(["loki/0", "worker/1", "otlp_http", "otlp_grpc"]))
backends = st.builds(
    TelemetryBackends,
    loki=st.dictionaries(names, urls, max_size=3),
    remote_write=st.lists(urls, max_size=3),
    charm_tracing=st.dictionaries(names, urls, max_size=3),
    workload_tracing=st.dictionaries(names, urls, max_size=3),
)
IN_A_LOCATION = {
    *("limit_except", "rewrite", "client_max_body_size", "client_body_buffer_size"),
    *("proxy_redirect", "error_log", "set"),
}
for each in ("set_header", "read_timeout", "next_upstream", "ssl_server_name", "ssl_name", "pass"):
    IN_A_LOCATION |= {f"proxy_{each}", f"grpc_{each}"}


@settings(deadline=None)
@given(st.dictionaries(names, hosts, max_size=3), backends, st.booleans())
def test_any_relation_data_makes_routes_or_error(workers, backends, tls):
    good = dataclasses.replace(backends, loki={**backends.loki, "good/0": "http://good.test/push"})
    proxy = proxy_telemetry(
        workers,
        worker_metrics_port=8080,
        backends=good,
        server=ProxyServer("coordinator", 3301 if tls else 3300, tls),
    )
    directives = parsed(proxy.added_to(NginxConfig("x", [], {})).get_config({}, tls))

    shown = locations(directives)
    within = list(itertools.chain.from_iterable(location[2] for location in shown))
    assert {each[0] for each in within} <= IN_A_LOCATION
    paths = [each[1] for each in shown]
    assert ("=", "/proxy/loki/good-0/push") in paths
    assert len(set(paths)) == len(paths)
    upstreams = arguments(directives, "upstream")
    assert len(set(upstreams)) == len(upstreams)
    named = {each[1] for each in within if each[0] == "set"}
    schemes = ("http", "https", "grpc", "grpcs")
    assert named <= {
        ("$backend", f"{scheme}://{name}") for scheme, (name,) in itertools.product(schemes, upstreams)
    }
    # each is served or named
    offered = (
        len(workers)
        + len(good.loki)
        + len({*good.remote_write})
        + len(good.charm_tracing)
        + len(good.workload_tracing)
    )
    assert len(proxy.routes) + len(proxy.refused) == offered
    assert all(len(str(refusal)) < 300 for refusal in proxy.refused)
