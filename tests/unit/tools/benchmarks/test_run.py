"""The benchmarks run, at a size that is too small for results."""

import itertools
import json
import math
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
LINES_OF_A_SCREEN = 40


def test_tiny_run_leaves_document_of_what_it_measured(tmp_path: Path):
    path = tmp_path / "folder" / "benchmarks.json"
    topics = ["joining", "policies", "coordinator", "scale"]
    options = ["--size", "tiny", "--hook-tool-ms", "0", "--json", str(path)]
    environment = {name: value for name, value in os.environ.items() if name != "PEER_PYTHON"}
    done = subprocess.run(
        [sys.executable, "-m", "tools.benchmarks", *topics, *options],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": f"{ROOT / 'lib'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert "one policy changed" in done.stdout
    assert len(done.stdout.splitlines()) <= LINES_OF_A_SCREEN
    document = json.loads(path.read_text())
    assert document["versions"]["ours"]["ops"]
    assert "goals" in done.stdout
    assert {"scale: policies", "scale: workers"} <= {each["case"]["topic"] for each in document["findings"]}
    values = {
        (each["case"]["name"], each["quantity"]["name"]): each["sides"]["ours"]
        for each in document["findings"]
        if "scale" not in each["case"]["topic"]
    }
    assert values["applications that join at once", "restarts"]["median"] == 0
    assert values["first apply", "of them writes"]["median"] == 3
    assert values["one policy changed", "of them writes"]["median"] == 1
    runs = itertools.chain.from_iterable(value["runs"] for value in values.values())
    assert all(run >= 0 and math.isfinite(run) for run in runs)
