"""For the LogQL of dashboards and rules, Loki's own code and the tests' reader have the same results."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from sandbox.control_plane import LOKI, NotAvailableError
from tests.support import dashboards, logql
from tests.support.nginx_log import ALERTS, LABELS, QUERIES, sample_log

pytestmark = pytest.mark.fidelity

ASKED = {**QUERIES, **ALERTS}
OF_WORKERS = {**LABELS, "juju_unit": "kv-api/0", "pebble_service": "worker"}
WORKERS_LOG = [
    '{"level": "error", "message": "a request failed", "status": 500}',
    '{"level": "info", "message": "a key was put"}',
    "WARNING no JSON at all",
]


@dataclass(frozen=True)
class Question:
    """A query, and the only stream."""

    query: str
    stream: Mapping[str, str] = field(default_factory=lambda: LABELS)
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class Answer:
    """Loki's answer to a query."""

    error: str
    found: list[dict[str, str]] | None


class Loki:
    """The part of Loki that reads queries and lines."""

    def __init__(self, program: Path):
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, question: Question) -> Answer:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(question)) + "\n")
        return Answer(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def nginx_log(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return sample_log(tmp_path_factory.mktemp("nginx"))


@pytest.fixture(scope="module")
def loki() -> Iterator[Loki]:
    try:
        loki = Loki(LOKI.build())
    except NotAvailableError as missing:
        pytest.skip(str(missing))
    yield loki
    loki.close()


def groups(found: Sequence[Mapping[str, str]] | None) -> list[list[tuple[str, str]]]:
    """Return the found groups, sorted; of an error in a line only its kind."""
    return sorted(
        sorted((k, v) for k, v in each.items() if k != "__error_details__" and v) for each in found or ()
    )


@pytest.mark.parametrize("name", sorted(ASKED))
def test_loki_takes_each_query_and_rule(loki: Loki, name: str):
    assert loki.ask(Question(ASKED[name])).error == ""


@pytest.mark.parametrize("name", sorted(ASKED))
def test_loki_finds_what_tests_reader_finds(loki: Loki, name: str, nginx_log: list[str]):
    query = ASKED[name]
    for stream, lines in (
        (LABELS, nginx_log),
        (OF_WORKERS, WORKERS_LOG),
        ({"juju_model": "other"}, nginx_log),
    ):
        found = loki.ask(Question(query, stream, lines)).found
        assert groups(found) == groups(logql.parse(query).results(stream, lines))


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_loki_takes_each_query_also_for_one_of_several(loki: Loki, name: str):
    """As Grafana has it when some are chosen."""
    query = re.sub(r'(juju_\w+=~)"[^"]*"', r'\1"one|other"', QUERIES[name])
    assert query != QUERIES[name]
    assert loki.ask(Question(query)).error == ""


@pytest.mark.parametrize(
    "query",
    [
        '{app=~".*"}',
        '{app="a"} | regexp `(?P<a>[`',
        '{app="a"} | regexp `(.*)`',
        'sum(rate({app="a"}))',
        'rate({app="a"}',
        "sum(rate({} [5m]))",
    ],
)
def test_what_loki_refuses_tests_reader_refuses(loki: Loki, query: str):
    assert loki.ask(Question(query)).error != ""
    with pytest.raises(logql.LogQLError):
        logql.parse(query)


def test_there_are_queries_of_logs():
    boards = {name.split(":")[0] for name in QUERIES}
    assert boards <= {dashboards.read(file).title for file in dashboards.FILES}
    assert len(QUERIES) >= 8
