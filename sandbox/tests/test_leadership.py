"""Leaders of applications, and their rights."""

from sandbox.juju import Model
from sandbox.tests.small_charms import WriteCharm, events

STATUS = """
class Charm(Recorder):
    def on_event(self, event):
        if self.unit.is_leader():
            self.app.status = ops.ActiveStatus(f"led by {self.unit.name}")
        self.unit.status = ops.ActiveStatus()
"""


def test_a_new_leader_is_reported_and_publishes_for_application(
    model: Model, write_charm: WriteCharm
) -> None:
    application = model.deploy(write_charm("web", STATUS), units=2)
    model.settle()
    assert application.status == ("active", "led by web/0")
    model.set_leader("web/1")
    model.settle()
    assert application.status == ("active", "led by web/1")
    assert events(model.unit("web/0")).count("leader-elected") == 1
    model.set_leader("web/0")
    model.settle()
    assert events(model.unit("web/0")).count("leader-elected") == 2


def test_killed_leader_comes_back_as_one_of_the_others(model: Model, write_charm: WriteCharm) -> None:
    model.deploy(write_charm("web", STATUS), units=2)
    model.settle()
    before = len(events(model.unit("web/0")))
    model.kill("web/leader")
    model.settle()
    assert model.unit("web/leader").name == "web/1"
    assert events(model.unit("web/0"))[before:] == ["upgrade-charm", "config-changed", "start"]
    assert events(model.unit("web/1"))[-1] == "leader-elected"


def test_application_status_defaults_to_its_worst_unit(model: Model, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                leads = self.unit.is_leader()
                self.unit.status = ops.ActiveStatus() if leads else ops.BlockedStatus("no disk")
    """
    application = model.deploy(write_charm("web", source), units=2)
    model.settle()
    assert application.status == ("blocked", "no disk")


def test_planned_units_follow_scale(model: Model, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                self.unit.status = ops.ActiveStatus(str(self.app.planned_units()))
    """
    model.deploy(write_charm("web", source))
    model.settle()
    assert model.unit("web/0").status == ("active", "1")
    model.add_unit("web", 2)
    model.settle()
    model.update_status()
    model.settle()
    assert model.unit("web/0").status == ("active", "3")
