"""The CRDs of Istio and of the Gateway API, read out of their Go modules."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import yaml

from ._connection import Connection
from ._errors import ControlPlaneError
from ._sources import kept, module_folders

_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_FILES = {
    "istio.io/api": "kubernetes/customresourcedefinitions.gen.yaml",
    "sigs.k8s.io/gateway-api": "config/crd/standard/*.yaml",
}


def definitions() -> list[dict[str, Any]]:
    """The CRDs, in the versions that istiod is built with.

    Raises:
        NotAvailableError: Go is not installed, or is too old.
        ControlPlaneError: the modules cannot be had.
    """
    return kept("custom-resources", _read)


def _read() -> list[dict[str, Any]]:
    folders = module_folders(*_FILES).items()
    files = [file for module, folder in folders for file in sorted(folder.glob(_FILES[module]))]
    return [found for file in files for found in _definitions_in(file)]


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
