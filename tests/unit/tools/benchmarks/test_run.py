"""The benchmarks run, at a size at which they tell nothing."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]


def test_a_tiny_run_leaves_a_document_of_what_it_measured(tmp_path: Path):
    path = tmp_path / "folder" / "benchmarks.json"
    arguments = ["policies", "coordinator", "--size", "tiny", "--json", str(path)]
    environment = {name: value for name, value in os.environ.items() if name != "PEER_PYTHON"}
    done = subprocess.run(
        [sys.executable, "-m", "tools.benchmarks", *arguments],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": f"{ROOT / 'lib'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "one policy changed" in done.stdout
    document = json.loads(path.read_text())
    assert document["versions"]["ours"]["ops"]
    assert "goals" in done.stdout
    values = {
        (each["case"]["name"], each["quantity"]["name"]): each["sides"]["ours"]
        for each in document["findings"]
    }
    assert values["first apply", "of them writes"]["median"] == 3
    assert values["one policy changed", "of them writes"]["median"] == 1
    assert all(run >= 0 and math.isfinite(run) for value in values.values() for run in value["runs"])
