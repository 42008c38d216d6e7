"""The reference has all public names, and the built pages load nothing from other hosts."""

import importlib
import pkgutil
import re
from functools import cache

import pytest
from sphinx.util.inventory import InventoryFile

from tests.support.pages import REPOSITORY

LIB = REPOSITORY / "lib"
BUILT = REPOSITORY / "build/docs"
PUBLISHED_NAME = "charms.istio_beacon_k8s.v0.service_mesh"


@cache
def documented() -> set[str]:
    """Every name in the reference."""
    with (BUILT / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, path: path)
    return set[str]().union(*(names for kind, names in inventory.items() if kind.startswith("py:")))


def public_modules() -> list[str]:
    """The modules of the libraries that list their public names."""
    files = [file for file in LIB.rglob("*.py") if re.search(r"^__all__ =", file.read_text(), re.MULTILINE)]
    names = [".".join(file.relative_to(LIB).with_suffix("").parts) for file in files]
    return sorted({name.removesuffix(".__init__") for name in names} - {PUBLISHED_NAME})


@pytest.mark.parametrize("name", public_modules())
def test_what_is_public_is_in_reference(name: str):
    # A name that several modules export is documented in one of them.
    explained = {each.rpartition(".")[2] for each in documented() if "._" not in each}
    assert set(importlib.import_module(name).__all__) <= explained


def test_each_interface_of_observability_is_in_reference():
    package = importlib.import_module("cos_interfaces")
    for module in pkgutil.iter_modules(package.__path__, "cos_interfaces."):
        if not module.name.rpartition(".")[2].startswith("_"):
            assert module.name in documented()


def test_each_page_is_drawn_without_network():
    pages = list(BUILT.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loaded = re.findall(r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"([^\"]+)", page.read_text())
        assert [address for address in loaded if re.match("https?:|//", address)] == []


def test_diagrams_are_pictures():
    page = (BUILT / "explanation/architecture.html").read_text()
    assert page.count('<div class="diagram') == page.count('<svg id="diagram-')
    assert "flowchart TB" not in page
