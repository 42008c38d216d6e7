"""Databags of attackers and of broken charms.

Most are valid except for one place, so that the code behind the first checks is reached.
"""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.support.broken_certificates import broken_inside, is_pem

HUSH = "hush-8d1f"
"""Is in every secret of these tests."""

HUGE = 5_000_000

Databag = dict[str, str]


@dataclass(frozen=True)
class Written:
    """The data of an application and its unit for a relation."""

    app: Databag
    unit: Databag

    def __repr__(self) -> str:
        return f"Written({_shown(self.app)}, {_shown(self.unit)})"


def _shown(databag: Databag) -> str:
    """Return a databag, which may be long."""
    return repr(
        {
            key[:60]: value if len(value) < 3000 else f"{value[:300]}… ({len(value)})"
            for key, value in databag.items()
        }
    )


_NGINX = (
    "; proxy_pass http://evil.test; #",
    "a.test; } server { listen 1; }",
    "${http_host}",
    "$1",
    '"',
    "'",
    "\\",
    "{",
    "}",
    "\n",
    "a\r\nX-Evil: 1",
    "\x00",
    "#",
    "GET\x00",
    "http://evil.test/\x00",
    "mallory\x00",
    "\x1b]0;x\x07",
)
_PATHS = (
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "%2e%2e/",
    "/proxy/loki/loki-0/push",
    "~/.ssh/id_rsa",
    "file:///etc",
)
_HOSTS = (
    "evil.test",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "fe80::1%eth0",
    "169.254.169.254",
    "0.0.0.0",
    "loki-0.loki-endpoints.cos",
    "kv.shop.svc.cluster.local",
    "a" * 64 + ".test",
    "unix:/var/run/docker.sock",
)
_URLS = (
    "HTTP://evil.test:4318",
    "http://a..b/",
    f"http://user:{HUSH}@evil.test:80/push",
    f"http://evil.test/push?token={HUSH}",
    f"http://evil.test/push;key={HUSH}",
    f"http://evil.test/a%20{HUSH}",
    "http://",
    "http://evil.test:99999/",
    "http://evil.test:80:80/",
    "http://[::1/",
    "ftp://evil.test/",
    "http://evil.test/" + "a" * 5000,
    "https://evil.test/$host",
    "http://evil.test:4318;",
    "unix:/var/run/docker.sock:/",
    "//evil.test",
)
_NAMES = (
    "catalogue",
    "kv",
    "beacon",
    "worker",
    "worker/0",
    "loki/0",
    "*",
    "shop/sa/kv",
    "cluster.local/ns/x",
    "kube-system",
)
_LABELS = (
    "istio.io/use-waypoint",
    "istio.io/dataplane-mode",
    "app.kubernetes.io/name",
    "app.kubernetes.io/part-of",
    "-x",
    "x" * 64,
    "a b",
    "ümlaut",
    "juju.is/x",
    "a/b/c",
)
_SECRETS = ("secret:0123456789abcdefghij", "secret:", "secret://x/y", "--help", "secret:a b")
_UNICODE = (
    "\u202e",
    "\u05e9\u05dc\u05d5\u05dd",
    "\u2066a",
    "\ufeff",
    "\ud7ff",
    "\U0001f0a1",
    "\uff48\uff54\uff54\uff50",
    "a\u0301",
    "\u2028",
    "\x7f",
    "\x1b[31m",
)
YAML = {
    "a truth that is none": "a: !!bool x",
    "a number that is none": "a: !!int ''",
    "a number that is too large to be a fraction": f"a: !!float {':'.join('1' * 400)}",
    "a number that is too large to be written": f"a: 0x{'f' * 5000}",
    "a time that is none": "a: !!timestamp x",
}
_GROWING_YAML = (
    "a: &a [*a]",
    "a: &a0 {x: 1}\n"
    + "".join(f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 6)),
)
_NUMBERS = (0, -1, 65536, 1.5, 10**400, float("nan"), float("inf"), True, False)

texts = st.one_of(
    st.sampled_from(
        [
            *_NGINX,
            *_PATHS,
            *_HOSTS,
            *_URLS,
            *_NAMES,
            *_LABELS,
            *_SECRETS,
            *_UNICODE,
            *YAML.values(),
            *_GROWING_YAML,
            "",
        ]
    ),
    st.text(max_size=20),
)
long_texts = st.builds(
    lambda text, length: (text or "x") * (length // len(text or "x")),
    st.one_of(st.sampled_from(["x", "a.", "/", "ä", "a:", "\n"]), st.text(max_size=3)),
    # most are just above a limit
    st.sampled_from([64, 254, 300, 4097, 9000, 9000, 150_000]),
)
# Not Unicode: JSON can hold it, and UTF-8 cannot.
halves = st.sampled_from(["\ud800", "a\udfff", "http://evil.test/\ud83d", "\udc00/0"])
scalars = st.one_of(st.none(), st.sampled_from(_NUMBERS), texts, long_texts, halves)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
deep = st.sampled_from([150, 2_000, 100_000]).flatmap(
    lambda levels: st.sampled_from(
        ["[" * levels + "]" * levels, '{"a":' * levels + "1" + "}" * levels, "[" * levels]
    )
)
many = st.builds(
    lambda name, number, value: json.dumps({f"{name}{each}": value for each in range(number)}),
    texts,
    st.sampled_from([300, 3000]),
    scalars,
)
several = st.builds(lambda item, number: json.dumps([item] * number), values, st.sampled_from([2, 300, 3000]))
twice = st.builds(
    lambda key, one, other: f'{{"{key}": {json.dumps(one)}, "{key}": {json.dumps(other)}}}',
    st.sampled_from(["url", "labels", "x"]),
    values,
    values,
)
huge = st.sampled_from(["x", "[]", '"', "{", " ", "1"]).map(
    lambda text: text * (HUGE // len(text))
) | st.just(json.dumps("x" * HUGE))
documents = st.one_of(
    values.map(json.dumps),
    texts,
    values.map(json.dumps),
    deep,
    twice,
    several,
    many,
    st.just(json.dumps([*range(1, 65536)])),
    st.sampled_from(
        ['"\\ud800"', "null", "NaN", "01", "{'a': 1}", "\ufeff[]", "- a\n- b", "!!python/object:os.system x"]
    ),
)


def hostile(valid: Written) -> st.SearchStrategy[Written]:
    """Return a strategy for hostile data in place of valid data."""
    apps, units = _databags(valid.app), _databags(valid.unit)
    # most often one of the two is valid, since little is read of one if the other is not
    return st.one_of(
        st.builds(Written, apps, st.just(valid.unit)),
        st.builds(Written, st.just(valid.app), units),
        st.builds(Written, apps, units),
    )


def hostile_at_each_key(valid: Written) -> list[st.SearchStrategy[Written]]:
    """For each key of either databag, what may be written there while the rest is valid."""
    return [
        st.builds(Written, _hostile_at(key, valid.app), st.just(valid.unit)) for key in sorted(valid.app)
    ] + [st.builds(Written, st.just(valid.app), _hostile_at(key, valid.unit)) for key in sorted(valid.unit)]


def _hostile_at(key: str, valid: Databag) -> st.SearchStrategy[Databag]:
    part = {key: valid[key]}
    return st.one_of(_mutated(part), _mutated(part), _one_replaced(part)).map(lambda sent: {**valid, **sent})


def _databags(valid: Databag) -> st.SearchStrategy[Databag]:
    anything = st.dictionaries(
        st.one_of(st.sampled_from(sorted(valid)), texts.filter(bool)) if valid else texts.filter(bool),
        documents,
        max_size=4,
    )
    if not valid:
        return anything
    return st.one_of(_mutated(valid), _mutated(valid), _mutated(valid), _one_replaced(valid), anything)


def _one_replaced(valid: Databag) -> st.SearchStrategy[Databag]:
    keys = st.sampled_from(sorted(valid))
    return st.builds(lambda key, text: {**valid, key: text}, keys, documents | documents | documents | huge)


@st.composite
def _mutated(draw: st.DrawFn, valid: Databag) -> Databag:
    """Valid, except for one or two places."""
    databag = dict(valid)
    for _ in range(draw(st.integers(1, 2))):
        key = draw(st.sampled_from(sorted(databag)))
        try:
            document = json.loads(databag[key])
        except ValueError:
            databag[key] = draw(texts | long_texts)
        else:
            databag[key] = json.dumps(draw(_changed(document)))
    return databag


@st.composite
def _changed(draw: st.DrawFn, document: Any) -> Any:
    """The document with a change at one place, at any depth."""
    document = copy.deepcopy(document)
    places = _places(document)
    if not places:
        return draw(values)
    container, key = draw(st.sampled_from(places))
    change: Callable[[Any, Any], None] = draw(
        st.sampled_from([_replace, _replace, _replace, _twist, _drop, _add])
    )(draw)
    change(container, key)
    return document


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Each (container, key) of a document."""
    if isinstance(document, dict):
        items: list[tuple[Any, Any]] = list(document.items())
    elif isinstance(document, list):
        items = list(enumerate(document))
    else:
        return []
    places: list[tuple[Any, Any]] = []
    for key, value in items:
        places += [(document, key), *_places(value)]
    return places


def _replace(draw: st.DrawFn) -> Callable[[Any, Any], None]:
    value = draw(values)

    def change(container: Any, key: Any) -> None:
        container[key] = value

    return change


def _twist(draw: st.DrawFn) -> Callable[[Any, Any], None]:
    """Texts get an addition; other values change their type."""
    more, first, inside = draw(texts | long_texts), draw(st.booleans()), draw(st.booleans())

    def change(container: Any, key: Any) -> None:
        value = container[key]
        if isinstance(value, str) and inside and is_pem(value):
            container[key] = draw(broken_inside(value))
        elif isinstance(value, str):
            container[key] = more + value if first else value + more
        else:
            container[key] = str(value) if first else [value]

    return change


def _drop(draw: st.DrawFn) -> Callable[[Any, Any], None]:
    def change(container: Any, key: Any) -> None:
        del container[key]

    return change


def _add(draw: st.DrawFn) -> Callable[[Any, Any], None]:
    key_too, value = draw(texts | long_texts), draw(values)

    def change(container: Any, key: Any) -> None:
        if isinstance(container, dict):
            container[key_too] = value if value is not None else container[key]
        else:
            container.append(value if value is not None else container[key])

    return change


def size(databag: Mapping[str, str]) -> int:
    """Return the number of characters in a databag."""
    return sum(len(key) + len(value) for key, value in databag.items())
