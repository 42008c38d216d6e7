"""Files of the Go modules that istiod is built from."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._errors import ControlPlaneError
from ._go import find_go, go_environment
from ._programs import ISTIOD


def kept(name: str, read: Callable[[], Any]) -> Any:
    """Return data from the modules, which are kept as JSON; only the first call needs Go.

    Args:
        name: the name of the kept file.
        read: reads the data.
    """
    file = ISTIOD.folder / f"{name}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(read()))
        unfinished.replace(file)
    return json.loads(file.read_text())


def module_folders(*modules: str) -> dict[str, Path]:
    """Return the folders of modules on this machine, in the versions that istiod is built with.

    Raises:
        NotAvailableError: Go is not installed, or is too old.
        ControlPlaneError: a module cannot be downloaded.
    """
    command = [find_go(ISTIOD.module), "mod", "download", "-json", *modules]
    done = subprocess.run(
        command, cwd=ISTIOD.module, env=go_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ControlPlaneError(f"the Go modules of Istio cannot be had: {done.stdout}{done.stderr}")
    folders: dict[str, Path] = {}
    decoder, text = json.JSONDecoder(), done.stdout.strip()
    while text:
        module, end = decoder.raw_decode(text)
        folders[module["Path"]] = Path(module["Dir"])
        text = text[end:].strip()
    return folders
