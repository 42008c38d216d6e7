"""The documentation's Juju commands fit the charms."""

import itertools
from functools import cache
from typing import Any

import pytest
import yaml

from tests.support.pages import REPOSITORY, SANDBOX, Page, commands, pages_with, values_of

Charmcraft = dict[str, Any]

FOLDERS = ("charms", "sandbox/charms", "tests/integration/testers")
VERBS = {
    *(
        "add-model",
        "config",
        "consume",
        "debug-log",
        "deploy",
        "destroy-model",
        "grant",
        "integrate",
        "offer",
    ),
    *("refresh", "remove-relation", "run", "status", "switch", "trust"),
}


@cache
def charms() -> dict[str, Charmcraft]:
    """Every charm of the repository by its name."""
    files = itertools.chain(*((REPOSITORY / folder).glob("*/charmcraft.yaml") for folder in FOLDERS))
    return {charm["name"]: charm for file in files if (charm := yaml.safe_load(file.read_text()))}


def charm_of(argument: str) -> str:
    """The charm that is deployed: `./dist/NAME_PLATFORM.charm`, or its name on Charmhub."""
    return argument.rpartition("/")[2].removesuffix(".charm").partition("_ubuntu@")[0]


def applications(page: Page) -> dict[str, Charmcraft]:
    """Return the charms of the applications on a page, as far as they are known here."""
    known = dict(charms())
    for argument, *rest in commands(page, "juju", "deploy"):
        charm = charm_of(argument)
        if charm in charms():
            known[rest[0] if rest and not rest[0].startswith("-") else charm] = charms()[charm]
    return known


def endpoints(charm: Charmcraft) -> dict[str, str]:
    """The interface of each endpoint."""
    declared = {**charm.get("provides", {}), **charm.get("requires", {})}
    return {name: endpoint["interface"] for name, endpoint in declared.items()}


def options(charm: Charmcraft) -> set[str]:
    return set(charm.get("config", {}).get("options", {}))


def is_taken(param: dict[str, Any], text: str) -> bool:
    """Return whether an action's parameter can have this value."""
    return (param["type"] != "integer" or text.isdecimal()) and text in param.get("enum", [text])


@pytest.mark.parametrize("page", pages_with("shell"), ids=str)
def test_juju_has_the_command(page: Page):
    assert {words[0] for words in commands(page, "juju")} <= VERBS


@pytest.mark.parametrize("page", pages_with("shell"), ids=str)
def test_deployed_charm_has_options_and_resources(page: Page):
    for argument, *words in [*commands(page, "juju", "deploy"), *commands(page, "juju", "refresh")]:
        if charm := charms().get(charm_of(argument)):
            assert {each.partition("=")[0] for each in values_of(words, "--config")} <= options(charm)
            sources = {key: each.get("upstream-source") for key, each in charm.get("resources", {}).items()}
            assert dict(each.split("=") for each in values_of(words, "--resource")) in ({}, sources)


@pytest.mark.parametrize("page", pages_with("shell"), ids=str)
def test_what_is_configured_can_be(page: Page):
    known = applications(page)
    for application, *given in commands(page, "juju", "config"):
        if application in known:
            assert {each.partition("=")[0] for each in given} <= options(known[application])


@pytest.mark.parametrize("page", pages_with("shell"), ids=str)
def test_actions_take_these_parameters(page: Page):
    known = applications(page)
    for unit, name, *words in [*commands(page, "juju", "run"), *commands(page, *SANDBOX, "run")]:
        action = known[unit.partition("/")[0]]["actions"][name]
        given = dict(word.split("=", 1) for word in words if "=" in word and not word.startswith("--"))
        assert set(action.get("required", ())) <= given.keys()
        assert all(is_taken(action["params"][param], value) for param, value in given.items())


@pytest.mark.parametrize("page", pages_with("shell"), ids=str)
def test_what_is_integrated_fits(page: Page):
    known = applications(page)
    for one, other, *_ in [*commands(page, "juju", "integrate"), *commands(page, "juju", "remove-relation")]:
        interfaces: list[set[str]] = []
        for application, _, endpoint in (one.partition(":"), other.partition(":")):
            if application in known:
                own = endpoints(known[application])
                interfaces.append({own[endpoint]} if endpoint else set(own.values()))
        assert not interfaces or set.intersection(*interfaces)


@pytest.mark.parametrize("page", pages_with("yaml"), ids=str)
def test_endpoints_are_of_interfaces_that_exist(page: Page):
    known = set(itertools.chain.from_iterable(endpoints(charm).values() for charm in charms().values()))
    for block in page.of("yaml"):
        for document in yaml.safe_load_all(block.text):
            assert set(endpoints(document).values()) <= known
