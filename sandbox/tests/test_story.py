"""The demo with the real charms, and its commands."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox import demo, flows
from sandbox._cli import app
from sandbox.samples import Grant
from sandbox.story import StoryStep, play
from sandbox.tests.small_charms import WriteCharm
from sandbox.world import World, open_world

ROOT = Path(__file__).parents[2]

GREETER = """
class Charm(Recorder):
    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.greet_action, self.greet)

    def on_event(self, event):
        logging.info("on %s", event.handle.kind)
        self.unit.status = ops.ActiveStatus("here")
        self.unit.set_ports(80)

    def greet(self, event):
        event.log("greeting")
        if event.params["who"] == "nobody":
            event.fail("nobody is there")
        event.set_results({"said": event.params["who"]})
"""


@pytest.fixture(autouse=True)
def no_other_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)


@pytest.fixture
def small_story(monkeypatch: pytest.MonkeyPatch, write_charm: WriteCharm, tmp_path: Path) -> None:
    """A story of one charm in place of the real one, run in a folder of its own: it writes a page there."""
    monkeypatch.chdir(tmp_path)
    actions = {"greet": {"params": {"who": {"type": "string"}}}}
    charm = write_charm("web", GREETER, actions=actions, provides={"site": {"interface": "http"}})

    def deploy(world: World) -> None:
        world.model("shop").deploy(charm)

    def scale(world: World) -> None:
        world.model("shop").add_unit("web")

    story = (StoryStep("deploy", "Deploy", "One.", deploy), StoryStep("scale", "Scale", "Two.", scale))
    monkeypatch.setattr(demo, "STORY", story)
    monkeypatch.setattr(demo, "STEPS", ("deploy", "scale"))


def test_relations_become_policies_and_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_world(print) as world:
        for played in play(world, demo.STORY, until="relate"):
            assert played.problems == [], played.step.name
        readers = [flow for flow in world.flows if flow.target == "shop/catalogue"]
        assert [flow.source for flow in readers] == ["shop/shop"]
        assert world.pods["shop/shop-0"] == "shop-istio-beacon-k8s-waypoint"

        monkeypatch.setitem(flows.GRANTS, "catalogue", [Grant("catalogue", ports=[1])])
        missing, too_much = world.settle()
        assert missing.endswith("shop/shop → shop/catalogue: anything on 1")
        assert too_much.endswith(f"shop/shop → shop/catalogue: {readers[0].requests}")


@pytest.mark.usefixtures("small_story")
def test_demo_prints_its_steps_and_succeeds(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--log", "INFO"])
    assert result.exit_code == 0, result.output
    assert "1. Deploy" in result.output
    assert "2. Scale" in result.output
    assert "INFO unit.web/1.juju-log on install" in result.output
    assert "\x1b[" not in result.output
    assert "web" in (tmp_path / "build" / "mesh.html").read_text("utf-8")


@pytest.mark.usefixtures("small_story")
def test_demo_fails_if_what_ran_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    deploy, _ = demo.STORY
    refresh = StoryStep("scale", "Refresh", "Two.", lambda world: world.model("shop").refresh("web"))
    monkeypatch.setattr(demo, "STORY", (deploy, refresh))
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 1, result.output
    assert "web/0 was restarted" in result.output


@pytest.mark.usefixtures("small_story")
def test_demo_fails_if_measured_differs_from_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.world.expected_pods", lambda models: {"shop/other-0": "some-waypoint"})
    result = CliRunner().invoke(app, ["demo", "--until", "deploy"])
    assert result.exit_code == 1
    assert "✗ pod shop/other-0 should be in the mesh behind some-waypoint, but is outside" in result.output


@pytest.mark.usefixtures("small_story")
def test_status_is_there_for_programs_too() -> None:
    result = CliRunner().invoke(app, ["status", "--format", "json"])
    units = json.loads(result.stdout)["shop"]["applications"]["web"]["units"]
    assert units["web/0"]["leader"] is True
    assert units["web/1"]["workload-status"] == {"current": "active", "message": "here"}
    assert units["web/1"]["open-ports"] == ["80/tcp"]


@pytest.mark.usefixtures("small_story")
def test_log_is_printed_from_level_on() -> None:
    result = CliRunner().invoke(app, ["debug-log", "--until", "deploy", "--level", "INFO"])
    assert "unit-web-0" in result.stdout
    assert "INFO unit.web/0.juju-log on start" in result.stdout
    assert " DEBUG " not in result.stdout


@pytest.mark.usefixtures("small_story")
def test_action_is_run_after_story() -> None:
    result = CliRunner().invoke(app, ["run", "web/1", "greet", "who=you", "--format", "json"])
    assert json.loads(result.stdout) == {"said": "you"}
    assert "greeting" in result.stderr
    result = CliRunner().invoke(app, ["run", "web/leader", "greet", "who=nobody", "--until", "deploy"])
    assert result.exit_code == 1
    assert "said: nobody" in result.stdout
    assert "action greet failed: nobody is there" in result.stderr


@pytest.mark.usefixtures("small_story")
@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["run", "web/9", "greet", "who=you"], 1, "there is no unit 'web/9' in shop; there is web/0, web/1"),
        (["run", "way/0", "greet"], 1, "there is no application 'way' in shop; there is web"),
        (
            ["run", "web/1", "greet", "--until", "deploy"],
            1,
            "there is no unit 'web/1' in shop; there is web/0; later steps may add it: --until scale",
        ),
        (["run", "web/0", "greet", "you"], 1, "'you' is not name=value"),
        (["run", "web/0", "dance", "--until", "deploy"], 1, "web has no action 'dance'; it has greet"),
        (["status", "--model", "office"], 1, "there is no model 'office'; there is shop"),
        (["status", "--until", "dawn"], 2, "there is no step 'dawn'"),
    ],
)
def test_error_is_one_line(arguments: list[str], code: int, why: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code
    assert why in result.stderr
    assert "Traceback" not in result.output
    if code == 1:
        assert len(result.stderr.splitlines()) == 1


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for the names of sockets in it."""
    with tempfile.TemporaryDirectory(prefix="t") as directory:
        yield Path(directory)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_it_is_interrupted(short_directory: Path, number: signal.Signals) -> None:
    mark = f"INTERRUPTED_TEST={short_directory}"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'lib'}",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(short_directory),
        "INTERRUPTED_TEST": str(short_directory),
    }
    command = [sys.executable, "-m", "sandbox", "demo", "--log", "DEBUG"]

    def be_interruptible() -> None:
        # Where the tests run in the background, they ignore Ctrl-C and so would their children.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=be_interruptible
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if 'ran "leader-elected" hook' in line:
                break
        assert marked_processes(mark)
        process.send_signal(number)
        process.stdout.read()
        assert process.wait() != 0
    assert marked_processes(mark) == []
    assert list(short_directory.iterdir()) == []


def marked_processes(mark: str) -> list[str]:
    """Return the processes with this text in their environment."""
    found: list[str] = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (directory / "environ").read_text(errors="replace").split("\0"):
                found.append((directory / "cmdline").read_text())
        except OSError:
            continue
    return [command for command in found if command]
