"""The demo's page, as a browser shows it."""

import time
from collections.abc import Callable, Iterator

import pytest

from sandbox._page_content import Allowance, ShownPolicy
from sandbox.matrix import Cell, MeasuredRequest
from sandbox.page import write
from tests.dataplane.browser import Browser, browser

ENTER = "\ue007"
APPS = ["shop", "catalogue", "orders", "prometheus", "demo-coordinator-k8s", "api", "store", "spare"]
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"


def cells() -> Iterator[Cell]:
    """Shop and scraper reach something; the store allows the scraper, which no policy requests."""
    requested = {("shop", "catalogue"), ("shop", "orders"), ("prometheus", "catalogue")}
    for source in APPS:
        for target in APPS:
            for path in ("/items", HOSTILE):
                right = (source, target) in requested and path == "/items"
                wrong = (source, target, path) == ("prometheus", "store", "/items")
                request = MeasuredRequest(f"shop/{source}", f"Service shop/{target}", 8080, "GET", path)
                yield Cell(request, right, right or wrong)


POLICIES = [
    ShownPolicy(
        "shop/the-shop-reads",
        (Allowance("shop/shop", "GET /items"),),
        frozenset({"Service shop/catalogue"}),
        "spec: of the-shop-reads\n",
    ),
    ShownPolicy(f"shop/{HOSTILE}", (), frozenset(), HOSTILE),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "mesh.html"
    write(path, list(cells()), POLICIES)
    return path.as_uri()


@pytest.fixture
def desktop(chromium: Browser, url: str) -> Browser:
    chromium.resize(1280, 900)
    chromium.open(url)
    return chromium


@pytest.fixture
def phone(chromium: Browser, url: str) -> Browser:
    chromium.resize(390, 844, mobile=True)
    chromium.open(url)
    return chromium


def arrow(source: str, target: str) -> str:
    """The selector of an arrow."""
    apps = sorted(f"shop/{app}" for app in APPS)
    numbers = [apps.index(f"shop/{app}") + 1 for app in (source, target)]
    return f'svg.wide .arrow[data-apps="{numbers[0]} {numbers[1]}"]'


def box(app: str) -> str:
    """The selector of an application."""
    return f'svg.wide .box[data-app="{sorted(APPS).index(app) + 1}"]'


def middle_of_line(page: Browser, selector: str) -> tuple[float, float]:
    """Return the position of the middle of an arrow in the window."""
    return page.run(
        "const line = document.querySelector(arguments[0] + ' .line');"
        "line.scrollIntoView({ block: 'center' });"
        "const middle = line.getPointAtLength(line.getTotalLength() / 2)"
        ".matrixTransform(line.getScreenCTM());"
        "return [middle.x, middle.y]",
        selector,
    )


def click_on_line(page: Browser, selector: str) -> None:
    page.point_at(*middle_of_line(page, selector), click=True)


def wait_until(look: Callable[[], object], wanted: object) -> None:
    """The browser follows a link with some delay."""
    patient_until = time.monotonic() + 5
    while look() != wanted and time.monotonic() < patient_until:
        time.sleep(0.02)
    assert look() == wanted


def open_flows(page: Browser) -> list[str]:
    return page.run(
        "return [...document.querySelectorAll('.flow[open] .names')].map(names => names.innerText)"
    )


def shown_flows(page: Browser) -> list[str]:
    return page.run(
        "return [...document.querySelectorAll('#list .names')].filter(each => each.checkVisibility())"
        ".map(each => each.innerText)"
    )


def shown_arrows(page: Browser, kind: str) -> int:
    return page.run(
        "return [...document.querySelectorAll(`svg.wide .arrow.${arguments[0]}`)]"
        ".filter(each => each.checkVisibility()).length",
        kind,
    )


def test_page_loads_nothing_and_logs_no_error(chromium: Browser, url: str) -> None:
    chromium.complaints()
    chromium.open(url)
    assert chromium.run("return performance.getEntriesByType('resource').length") == 0
    assert chromium.complaints() == []


def test_names_that_are_markup_stay_names(desktop: Browser) -> None:
    assert desktop.run("return document.title") == "Who reaches what"
    assert desktop.run("return document.images.length + document.querySelectorAll('script').length") == 1
    assert HOSTILE in desktop.run("return document.body.textContent")


def test_script_that_got_into_page_would_not_run(desktop: Browser) -> None:
    desktop.run(
        "const script = document.createElement('script');"
        "script.textContent = 'document.title = \"taken\"'; document.body.append(script)"
    )
    assert desktop.run("return document.title") == "Who reaches what"
    assert "Content Security Policy" in desktop.complaints()[0]


def test_click_on_arrow_opens_and_marks_its_flow(desktop: Browser) -> None:
    chosen = arrow("shop", "catalogue")
    click_on_line(desktop, chosen)
    wait_until(lambda: open_flows(desktop), ["shop/shop → shop/catalogue"])
    text = desktop.run("return document.querySelector('.flow[open]').innerText")
    assert "shop/the-shop-reads" in text
    assert "allows GET /items" in text
    assert desktop.run("return [...document.querySelectorAll('svg.wide .arrow.near')].length") == 1
    assert desktop.run("return document.querySelector(arguments[0]).matches('.near')", chosen)
    top, bottom = desktop.run(
        "const at = document.querySelector('.flow[open] summary').getBoundingClientRect();"
        "return [at.top, at.bottom]"
    )
    assert 0 <= top < bottom <= 900
    click_on_line(desktop, arrow("shop", "orders"))
    wait_until(lambda: open_flows(desktop), ["shop/shop → shop/orders"])


def test_policy_itself_is_one_click_further(desktop: Browser) -> None:
    click_on_line(desktop, arrow("shop", "catalogue"))
    policy = "document.querySelector('.flow[open] .policy pre')"
    assert not desktop.run(f"return {policy}.checkVisibility()")
    desktop.click(".flow[open] .policy summary")
    assert desktop.run(f"return {policy}.checkVisibility()")
    assert desktop.run(f"return {policy}.innerText.trim()") == "spec: of the-shop-reads"


def test_pointing_at_arrow_marks_its_line_in_list(desktop: Browser) -> None:
    desktop.point_at(*middle_of_line(desktop, arrow("shop", "catalogue")))
    pointed = "return document.querySelector('li.pointed .names')?.innerText"
    wait_until(lambda: desktop.run(pointed), "shop/shop → shop/catalogue")
    title = desktop.run("return document.querySelector('svg.wide .arrow.pointed title').textContent")
    assert "policy shop/the-shop-reads" in title


def test_everything_works_with_keyboard(desktop: Browser) -> None:
    desktop.run("document.querySelector(arguments[0]).focus()", arrow("shop", "catalogue"))
    desktop.press(ENTER)
    wait_until(lambda: open_flows(desktop), ["shop/shop → shop/catalogue"])
    desktop.run("document.querySelector(arguments[0]).focus()", box("orders"))
    desktop.press(ENTER)
    wait_until(lambda: shown_flows(desktop), ["shop/shop → shop/orders"])


def test_refused_flows_are_drawn_when_asked_for(desktop: Browser) -> None:
    assert (shown_arrows(desktop, "denied"), shown_arrows(desktop, "open")) == (0, 3)
    desktop.click("#show-denied")
    assert shown_arrows(desktop, "denied") == len(APPS) ** 2 - 4
    desktop.click("#show-denied")
    assert shown_arrows(desktop, "denied") == 0


def test_click_on_application_filters_its_traffic(desktop: Browser) -> None:
    everything = shown_flows(desktop)
    desktop.click(box("catalogue"))
    wait_until(
        lambda: shown_flows(desktop), ["shop/prometheus → shop/catalogue", "shop/shop → shop/catalogue"]
    )
    heading = desktop.run("return document.querySelector('#chosen').innerText")
    assert heading == "Only traffic of shop/catalogue. Show all"
    # Those to and from all others and itself, except for the two that are open.
    assert shown_arrows(desktop, "denied") == 2 * len(APPS) - 1 - 2
    desktop.click("#chosen a")
    wait_until(lambda: shown_flows(desktop), everything)
    assert shown_arrows(desktop, "denied") == 0


def test_unexpected_flows_come_first(desktop: Browser) -> None:
    assert shown_flows(desktop)[0] == "shop/prometheus → shop/store unexpected"
    assert shown_arrows(desktop, "wrong") == 1


def test_link_to_flow_opens_it(desktop: Browser, url: str) -> None:
    number = desktop.run("return document.querySelector(arguments[0]).dataset.flow", arrow("api", "spare"))
    desktop.open(f"{url}#flow-{number}")
    wait_until(lambda: open_flows(desktop), ["shop/api → shop/spare"])


def test_arrows_link_to_flows_without_scripts(chromium: Browser, url: str) -> None:
    chromium.resize(1280, 900)
    chromium.emulate("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.open(url)
        click_on_line(chromium, arrow("shop", "catalogue"))
        wait_until(lambda: "allows GET /items" in chromium.snapshot(), True)
        assert not chromium.run("return document.querySelector('.near')")
        assert "shop/prometheus → shop/catalogue" in chromium.snapshot()
    finally:
        chromium.emulate("Emulation.setScriptExecutionDisabled", value=False)


def test_phone_layout_is_readable(phone: Browser) -> None:
    assert phone.run("return document.documentElement.scrollWidth") == 390
    assert phone.run(
        "return [...document.querySelectorAll('figure svg')].map(each => each.checkVisibility())"
    ) == [
        False,
        True,
    ]
    outside, smallest = phone.run(
        "const boxes = [...document.querySelectorAll('svg.narrow .box')];"
        "const rect = (box, what) => box.querySelector(what).getBoundingClientRect();"
        "return [boxes.filter(box => rect(box, 'text:not(.model)').width > rect(box, 'rect').width).length,"
        " Math.min(...boxes.map(box => rect(box, 'text:not(.model)').height))]"
    )
    assert outside == 0
    assert smallest >= 11
    phone.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert phone.run("return document.documentElement.scrollWidth") == 390


def test_on_phone_graph_is_one_tap_away_from_list(phone: Browser) -> None:
    click_on_line(phone, arrow("shop", "catalogue").replace("wide", "narrow"))
    wait_until(lambda: open_flows(phone), ["shop/shop → shop/catalogue"])
    assert phone.run("return scrollY") > 300
    phone.click(".back")
    assert phone.run("return document.querySelector('#graph').getBoundingClientRect().top") == pytest.approx(
        0, abs=2
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_paper(desktop: Browser, scheme: str) -> None:
    desktop.emulate(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )
    paper, ink = desktop.run(
        "const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]"
        ".map(colour => Math.max(...colour.match(/\\d+/g).map(Number)))"
    )
    assert (paper > 200 and ink < 80) if scheme == "light" else (paper < 80 and ink > 200)
