"""The CRDs of Istio and of the Gateway API, read out of their Go modules."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from ._connection import Connection
from ._errors import ControlPlaneError
from ._programs import ISTIOD, find_go, go_environment

_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_FILES = {
    "istio.io/api": "kubernetes/customresourcedefinitions.gen.yaml",
    "sigs.k8s.io/gateway-api": "config/crd/standard/*.yaml",
}


def definitions() -> list[dict[str, Any]]:
    """The CRDs, in the versions that istiod is built with.

    Raises:
        NotAvailableError: Go is not installed.
        ControlPlaneError: the modules cannot be had.
    """
    kept = ISTIOD.folder / "custom-resources.json"
    if not kept.exists():
        read = [found for path in _files() for found in _definitions_in(path)]
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(read))
        unfinished.replace(kept)
    return json.loads(kept.read_text())


def _files() -> list[Path]:
    command = [find_go(), "mod", "download", "-json", *_FILES]
    done = subprocess.run(
        command, cwd=ISTIOD.module, env=go_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ControlPlaneError(f"the Go modules of the CRDs cannot be had: {done.stdout}{done.stderr}")
    files: list[Path] = []
    decoder, text = json.JSONDecoder(), done.stdout.strip()
    while text:
        module, end = decoder.raw_decode(text)
        files += sorted(Path(module["Dir"]).glob(_FILES[module["Path"]]))
        text = text[end:].strip()
    return files


def _definitions_in(path: Path) -> list[dict[str, Any]]:
    documents: list[dict[str, Any] | None] = list(yaml.safe_load_all(path.read_text()))
    return [one for one in documents if one and one["kind"] == "CustomResourceDefinition"]


def install(connection: Connection, *groups: str) -> None:
    """Create the CRDs of these API groups, or all, where they are missing, and wait until they are served."""
    wanted = [one for one in definitions() if not groups or one["spec"]["group"] in groups]
    for definition in wanted:
        answer = connection.send("POST", _PATH, definition)
        if answer.code not in (201, 409):
            raise ControlPlaneError(f"{definition['metadata']['name']}: {answer.text[:500]}")
    end = time.monotonic() + 30
    for definition in wanted:
        while not _is_served(connection, definition):
            if time.monotonic() > end:
                raise ControlPlaneError(f"{definition['metadata']['name']} is not served")
            time.sleep(0.05)


def uninstall(connection: Connection, *groups: str) -> None:
    """Delete the CRDs of these API groups, or all, and wait until they are gone."""
    wanted = [one for one in definitions() if not groups or one["spec"]["group"] in groups]
    for definition in wanted:
        connection.send("DELETE", f"{_PATH}/{definition['metadata']['name']}")
    end = time.monotonic() + 30
    for definition in wanted:
        while _is_served(connection, definition):
            if time.monotonic() > end:
                raise ControlPlaneError(f"{definition['metadata']['name']} is still served")
            time.sleep(0.05)


def _is_served(connection: Connection, definition: dict[str, Any]) -> bool:
    spec = definition["spec"]
    version = next(one["name"] for one in spec["versions"] if one["storage"])
    path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}?limit=1"
    return connection.send("GET", path).code == 200
