"""The number of the charms' calls of Juju's hook tools, each of which is a process."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tools.benchmarks import hook_tools, sides
from tools.benchmarks.findings import OURS, Findings
from tools.benchmarks.kubernetes_apis import KubernetesApi, stand_in


@pytest.fixture(scope="module")
def api() -> Iterator[KubernetesApi]:
    with stand_in(0) as api:
        yield api


@pytest.fixture(scope="module")
def calls(api: KubernetesApi) -> dict[int, Counter[str]]:
    """Number of relations to the calls of the idle hooks of each charm, by charm and tool."""
    found = Findings()
    for size in (2, 5):
        hook_tools.measure(found, api, [sides.ours()], size=size, progress=lambda _: None)
    counted: dict[int, Counter[str]] = {2: Counter(), 5: Counter()}
    for each in found:
        assert each.case.size
        counted[each.case.size][each.case.name] = int(each.values[OURS][0])
    return counted


# Relations and units; their data; the data sent to them, which are not sent again.
@pytest.mark.parametrize(
    ("charm", "lists", "gets"),
    [("beacon", 1, 2), ("consumer", 1, 0), ("coordinator", 1, 3)],
)
def test_further_relation_costs_a_few_reads(
    calls: dict[int, Counter[str]], charm: str, lists: int, gets: int
):
    few, many = calls[2], calls[5]
    more = {
        tool: (many[f"{charm}: {tool}"] - few[f"{charm}: {tool}"]) / 3
        for tool in ("relation-list", "relation-get", "all")
    }
    assert more == {"relation-list": lists, "relation-get": gets, "all": lists + gets}
    assert many[f"{charm}: relation-set"] == 0
