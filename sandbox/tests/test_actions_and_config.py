"""Actions, options, and their valid values."""

import pytest

from sandbox.juju import JujuError, Model
from sandbox.tests.small_charms import WriteCharm

ACTIONS = {
    "greet": {
        "params": {
            "who": {"type": "string"},
            "times": {"type": "integer", "default": 1},
            "loud": {"type": "boolean", "default": False},
            "tongue": {"type": "string", "enum": ["en", "fr"]},
            "floor": {"type": "integer", "minimum": 1, "maximum": 9},
        },
        "required": ["who"],
    },
    "fail": {},
    "crash": {},
}

SOURCE = """
class Charm(Recorder):
    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.greet_action, self.greet)
        framework.observe(self.on.fail_action, self.fail)
        framework.observe(self.on.crash_action, self.crash)

    def greet(self, event):
        event.log("about to")
        greeting = event.params["who"] * event.params["times"]
        event.set_results({"greeting": greeting.upper() if event.params["loud"] else greeting})
        self.unit.status = ops.ActiveStatus("greeted")

    def fail(self, event):
        event.set_results({"so": "far"})
        event.fail("not today")

    def crash(self, event):
        raise RuntimeError("oh")
"""


@pytest.fixture
def greeter(model: Model, write_charm: WriteCharm) -> Model:
    model.deploy(write_charm("web", SOURCE, actions=ACTIONS))
    model.settle()
    return model


def test_action_gives_its_results_and_what_it_has_logged(greeter: Model) -> None:
    result = greeter.run("web/leader", "greet", {"who": "42", "times": "2", "loud": "true"})
    assert (result.results, result.messages, result.failure) == ({"greeting": "4242"}, ["about to"], None)
    assert greeter.unit("web/0").status == ("active", "greeted")


def test_action_that_fails_gives_reason(greeter: Model) -> None:
    result = greeter.run("web/0", "fail")
    assert (result.results, result.failure) == ({"so": "far"}, "not today")


def test_action_that_raises_leaves_its_unit_unchanged(greeter: Model) -> None:
    result = greeter.run("web/0", "crash")
    assert result.failure
    assert "RuntimeError: oh" in result.failure
    assert greeter.unit("web/0").error is None


@pytest.mark.parametrize(
    ("unit", "action", "params", "why"),
    [
        ("web/0", "dance", {}, "has no action 'dance'; it has crash, fail, greet"),
        ("web/0", "greet", {}, "needs who"),
        ("web/0", "greet", {"who": "x", "when": "now"}, "takes no 'when'; it takes floor, loud, times,"),
        ("web/0", "greet", {"who": "x", "times": "many"}, "'times' is of type integer, which 'many' is not"),
        ("web/0", "greet", {"who": "x", "times": True}, "'times' is of type integer"),
        ("web/0", "greet", {"who": "x", "tongue": "de"}, "'tongue' is one of en, fr, which 'de' is not"),
        ("web/0", "greet", {"who": "x", "floor": "0"}, "'floor' is at least 1, which 0 is not"),
        ("web/0", "greet", {"who": "x", "floor": "10"}, "'floor' is at most 9, which 10 is not"),
        ("web/7", "greet", {"who": "x"}, "no unit 'web/7'"),
        ("bib/0", "greet", {"who": "x"}, "no application 'bib'"),
    ],
)
def test_what_cannot_be_run_is_refused(
    greeter: Model, unit: str, action: str, params: dict[str, object], why: str
) -> None:
    with pytest.raises(JujuError, match=why):
        greeter.run(unit, action, params)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [("int", "3", 3), ("boolean", "false", False), ("float", "1", 1), ("string", "007", "007")],
)
def test_text_is_taken_for_what_options_type_makes_of_it(
    model: Model, write_charm: WriteCharm, kind: str, text: str, value: object
) -> None:
    charm = write_charm("web", config={"options": {"it": {"type": kind}}})
    application = model.deploy(charm, config={"it": text})
    assert application.config == {"it": value}


def test_options_that_there_are_not_are_refused(model: Model, write_charm: WriteCharm) -> None:
    charm = write_charm("web", config={"options": {"size": {"type": "int"}}})
    with pytest.raises(JujuError, match="no config option 'colour'; it has size"):
        model.deploy(charm, config={"colour": "red"})
    model.deploy(charm)
    with pytest.raises(JujuError, match="'size' is of type int, which 'big' is not"):
        model.config("web", {"size": "big"})


def test_directory_without_charm_is_refused(model: Model, write_charm: WriteCharm) -> None:
    charm = write_charm("web")
    (charm / "charmcraft.yaml").unlink()
    with pytest.raises(JujuError, match="no charm in"):
        model.deploy(charm)


def test_older_charms_keep_their_metadata_in_three_files(model: Model, write_charm: WriteCharm) -> None:
    charm = write_charm("web", SOURCE)
    (charm / "charmcraft.yaml").rename(charm / "metadata.yaml")
    (charm / "config.yaml").write_text("options: {size: {type: int, default: 4}}")
    (charm / "actions.yaml").write_text("greet: {params: {who: {type: string}}}\nfail: {}\ncrash: {}")
    application = model.deploy(charm)
    model.settle()
    assert application.config == {"size": 4}
    assert model.run("web/0", "fail").failure == "not today"
