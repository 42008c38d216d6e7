"""A charm's process: the state that lasts from event to event, and failures."""

import contextlib
import os
import sys
import time
from pathlib import Path

import pytest

from sandbox.juju import (
    CharmSource,
    ContainerRuntime,
    Controller,
    JujuError,
    Model,
    NotSettledError,
    NoWorkload,
    Unit,
)
from sandbox.tests.small_charms import WriteCharm, events, words


def test_stored_state_and_deferred_events_persist(model: Model, write_charm: WriteCharm) -> None:
    source = """
        seen = []

        class Charm(Recorder):
            _stored = ops.StoredState()

            def on_event(self, event):
                self._stored.set_default(kinds=[], things={1, 2}, raw=b"x")
                seen.append(event.handle.kind)
                assert len(seen) == 1 or seen[0] == "install"
                if isinstance(event, ops.InstallEvent) and len(self._stored.kinds) < 1:
                    event.defer()
                self._stored.kinds.append(event.handle.kind)
                assert self._stored.things == {1, 2} and self._stored.raw == b"x"
                self.unit.status = ops.ActiveStatus(" ".join(self._stored.kinds))
    """
    model.deploy(write_charm("web", source))
    model.settle()
    assert words(model.unit("web/0")) == ["install", "install", "leader_elected", "config_changed", "start"]


def test_two_charms_have_modules_of_their_own(model: Model, write_charm: WriteCharm) -> None:
    source = """
        import settings

        class Charm(Recorder):
            def on_event(self, event):
                self.unit.status = ops.ActiveStatus(settings.NAME)
    """
    for name in ("one", "two"):
        directory = write_charm(name, source)
        (directory / "src/settings.py").write_text(f"NAME = {name!r}")
        model.deploy(directory)
    model.settle()
    assert [model.unit(name).status[1] for name in ("one/0", "two/0")] == ["one", "two"]


def test_own_copy_of_library_comes_first(model: Model, write_charm: WriteCharm, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given/library.py").write_text("NAME = 'given'")
    source = """
        import library

        class Charm(Recorder):
            def on_event(self, event):
                self.unit.status = ops.ActiveStatus(library.NAME)
    """
    plain, own = write_charm("plain", source), write_charm("own", source)
    (own / "lib").mkdir()
    (own / "lib/library.py").write_text("NAME = 'own'")
    for charm in (plain, own):
        model.deploy(CharmSource(charm, pythonpath=(tmp_path / "given",)))
    model.settle()
    assert [model.unit(name).status[1] for name in ("plain/0", "own/0")] == ["given", "own"]


def test_nothing_of_sandbox_is_on_charms_path(model: Model, write_charm: WriteCharm) -> None:
    source = """
        import importlib.util, os, socket, sys

        class Charm(Recorder):
            def on_event(self, event):
                found = [name for name in ("tests", "benchmarks", "typer") if name in sys.modules]
                found += [entry for entry in sys.path if entry.endswith("main")]
                self.unit.status = ops.ActiveStatus(f"{found} {socket.getfqdn()} {socket.gethostname()}")
    """
    model.deploy(write_charm("web", source))
    model.settle()
    assert words(model.unit("web/0")) == ["[]", "web-0.web-endpoints.shop.svc.cluster.local", "web-0"]


def test_exception_in_charm_is_error_of_its_unit(model: Model, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                for relation in self.model.relations["site"]:
                    relation.data[self.unit]["written"] = "yes"
                if isinstance(event, ops.StartEvent) and self.config["broken"]:
                    raise ZeroDivisionError("why not")
    """
    site = {"site": {"interface": "http"}}
    options = {"broken": {"type": "boolean", "default": True}}
    model.deploy(write_charm("web", source, provides=site, config={"options": options}))
    model.deploy(write_charm("client", requires=site))
    relation = model.integrate("web", "client")
    model.settle()
    unit = model.unit("web/0")
    assert unit.workload_status == ("error", "hook failed: start")
    assert unit.error
    assert unit.error.traceback.splitlines()[-1] == "ZeroDivisionError: why not"
    assert "scenario" not in unit.error.traceback
    assert events(model.unit("client/0"))[-2:] == ["site-relation-joined", "site-relation-changed"]
    assert relation.sides[0].unit_data[0].data["written"] == "yes"

    model.resolve("web/0")
    model.settle()
    assert events(unit)[-2:] == ["start", "start"]
    assert unit.error

    model.config("web", {"broken": False})
    model.resolve("web/0", retry=False)
    model.settle()
    assert unit.error is None
    assert events(unit)[-3:] == ["config-changed", "site-relation-joined", "site-relation-changed"]
    with pytest.raises(JujuError, match="not in error"):
        model.resolve("web/0")


def test_what_failed_hook_has_written_is_not_kept(model: Model, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                relation = self.model.get_relation("peers")
                if relation and isinstance(event, ops.StartEvent):
                    relation.data[self.unit]["written"] = "yes"
                    raise ValueError
    """
    model.deploy(write_charm("web", source, peers={"peers": {"interface": "p"}}))
    model.settle()
    (relation,) = model.relations
    assert "written" not in relation.sides[0].unit_data[0].data


@pytest.mark.parametrize(
    ("ending", "words_of_it"),
    [
        ("import os; os._exit(3)", "ended its process with exit code 3"),
        ("raise SystemExit(4)", "ended its process with exit code 4"),
        ("import os; os.kill(os.getpid(), 9)", "ended its process by signal 9"),
    ],
)
def test_charm_that_ends_its_process_ends_only_that_event(
    model: Model, write_charm: WriteCharm, ending: str, words_of_it: str
) -> None:
    source = f"""
        class Charm(Recorder):
            def on_event(self, event):
                if isinstance(event, ops.InstallEvent):
                    {ending}
    """
    model.deploy(write_charm("web", source))
    model.settle()
    unit = model.unit("web/0")
    assert unit.error
    assert words_of_it in unit.error.traceback
    model.resolve("web/0", retry=False)
    model.settle()
    assert events(unit)[-1] == "start"


def test_charm_that_cannot_be_imported_fails_its_hooks(model: Model, write_charm: WriteCharm) -> None:
    model.deploy(write_charm("web", "import no_such_module"))
    model.settle()
    error = model.unit("web/0").error
    assert error
    assert "No module named 'no_such_module'" in error.traceback


def test_charm_that_takes_too_long_is_stopped(
    model: Model, write_charm: WriteCharm, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        import time

        class Charm(Recorder):
            def on_event(self, event):
                if isinstance(event, ops.InstallEvent):
                    print("I am slow", flush=True)
                    time.sleep(60)
    """
    model.deploy(write_charm("web", source))
    with monkeypatch.context() as impatient:
        impatient.setattr("sandbox.juju._process.HOOK_SECONDS", 1)
        model.settle()
    unit = model.unit("web/0")
    assert unit.error
    assert "the charm's process has ended" in unit.error.traceback
    model.resolve("web/0", retry=False)
    model.settle()
    assert events(unit)[-1] == "start"


def test_endless_events_are_error_that_names_them(
    model: Model, juju: Controller, write_charm: WriteCharm
) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                for relation in self.model.relations["ball"]:
                    data = relation.data[self.unit]
                    data["hits"] = str(int(data.get("hits", "0")) + 1)
    """
    ball = {"ball": {"interface": "ball"}}
    model.deploy(write_charm("ping", source, provides=ball))
    model.deploy(write_charm("pong", source, requires=ball))
    model.integrate("ping", "pong")
    with pytest.raises(
        NotSettledError, match=r"(ping|pong)/0 \(charm .*\) does not come to rest.*ball-relation-changed"
    ):
        juju.settle(limit=20)


def test_logs_come_with_level_and_unit(model: Model, juju: Controller, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                logging.warning("mind the %s", event.handle.kind)
                print("not for the log")
    """
    model.deploy(write_charm("web", source))
    model.settle()
    warnings = [line for line in juju.log if line.level == "WARNING"]
    assert [line.message for line in warnings][:2] == ["mind the install", "mind the leader_elected"]
    assert str(warnings[0]).startswith("unit-web-0: ")
    assert "WARNING unit.web/0.juju-log mind the install" in str(warnings[0])
    assert not [line for line in juju.log if "not for the log" in line.message]


def test_another_interpreter_runs_charm(model: Model, write_charm: WriteCharm, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nANOTHER=yes exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    source = """
        import sys

        class Charm(Recorder):
            def on_event(self, event):
                with open("/proc/self/environ") as environ:
                    self.unit.status = ops.ActiveStatus(str("ANOTHER=yes" in environ.read()))
    """
    model.deploy(CharmSource(write_charm("web", source), python=str(python)))
    model.settle()
    assert model.unit("web/0").status == ("active", "True")


def test_interpreter_that_cannot_run_charms_is_named(model: Model, write_charm: WriteCharm) -> None:
    with pytest.raises(JujuError, match="/bin/false can't run charms: has it ops and ops-scenario"):
        model.deploy(CharmSource(write_charm("web"), python="/bin/false"))
        model.settle()


class BrokenWorkload(NoWorkload):
    def end(self, unit: Unit) -> None:
        raise OSError("does not end")


@pytest.mark.parametrize("workload", [NoWorkload(), BrokenWorkload()])
def test_nothing_is_left_when_controller_has_closed(
    write_charm: WriteCharm, workload: ContainerRuntime
) -> None:
    source = """
        import os

        class Charm(Recorder):
            def on_event(self, event):
                self.unit.status = ops.ActiveStatus(str(os.getppid()))
    """
    juju = Controller(workload=workload)
    model = juju.add_model("shop")
    model.deploy(write_charm("web", source, containers={"web": {}}))
    model.settle()
    pid, directory = int(model.unit("web/0").status[1]), juju.directory
    os.kill(pid, 0)
    with contextlib.suppress(OSError):
        juju.close()
    assert not directory.exists()
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.01)
    pytest.fail("the charm's process is still there")
