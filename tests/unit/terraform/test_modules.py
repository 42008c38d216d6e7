"""The modules, parsed as HCL: Terraform's own checks need a provider and a controller."""

import itertools
import re
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

REPOSITORY = Path(__file__).parents[3]
TERRAFORM = REPOSITORY / "terraform"
MODULES = sorted(folder.name for folder in TERRAFORM.iterdir() if folder.is_dir())
CHARMS = [name for name in MODULES if (REPOSITORY / "charms" / name).is_dir()]
SOLUTION = "key-value-service"

Block = dict[str, Any]


@cache
def module(name: str) -> dict[str, list[Block]]:
    """The blocks of all files of a module, by their kind."""
    blocks: dict[str, list[Block]] = {}
    for file in sorted((TERRAFORM / name).glob("*.tf")):
        for kind, found in plain(hcl2.loads(file.read_text())).items():
            blocks.setdefault(kind, []).extend(found)
    return blocks


def plain(value: Any) -> Any:
    """Return the parsed value, without the quotes of literals and the marks of blocks."""
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items() if key != "__is_block__"}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value[1:-1] if isinstance(value, str) and value.startswith('"') else value


def named(name: str, kind: str) -> dict[str, Block]:
    """The blocks of a kind that have one label, by that."""
    return dict(itertools.chain.from_iterable(each.items() for each in module(name).get(kind, [])))


def charmcraft(name: str) -> dict[str, Any]:
    return yaml.safe_load((REPOSITORY / "charms" / name / "charmcraft.yaml").read_text())


def test_module_for_each_charm_and_solution():
    charms = {file.parent.name for file in REPOSITORY.glob("charms/*/charmcraft.yaml")}
    assert set(MODULES) == charms | {SOLUTION}


@pytest.mark.parametrize("name", MODULES)
def test_each_variable_is_described_and_used(name):
    main = (TERRAFORM / name / "main.tf").read_text()
    used = set(re.findall(r"\bvar\.(\w+)", main))
    assert named(name, "variable").keys() == used
    for variable in named(name, "variable").values():
        assert variable["description"].endswith(".")
        assert "type" in variable


@pytest.mark.parametrize("name", MODULES)
def test_only_model_has_to_be_given(name):
    without_default = {key for key, each in named(name, "variable").items() if "default" not in each}
    assert without_default == {"model_uuid"}


@pytest.mark.parametrize("name", MODULES)
def test_each_output_is_described(name):
    assert all(output["description"].endswith(".") for output in named(name, "output").values())


@pytest.mark.parametrize("name", MODULES)
def test_all_ask_for_the_same_provider(name):
    assert module(name)["terraform"] == module(SOLUTION)["terraform"]


@pytest.mark.parametrize("name", CHARMS)
def test_charm_s_module_has_variables_that_others_have(name):
    assert set(named(name, "variable")) == {
        *("app_name", "base", "channel", "config", "constraints", "model_uuid", "resources", "revision"),
        "units",
    }
    assert set(named(name, "output")) == {"app_name", "provides", "requires"}


@pytest.mark.parametrize("name", CHARMS)
def test_module_deploys_its_charm_with_trust(name):
    (resource,) = module(name)["resource"]
    (application,) = resource["juju_application"].values()
    assert application["charm"][0]["name"] == charmcraft(name)["name"]
    assert application["trust"] is True
    assert named(name, "variable")["base"]["default"] == "ubuntu@24.04"
    assert "ubuntu@24.04:amd64" in charmcraft(name)["platforms"]


@pytest.mark.parametrize("side", ["provides", "requires"])
@pytest.mark.parametrize("name", CHARMS)
def test_endpoints_are_those_of_charmcraft_yaml(name, side):
    endpoints = {endpoint.replace("-", "_"): endpoint for endpoint in charmcraft(name).get(side, {})}
    assert named(name, "output")[side]["value"] == endpoints


@pytest.mark.parametrize("name", CHARMS)
def test_resources_are_those_of_charmcraft_yaml(name):
    (validation,) = named(name, "variable")["resources"]["validation"]
    assert re.findall(r'"([\w-]+)"', validation["condition"]) == sorted(charmcraft(name)["resources"])
    for resource in charmcraft(name)["resources"]:
        assert resource in validation["error_message"]


def test_solution_gives_modules_variables_that_they_have():
    for block in named(SOLUTION, "module").values():
        given = block.keys() - {"source", "for_each"}
        assert given <= named(Path(block["source"]).name, "variable").keys()


def test_solution_integrates_endpoints_of_the_same_interface():
    charm_of = {label: Path(block["source"]).name for label, block in named(SOLUTION, "module").items()}
    resources = module(SOLUTION)["resource"]
    of_each = (resource.get("juju_integration", {}).values() for resource in resources)
    integrations = list(itertools.chain.from_iterable(of_each))
    assert len(integrations) == 2
    for integration in integrations:
        interfaces: set[str] = set()
        for application in integration["application"]:
            owner, side, key = re.findall(
                r"(each|module\.\w+)(?:\.value)?\.(\w+)\.(\w+)", application["endpoint"]
            )[0]
            label = integration["for_each"] if owner == "each" else owner
            charm = charm_of[re.sub(r"\W*module\.(\w+)\W*", r"\1", label)]
            interfaces.add(charmcraft(charm)[side][named(charm, "output")[side]["value"][key]]["interface"])
        assert len(interfaces) == 1


def test_worker_roles_are_options():
    (validation,) = named(SOLUTION, "variable")["workers"]["validation"]
    roles = re.findall(r'"(\w+)"', validation["condition"])
    options = charmcraft("demo-worker-k8s")["config"]["options"]
    assert {f"role-{role}" for role in roles} == {option for option in options if option.startswith("role-")}


def test_worker_is_deployed_for_every_role_that_is_needed():
    assert set(named(SOLUTION, "variable")["workers"]["default"]) == {"api", "store"}
