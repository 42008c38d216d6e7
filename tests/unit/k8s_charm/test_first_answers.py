"""The first answers of a process arrive several at a time, and each is parsed.

Each run is a new process, since only its first answers are like that.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.kubernetes import KubernetesServer

RUNS = 8
HOOKS = Path(__file__).with_name("first_answers.py")


@pytest.mark.parametrize("what", ["lists", "refusals"])
def test_process_survives_its_first_answers(kubernetes: KubernetesServer, tmp_path: Path, what: str):
    kubernetes.access.deny(verbs=["patch"])
    kubeconfig = kubernetes.write_kubeconfig(tmp_path / "config", namespace="m")
    env = {**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, HOOKS, what, str(RUNS)], env=env, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["8"] * RUNS
