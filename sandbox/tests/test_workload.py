"""Charms' changes to containers, and containers' events for charms."""

from collections.abc import Sequence

import pytest
from ops import pebble

from sandbox.juju import Command, CommandResult, Container, Controller, NoWorkload, Unit, WorkloadError
from sandbox.tests.small_charms import WriteCharm, events, words

SERVICES = """
class Charm(Recorder):
    def on_event(self, event):
        container = self.unit.get_container("web")
        if isinstance(event, ops.PebbleReadyEvent):
            container.push("/srv/deep/index.html", "hello", make_dirs=True)
            container.push("/own/place", "kept", make_dirs=True)
            container.add_layer("web", {
                "services": {"web": {"override": "replace", "command": "serve", "startup": "enabled"}},
                "checks": {"up": {"override": "replace", "exec": {"command": "true"}, "threshold": 2}},
            })
            container.replan()
        if isinstance(event, ops.UpdateStatusEvent):
            files = [container.pull(path).read() for path in ("/srv/deep/index.html", "/own/place")]
            running = container.get_service("web").is_running()
            check = container.get_check("up").status.value
            self.add_word(f"{files}-{running}-{check}".replace(" ", ""))
        if isinstance(event, (ops.PebbleCheckFailedEvent, ops.PebbleCheckRecoveredEvent)):
            self.add_word(f"{event.info.name}:{event.info.status.value}:{event.info.failures}")
        if isinstance(event, ops.PebbleCustomNoticeEvent):
            self.add_word(f"{event.notice.key}:{event.notice.last_data['n']}")
"""


class RecordingWorkload(NoWorkload):
    """Notes what it is asked for, knows the command `id`, and does not start the service `broken`."""

    def __init__(self) -> None:
        self.requested: list[str] = []

    def exec(self, unit: Unit, container: Container, command: Command) -> CommandResult:
        if command.arguments[0] != "id":
            raise WorkloadError(f'executable file not found: "{command.arguments[0]}"')
        return CommandResult(code=len(command.arguments) - 1, stdout=command.stdin, stderr="oh")

    def change(
        self, unit: Unit, container: Container, verb: str, services: Sequence[str], plan: pebble.Plan
    ) -> None:
        if "broken" in services:
            raise WorkloadError("service exited quickly with code 1")
        self.requested.append(f"{unit.name} {container.name} {verb} {[*services]} of {[*plan.services]}")

    def signal(self, unit: Unit, container: Container, signal: str, services: Sequence[str]) -> None:
        self.requested.append(f"{unit.name} signal {signal} {[*services]}")

    def end(self, unit: Unit) -> None:
        self.requested.append(f"{unit.name} end")


def test_files_services_and_checks_last_from_event_to_event(
    juju: Controller, write_charm: WriteCharm
) -> None:
    model = juju.add_model("shop")
    model.deploy(write_charm("web", SERVICES, containers={"web": {}}))
    model.settle()
    model.update_status()
    model.settle()
    assert words(model.unit("web/0")) == ["['hello','kept']-True-up"]
    container = model.unit("web/0").container("web")
    assert (container.root / "srv/deep/index.html").read_text() == "hello"
    assert (container.root / "own/place").read_text() == "kept"


def test_each_unit_has_files_of_its_own(juju: Controller, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                if isinstance(event, ops.PebbleReadyEvent):
                    event.workload.push("/etc/me", self.unit.name)
    """
    model = juju.add_model("shop")
    model.deploy(write_charm("web", source, containers={"web": {}}), units=2)
    model.settle()
    for name in ("web/0", "web/1"):
        assert (model.unit(name).container("web").root / "etc/me").read_text() == name


def test_failing_check_is_reported_and_so_is_its_recovery(juju: Controller, write_charm: WriteCharm) -> None:
    model = juju.add_model("shop")
    model.deploy(write_charm("web", SERVICES, containers={"web": {}}))
    model.settle()
    container = model.unit("web/0").container("web")
    container.set_check("up", up=False)
    model.settle()
    container.set_check("up", up=True)
    model.settle()
    model.settle()
    assert words(model.unit("web/0")) == ["up:down:2", "up:up:0"]


def test_service_that_has_ended_is_seen_as_such(juju: Controller, write_charm: WriteCharm) -> None:
    model = juju.add_model("shop")
    model.deploy(write_charm("web", SERVICES, containers={"web": {}}))
    model.settle()
    model.unit("web/0").container("web").services["web"] = "error"
    model.update_status()
    model.settle()
    assert words(model.unit("web/0")) == ["['hello','kept']-False-up"]


def test_notice_of_workload_is_reported_once(juju: Controller, write_charm: WriteCharm) -> None:
    model = juju.add_model("shop")
    model.deploy(write_charm("web", SERVICES, containers={"web": {}}))
    model.settle()
    model.notify("web/0", "web", "example.com/done", {"n": "7"})
    model.settle()
    model.settle()
    assert words(model.unit("web/0")) == ["example.com/done:7"]


def test_requests_to_processes_are_answered_during_hook(write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                if not isinstance(event, ops.PebbleReadyEvent):
                    return
                container = event.workload
                one = {"override": "replace", "command": "one", "startup": "enabled"}
                container.add_layer("all", {"services": {"one": one, "broken": one}})
                container.replan()
                container.restart("one")
                container.send_signal("SIGHUP", "one")
                container.stop("one")
                self.add_word("|".join(container.exec(["id"], stdin="me").wait_output()))
                try:
                    container.exec(["id", "-x"]).wait_output()
                except ops.pebble.ExecError as error:
                    self.add_word(f"{error.exit_code}-{error.stderr}")
                try:
                    container.exec(["other"])
                except ops.pebble.APIError as error:
                    self.add_word("APIError" if "not found" in str(error) else str(error))
                try:
                    container.start("broken")
                except ops.pebble.ChangeError as error:
                    self.add_word("ChangeError" if "exited quickly" in str(error) else str(error))
    """
    workload = RecordingWorkload()
    with Controller(workload=workload, on_log=print) as juju:
        model = juju.add_model("shop")
        model.deploy(write_charm("web", source, containers={"web": {}}))
        model.settle()
        assert words(model.unit("web/0")) == ["me|oh", "1-oh", "APIError", "ChangeError"]
    assert workload.requested == [
        "web/0 web replan [] of ['broken', 'one']",
        "web/0 web restart ['one'] of ['broken', 'one']",
        "web/0 signal SIGHUP ['one']",
        "web/0 web stop ['one'] of ['broken', 'one']",
        "web/0 end",
    ]


def test_fault_of_machine_is_not_charms(write_charm: WriteCharm) -> None:
    class FullDisk(NoWorkload):
        def exec(self, unit: Unit, container: Container, command: Command) -> CommandResult:
            raise OSError("no space left")

    source = """
        class Charm(Recorder):
            def on_event(self, event):
                if isinstance(event, ops.PebbleReadyEvent):
                    event.workload.exec(["id"])
    """
    with Controller(workload=FullDisk()) as juju:
        model = juju.add_model("shop")
        model.deploy(write_charm("web", source, containers={"web": {}}))
        with pytest.raises(OSError, match="no space left"):
            model.settle()


@pytest.mark.parametrize("way", ["kill", "scale", "remove"])
def test_processes_of_pod_end_with_it(write_charm: WriteCharm, way: str) -> None:
    workload = RecordingWorkload()
    with Controller(workload=workload) as juju:
        model = juju.add_model("shop")
        model.deploy(write_charm("web", containers={"web": {}}))
        model.settle()
        if way == "kill":
            model.kill("web/0")
        elif way == "scale":
            model.scale("web", 0)
        else:
            model.remove_application("web")
        model.settle()
        assert workload.requested == ["web/0 end"]


def test_plan_is_what_layers_add_up_to(juju: Controller, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                if isinstance(event, ops.PebbleReadyEvent):
                    service = {"override": "replace", "command": "serve", "environment": {"A": "1"}}
                    event.workload.add_layer("a", {"services": {"web": service}})
                    more = {"override": "merge", "environment": {"B": "2"}}
                    event.workload.add_layer("b", {"services": {"web": more}})
    """
    model = juju.add_model("shop")
    model.deploy(write_charm("web", source, containers={"web": {}}))
    model.settle()
    service = model.unit("web/0").container("web").plan.services["web"]
    assert (service.command, service.environment) == ("serve", {"A": "1", "B": "2"})
    assert "web-pebble-ready" in events(model.unit("web/0"))
