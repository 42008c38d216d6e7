"""The published `canonical_service_mesh` beside ours: charms such as istio-ingress import both."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MANAGER = Path(__file__).parent / "published" / "manager.py"


def written(path: str) -> dict[str, Any]:
    done = subprocess.run(
        [os.environ["PEER_PYTHON"], str(MANAGER)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_its_manager_takes_policies_of_ours():
    theirs, ours = written(""), written(str(ROOT / "lib"))
    assert Path(ours["library"]).is_relative_to(ROOT)
    assert not Path(theirs["library"]).is_relative_to(ROOT / "lib")
    assert len(ours["sent"]) == 3
    assert ours["sent"] == theirs["sent"]
