"""The page of who reaches what, as HTML."""

import random
from collections.abc import Iterator
from datetime import datetime, timezone
from html.parser import HTMLParser
from itertools import combinations, product
from pathlib import Path

import pytest

from sandbox._page_content import Allowance, ShownPolicy, policies_to_show
from sandbox.matrix import Cell, MeasuredRequest
from sandbox.mesh import Account, PodState, PolicyState, State
from sandbox.page import render, write

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
HOSTILE = "</title><script>alert('1')</script><img src=x onerror=\"alert(2)\">{{ 7 * 7 }}&amp;'"


def cell(
    source: str = "shop/shop",
    target: str = "Service shop/catalogue",
    request: str = "GET /items",
    port: int = 8080,
    *,
    expected: bool = True,
    through: bool | None = None,
) -> Cell:
    method, path = request.split(" ", 1)
    return Cell(
        MeasuredRequest(source, target, port, method, path),
        expected,
        expected if through is None else through,
    )


SHOP_READS = ShownPolicy(
    "shop/shop-reads-catalogue",
    (Allowance("shop/shop", "GET /items on 8080"),),
    frozenset({"Service shop/catalogue"}),
    "spec: that of shop-reads-catalogue\n",
)
NOTHING = ShownPolicy("istio-system/allow-nothing", (), frozenset(), "spec: {}\n")


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text of those that are asked for."""

    VOID = ("meta", "input", "path", "rect", "img", "br")

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, {name: value or "" for name, value in attrs}, list[str]())
        self.elements.append(element)
        if tag not in self.VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1][0] == tag, f"{tag} ends inside {self._open[-1]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for _, _, text in self._open:
            text.append(data)

    def texts(self, tag: str, class_: str = "") -> list[str]:
        return [
            " ".join("".join(text).split())
            for name, attributes, text in self.elements
            if name == tag and set(class_.split()) <= set(attributes.get("class", "").split())
        ]

    def arrows(self) -> dict[str, str]:
        """Return the outcome of the requests by the text of each element."""
        found = [(a["class"].split()[1], "".join(text)) for _, a, text in self._of_class("arrow")]
        return {" ".join(text.split()): verdict for verdict, text in found}

    def _of_class(self, class_: str) -> Iterator[tuple[str, dict[str, str], list[str]]]:
        return (each for each in self.elements if class_ in each[1].get("class", "").split())


def page(*cells: Cell, policies: list[ShownPolicy] | None = None, outside: set[str] | None = None) -> Page:
    return Page(render(cells, policies or [], outside=outside or set(), when=NOON))


def test_header_shows_time_count_and_result() -> None:
    found = page(cell(), cell(request="DELETE /items", expected=False), policies=[SHOP_READS])
    assert found.texts("time") == ["01 March 2026, 12:00 UTC"]
    counts = dict(zip(found.texts("dt"), found.texts("dd"), strict=True))
    assert counts == {"applications": "2", "policy": "1", "requests": "2", "allowed": "1", "denied": "1"}
    assert found.texts("p", "verdict open") == ["✓ Every request got the answer that the relations require."]


def test_arrow_is_open_if_any_request_is_allowed() -> None:
    found = page(
        cell(),
        cell(request="DELETE /items", expected=False),
        cell("shop/orders", expected=False),
        policies=[SHOP_READS],
    )
    assert found.arrows() == {
        "shop/shop → shop/catalogue: 1 of 2 requests allowed; policy shop/shop-reads-catalogue": "open",
        "shop/orders → shop/catalogue: 0 of 1 request allowed": "denied",
    }


@pytest.mark.parametrize(("expected", "through", "chip"), [(True, False, "denied"), (False, True, "through")])
def test_unexpected_result_is_highlighted(expected: bool, through: bool, chip: str) -> None:
    found = page(cell(expected=expected, through=through), cell("shop/orders"))
    assert sorted(found.arrows().values()) == ["open", "wrong"]
    assert found.texts("p", "verdict wrong") == [
        "✗ 1 request did not get the answer that the relations require."
    ]
    assert found.texts("code", "wrong") == ["GET /items"]
    assert "GET /items" in found.texts("p", chip)[0]
    assert [text for text in found.texts("summary") if "unexpected" in text] == [
        f"shop/shop → shop/catalogue unexpected {int(through)} of 1"
    ]


def test_flow_shows_its_policies() -> None:
    found = page(cell(), cell("shop/orders", expected=False), policies=[SHOP_READS, NOTHING])
    shop, orders = found.texts("details", "flow open"), found.texts("details", "flow denied")
    assert "shop/shop-reads-catalogue allows GET /items on 8080" in shop[0]
    assert "spec: that of shop-reads-catalogue" in shop[0]
    assert "No policy allows this source to reach this target." in orders[0]
    assert "shop-reads-catalogue" not in orders[0]
    others = found.texts("details", "others")
    assert "istio-system/allow-nothing spec: {}" in others[0]
    assert "shop-reads-catalogue" not in others[0]


def test_policy_is_shown_if_no_request_of_it_was_measured() -> None:
    found = page(cell(request="DELETE /items", expected=False), policies=[SHOP_READS])
    (denied,) = found.texts("details", "flow denied")
    assert "shop/shop-reads-catalogue allows GET /items on 8080" in denied
    assert "The policies allow other requests, none of those that were measured." in denied


def test_what_is_open_without_policy_is_reported() -> None:
    assert "these requests are not restricted" in page(cell()).texts("details", "flow open")[0]


def test_requests_outside_the_mesh_are_distinguished() -> None:
    found = page(cell(), cell("shop/orders", "Service shop/store"), outside={"shop/store", "shop/shop"})
    assert sorted(found.arrows().values()) == ["open", "unguarded"]
    assert "no policy is enforced there" in found.texts("details", "flow unguarded")[0]
    assert "shop/orders reaches shop/store" in found.texts("details", "applications")[0]


def test_equal_answers_of_pods_and_ports_are_one_row() -> None:
    pods = [
        cell(target=f"pod shop/catalogue-{number}", request="GET /", port=port)
        for number, port in product((0, 1), (1, 2))
    ]
    found = page(*pods, cell(target="pod shop/catalogue-1", request="GET /", port=3, expected=False))
    assert found.texts("div", "row") == [
        "pod shop/catalogue-0, pod shop/catalogue-1 ports 1, 2 ✓ allowed GET /",
        "pod shop/catalogue-1 port 3 ✗ denied GET /",
    ]
    assert "shop/shop → shop/catalogue: 4 of 5 requests allowed" in found.arrows()


def test_applications_are_listed_with_what_they_reach() -> None:
    found = page(cell(), cell("elsewhere/other", expected=False), outside={"elsewhere/other"})
    (applications,) = found.texts("details", "applications")
    assert "shop/catalogue reaches nothing reached by shop/shop" in applications
    assert "shop/shop reaches shop/catalogue reached by nothing" in applications
    assert "elsewhere/other outside the mesh reaches nothing" in applications


def test_links_stay_on_the_page() -> None:
    found = page(cell(), cell("shop/orders", expected=False), policies=[SHOP_READS, NOTHING])
    ids = [attributes["id"] for _, attributes, _ in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for _, attributes, _ in found.elements if "href" in attributes]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert not [element for element in found.elements if element[0] in ("link", "img") or "src" in element[1]]


def test_nothing_in_name_becomes_part_of_page() -> None:
    policy = ShownPolicy(
        HOSTILE, (Allowance(f"{HOSTILE}/{HOSTILE}", HOSTILE),), frozenset({"Service a/b"}), HOSTILE
    )
    found = page(
        cell(f"{HOSTILE}/{HOSTILE}", "Service a/b", f"GET {HOSTILE}"),
        cell(f"{HOSTILE}/{HOSTILE}", f"pod {HOSTILE}/{HOSTILE}-0", expected=False, through=True),
        policies=[policy, ShownPolicy(HOSTILE, (), frozenset(), HOSTILE)],
        outside={f"{HOSTILE}/{HOSTILE}"},
    )
    harmless = page(cell(), cell("shop/x", "pod shop/x-0"))
    assert {tag for tag, _, _ in found.elements} <= {tag for tag, _, _ in harmless.elements} | {"pre"}
    assert len(found.texts("script")) == 1
    for _, attributes, _ in found.elements:
        assert not [name for name in attributes if name.startswith("on")]
    assert f"GET {HOSTILE}" in found.texts("code")


def test_long_names_are_shortened_in_their_boxes_alone() -> None:
    name = "a-very-long-name-of-an-application-that-fits-no-box"
    found = page(cell(f"shop/{name}"))
    assert "a-very-lon…its-no-box" in found.texts("text")
    assert any(name in text for text in found.texts("summary"))


def test_page_does_not_depend_on_order_of_cells() -> None:
    cells = [
        cell(f"m/{a}", f"Service m/{b}", expected=(a + b) % 3 == 0) for a, b in product(range(8), repeat=2)
    ]
    shuffled = random.Random(1).sample(cells, len(cells))
    assert render(cells, [SHOP_READS], when=NOON) == render(shuffled, [SHOP_READS], when=NOON)


def test_page_of_no_measurement_is_reported() -> None:
    assert page().texts("p", "verdict") == ["Nothing was measured."]


@pytest.mark.parametrize("size", ["wide", "narrow"])
@pytest.mark.parametrize("count", [1, 2, 3, 12, 25])
def test_boxes_stay_apart_and_inside_picture(count: int, size: str) -> None:
    found = page(*(cell(f"m/{n}", f"Service m/{(n + 1) % count}") for n in range(count)))
    (start,) = [i for i, (tag, a, _) in enumerate(found.elements) if tag == "svg" and a.get("class") == size]
    after = found.elements[start:]
    width, height = (float(part) for part in after[0][1]["viewbox"].split()[2:])
    places = [
        [float(part) for part in a["transform"].removeprefix("translate(").rstrip(")").split()]
        for tag, a, _ in after
        if "transform" in a
    ][:count]
    box = float(next(a["width"] for tag, a, _ in after if tag == "rect"))
    assert len(places) == count
    assert all(0 <= x <= width - box and 0 <= y <= height - 40 for x, y in places)
    assert all(abs(x - u) > box or abs(y - v) > 40 for (x, y), (u, v) in combinations(places, 2))


def test_write_creates_directories_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "build" / "mesh.html"
    write(path, [cell("shop/before")], [])
    write(path, [cell("shop/after")], [])
    text = path.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "shop/after" in text
    assert "shop/before" not in text


def test_policies_to_show_have_allowances_and_targets() -> None:
    def pod(name: str, app: str) -> PodState:
        return PodState("shop", name, Account("shop", app), {"app.kubernetes.io/name": app}, True)

    scraper = {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/prometheus"]}}]}
    of_pods = {
        "selector": {"matchLabels": {"app.kubernetes.io/name": "catalogue"}},
        "rules": [{**scraper, "to": [{"operation": {"ports": ["9100"]}}]}],
    }
    of_service = {
        "targetRefs": [{"group": "", "kind": "Service", "name": "catalogue"}],
        "rules": [{**scraper, "to": [{"operation": {"methods": ["GET"], "paths": ["/items"]}}]}],
    }
    state = State(
        pods=(pod("catalogue-0", "catalogue"), pod("catalogue-1", "catalogue"), pod("shop-0", "shop")),
        services=(),
        waypoints=(),
        policies=(
            PolicyState("shop", "scrape", of_pods),
            PolicyState("istio-system", "allow-nothing", {}),
            PolicyState("shop", "read", of_service),
        ),
    )
    nothing, read, scrape = policies_to_show(state)
    assert (nothing.name, nothing.allowances, nothing.targets) == (
        "istio-system/allow-nothing",
        (),
        frozenset(),
    )
    assert read.allowances == (Allowance("shop/prometheus", "GET /items"),)
    assert read.targets == {"Service shop/catalogue"}
    assert scrape.allowances == (Allowance("shop/prometheus", "anything on 9100"),)
    assert scrape.targets == {"pod shop/catalogue-0", "pod shop/catalogue-1"}
    assert "cluster.local/ns/shop/sa/prometheus" in scrape.text
