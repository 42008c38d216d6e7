"""Output of the sandbox's commands, of which only some goes to a terminal."""

import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "sandbox", "status", "--until", "deploy", "--model", "shop", "--format=json"]


def test_progress_goes_to_terminal_output_to_stdout():
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def watch() -> None:
        while True:
            try:
                seen.append(os.read(ours, 4096))
            except OSError:  # the other end is closed
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    environment = {key: value for key, value in os.environ.items() if key not in ("KUBECONFIG", "NO_COLOR")}
    process = subprocess.Popen(
        COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, env={**environment, "TERM": "xterm"}
    )
    os.close(theirs)
    printed, _ = process.communicate(timeout=60)
    watcher.join(10)
    os.close(ours)
    assert process.returncode == 0
    assert "istio-beacon-k8s" in json.loads(printed)["shop"]["applications"]
    assert "istio-beacon-k8s/0: ran" in b"".join(seen).decode()
