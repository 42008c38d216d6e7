"""The CRDs of Istio and of the Gateway API, read out of their Go modules."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from ._connection import Connection
from ._errors import ControlPlaneError
from ._sources import kept, module_folders

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_FILES = {
    "istio.io/api": "kubernetes/customresourcedefinitions.gen.yaml",
    "sigs.k8s.io/gateway-api": "config/crd/standard/*.yaml",
}


def definitions(*groups: str) -> list[dict[str, Any]]:
    """The CRDs of these API groups, or all, in the versions that istiod is built with.

    Raises:
        NotAvailableError: Go is not installed, or is too old.
        ControlPlaneError: the modules cannot be downloaded.
    """
    known = kept("custom-resources", _read)
    return [one for one in known if not groups or one["spec"]["group"] in groups]


def _read() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for module, folder in module_folders(*_FILES).items():
        for file in sorted(folder.glob(_FILES[module])):
            found += _definitions_in(file)
    return found


def _definitions_in(path: Path) -> list[dict[str, Any]]:
    documents: list[dict[str, Any] | None] = list(yaml.safe_load_all(path.read_text()))
    return [one for one in documents if one and one["kind"] == "CustomResourceDefinition"]


def wait_until_served(connection: Connection, wanted: Iterable[dict[str, Any]]) -> None:
    """Wait until the server accepts objects of these CRDs."""
    end = time.monotonic() + 30
    for definition in wanted:
        while not _is_served(connection, definition):
            if time.monotonic() > end:
                raise ControlPlaneError(f"{definition['metadata']['name']} is not served")
            time.sleep(0.05)


def uninstall(connection: Connection, unwanted: Iterable[dict[str, Any]]) -> None:
    """Delete these CRDs, and wait until they are gone."""
    unwanted = list(unwanted)
    for definition in unwanted:
        connection.send("DELETE", f"{PATH}/{definition['metadata']['name']}")
    end = time.monotonic() + 30
    for definition in unwanted:
        while _is_served(connection, definition):
            if time.monotonic() > end:
                raise ControlPlaneError(f"{definition['metadata']['name']} is still served")
            time.sleep(0.05)


def _is_served(connection: Connection, definition: dict[str, Any]) -> bool:
    spec = definition["spec"]
    version = next(one["name"] for one in spec["versions"] if one["storage"])
    path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}?limit=1"
    return connection.send("GET", path).code == 200
