"""The charms' data for charmcraft, Juju, Charmhub and people."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

REPOSITORY = Path(__file__).parents[4]
CHARMS = sorted(file.parent for file in REPOSITORY.glob("charms/*/charmcraft.yaml"))


@pytest.fixture(params=CHARMS, ids=lambda charm: charm.name)
def folder(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def charm(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "charmcraft.yaml").read_text())


def relations(charm: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {**charm.get("peers", {}), **charm.get("provides", {}), **charm.get("requires", {})}


def test_name_is_the_one_of_folder(folder, charm):
    assert charm["name"] == folder.name
    assert charm["title"] != charm["name"]
    assert len(charm["summary"]) < 79


def test_assumes_kubernetes_and_rootless_juju(charm):
    assert charm["assumes"] == ["k8s-api", "juju >= 3.6"]
    assert charm["charm-user"] == "non-root"


def test_is_built_for_base_of_published_charms_as_well(charm):
    assert list(charm["platforms"]) == [
        *("ubuntu@22.04:amd64", "ubuntu@22.04:arm64"),
        *("ubuntu@24.04:amd64", "ubuntu@24.04:arm64"),
    ]


def test_people_find_more_on_web_page(charm):
    assert charm["links"]["website"].startswith("https://")


def test_relations_and_options_are_described_in_sentences(charm):
    for name, each in {**relations(charm), **charm.get("config", {}).get("options", {})}.items():
        assert each["description"].strip().endswith("."), name


def test_options_have_type_and_default_if_they_have_any(charm):
    for name, option in charm.get("config", {}).get("options", {}).items():
        assert option["type"] in ("boolean", "int", "float", "string", "secret"), name
        assert "default" not in option or option["default"] is not None, name


def test_each_container_has_image_that_comes_from_somewhere(charm):
    used = {container["resource"] for container in charm["containers"].values()}
    assert used == charm["resources"].keys()
    for name, resource in charm["resources"].items():
        assert resource["type"] == "oci-image", name
        assert resource["description"], name
        registry, _, image = resource["upstream-source"].partition("/")
        assert "." in registry, name
        assert ":" in image, name


def test_service_mesh_or_certificate_is_had_once(charm):
    once = ("service_mesh", "tls-certificates", "tracing", "s3", "catalogue")
    for name, relation in charm.get("requires", {}).items():
        if relation["interface"] in once:
            assert relation["limit"] == 1, name
            assert relation["optional"] is True, name


def test_icon_is_drawn_on_square_as_charmhub_wants_it(folder):
    icon = ElementTree.parse(folder / "icon.svg").getroot()
    assert (icon.get("width"), icon.get("height"), icon.get("viewBox")) == ("100", "100", "0 0 100 100")


def test_readme_names_each_option(folder, charm):
    readme = (folder / "README.md").read_text()
    for name in charm.get("config", {}).get("options", {}):
        assert name in readme or name.endswith("-limit"), name
