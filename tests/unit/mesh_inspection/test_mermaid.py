"""The mesh as a flowchart, with any content of policies."""

import re

import pytest

from mesh_inspection import Row, State, mermaid

ODD = (
    *('GET /a"b', "PUT /c\\d\\", "GET /[x]/{*}", "#35;", "&lt;b&gt;", "<br/>", "|pipe|", "(a) %% `b`", "é"),
    *("]; n9", '"] --> n9', "subgraph", "end", "a\nb", "'", "-->|x|"),
)


def row(
    source: str = "shop/web",
    target: str = "shop/catalogue",
    *requests: str,
    state: State = "enforced",
) -> Row:
    return Row((source,), (target,), requests or ("anything",), (), (), "shop/policy", state, "")


def read_mermaid(text: str) -> tuple[dict[str, str], list[tuple[str, str, str, str]]]:
    """Return the nodes by their names in the text, and the arrows; fail at any other line."""
    nodes: dict[str, str] = {}
    arrows: list[tuple[str, str, str, str]] = []
    first, *lines = text.split("\n")
    assert first == "flowchart LR"
    for line in lines:
        if node := re.fullmatch(r' {4}(n\d+)\["([^"\[\]{}|`\\<>]*)"\]', line):
            nodes[node[1]] = of_mermaid(node[2])
        elif arrow := re.fullmatch(r'  (n\d+) (-->|-\.->)\|"([^"\[\]{}|`\\]*)"\| (n\d+)', line):
            arrows.append((arrow[1], arrow[2], of_mermaid(arrow[3].replace("<br/>", "\n")), arrow[4]))
        else:
            assert re.fullmatch(r'  end|  subgraph m\d+\["([^"\[\]{}|`\\<>]*)"\]', line), line
    return nodes, arrows


def of_mermaid(text: str) -> str:
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), text)


def test_arrows_are_dotted_if_not_enforced():
    rows = [
        row("shop/web-1", "shop/catalogue", "GET /items on 80"),
        row("shop/web-1", "units of shop/catalogue", "anything on 9100"),
        row("office/kiosk", "shop/catalogue", state="not enforced"),
        row("anybody", "units in shop with juju-modeloperator=modeloperator"),
        row("cluster.local/ns/x/sa/*", "everything behind waypoints"),
    ]
    nodes, arrows = read_mermaid(mermaid(rows))
    assert {(nodes[source], arrow, label, nodes[target]) for source, arrow, label, target in arrows} == {
        ("web-1", "-->", "GET /items on 80\nunits: anything on 9100", "catalogue"),
        ("kiosk", "-.->", "anything", "catalogue"),
        ("anybody", "-->", "units: anything", "units in shop with juju-modeloperator=modeloperator"),
        ("cluster.local/ns/x/sa/*", "-->", "anything", "everything behind waypoints"),
    }


def test_empty_mesh_is_drawn_too():
    assert read_mermaid(mermaid([])) == ({}, [])


@pytest.mark.parametrize("odd", ODD)
def test_nothing_in_policy_is_taken_for_language(odd: str):
    name = re.sub("[ /]", "", odd)
    nodes, [(source, _, label, target)] = read_mermaid(mermaid([row(f"shop/{name}", "shop/x", odd)]))
    assert (nodes[source], label, nodes[target]) == (name, odd, "x")
    assert len(nodes) == 2


def test_many_requests_are_cut_and_counted():
    rows = [row("shop/web", "shop/x", *(f"GET /{number}" for number in range(9)))]
    _, [(_, _, label, _)] = read_mermaid(mermaid(rows))
    assert label.split("\n") == [*(f"GET /{number}" for number in range(5)), "and 4 more"]
