"""Charms that are run outside of Juju: small ones, which call hook tools themselves."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tools.packing import RelationData, Trial, TrialEvent, TrialWorld

DISPATCH = Path(__file__).parents[4] / "tools/packing/dispatch"
DATABASE = RelationData(3, "database", "db", ["db/0"], {"db": {"url": "there"}})
WORLD = TrialWorld(config={"colour": "red"}, relations=[DATABASE])


@pytest.fixture
def charm(tmp_path: Path) -> Path:
    charm = tmp_path / "charm"
    for folder in ("src", "lib", "venv/bin"):
        (charm / folder).mkdir(parents=True)
    shutil.copy(DISPATCH, charm)
    return charm


def trial(charm: Path, program: str, **environment: str) -> Trial:
    (charm / "src/charm.py").write_text(f"import os, subprocess, sys\n{program}\n")
    return Trial(charm, Path(sys.executable).resolve(), "shop", WORLD, environment)


def test_calls_of_hook_tools_are_recorded(charm):
    program = """
url = subprocess.run(["relation-get", "-r", "3", "--app", "url", "db"], capture_output=True, text=True)
subprocess.run(["relation-set", "-r", "3", "--file", "-"], input='{"seen": %s}' % url.stdout, text=True)
subprocess.run(["status-set", "--application=False", "active", "--", "all is well"])
"""
    outcome = trial(charm, program).run(TrialEvent("start"))
    assert outcome.error == ""
    assert outcome.status == "active: all is well"
    assert outcome.written == {"seen": "there"}
    assert [call.tool for call in outcome.calls] == ["relation-get", "relation-set", "status-set"]


def test_hook_environment_names_event_and_relation(charm):
    program = (
        'subprocess.run(["juju-log", " ".join(f"{k}={v}" for k, v in os.environ.items() if "JUJU" in k)])'
    )
    (call,) = trial(charm, program).run(TrialEvent("database-relation-changed", DATABASE)).calls
    assert set(call.args[0].split()) >= {
        "JUJU_DISPATCH_PATH=hooks/database-relation-changed",
        "JUJU_RELATION=database",
        "JUJU_RELATION_ID=database:3",
        "JUJU_REMOTE_APP=db",
        "JUJU_REMOTE_UNIT=db/0",
        "JUJU_UNIT_NAME=shop/0",
    }


def test_events_come_one_after_another_in_the_same_world(charm):
    program = """
subprocess.run(["open-port", os.environ["JUJU_HOOK_NAME"]])
ports = subprocess.run(["opened-ports"], capture_output=True, text=True).stdout
subprocess.run(["juju-log", ports])
"""
    packed = trial(charm, program)
    packed.run(TrialEvent("first"))
    assert json.loads(packed.run(TrialEvent("second")).calls[-1].args[0]) == ["first", "second"]


def test_charm_that_fails_gives_reason(charm):
    program = """
subprocess.run(["juju-log", "--log-level", "ERROR", "--", "it went wrong"])
sys.exit("at the end")
"""
    error = trial(charm, program).run(TrialEvent("start")).error
    assert error == "it went wrong\nat the end"


def test_charm_that_fails_without_message_has_failed(charm):
    assert trial(charm, "sys.exit(3)").run(TrialEvent("start")).error == "ended with 3"


def test_charm_gets_no_variables_of_this_environment(charm, monkeypatch):
    monkeypatch.setenv("OF_THE_TEST", "1")
    program = 'subprocess.run(["juju-log", repr(sorted(os.environ))])'
    (call,) = trial(charm, program, GIVEN="1").run(TrialEvent("start")).calls
    assert "OF_THE_TEST" not in call.args[0]
    assert "GIVEN" in call.args[0]


def test_charm_may_write_to_its_own_folder_and_not_elsewhere(charm, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    program = f"""
open("own", "w").close()
try:
    open({str(tmp_path / "elsewhere/file")!r}, "w")
except PermissionError:
    sys.exit(0)
sys.exit(0 if os.geteuid() == {Path("/proc/self").stat().st_uid} else 1)
"""
    assert trial(charm, program).run(TrialEvent("start")).error == ""
    assert (charm / "own").exists()


def test_missing_modules_are_found(charm):
    (charm / "lib/ours.py").write_text("def later():\n    import absent.altogether, json")
    packed = trial(charm, "import ours")
    (charm / "venv/bin/python").symlink_to(Path(sys.executable).resolve())
    assert packed.missing_modules() == ["absent.altogether"]
