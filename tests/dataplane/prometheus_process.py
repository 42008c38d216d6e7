"""A real Prometheus on the loopback address, of Debian's and Ubuntu's package `prometheus`."""

import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.nginx_process import free_port

_PROMETHEUS = shutil.which("prometheus")
_PATIENCE = 30.0

needed = pytest.mark.skipif(
    _PROMETHEUS is None, reason="there is no prometheus on PATH: apt-get install prometheus"
)


class RealPrometheus:
    """One Prometheus, with its data in a folder of its own: `with RealPrometheus(folder, jobs):`.

    Args:
        folder: an existing folder.
        jobs: the scrape configurations.
    """

    def __init__(self, folder: Path, jobs: Sequence[Mapping[str, Any]]):
        self._folder = folder
        self._jobs = jobs
        self._port = free_port()

    def __enter__(self) -> "RealPrometheus":
        assert _PROMETHEUS
        file = self._folder / "prometheus.yml"
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": self._jobs}
        file.write_text(json.dumps(config))  # JSON is YAML
        options = {
            "config.file": file,
            "storage.tsdb.path": self._folder / "data",
            "web.listen-address": f"127.0.0.1:{self._port}",
            "log.level": "warn",
        }
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [_PROMETHEUS, *(f"--{name}={value}" for name, value in options.items())],
                stdout=log,
                stderr=log,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def wait_for_scrapes(self, times: int) -> None:
        """Wait until every target has been scraped this number of times."""
        self._wait_until(lambda: self._number(f"min(count_over_time(up[1h])) >= {times}") is not None)

    def results(self, query: str) -> list[dict[str, Any]]:
        """Return the current results of a query.

        Raises:
            ValueError: if Prometheus rejects it, with its message.
        """
        answer = self._ask("query", query=query)
        if answer["status"] != "success":
            raise ValueError(answer["error"])
        return answer["data"]["result"]

    def series(self, selector: str) -> list[dict[str, str]]:
        """The labels of each series that a selector matches."""
        return self._ask("series", **{"match[]": selector})["data"]

    def _number(self, query: str) -> float | None:
        try:
            found = self.results(query)
        except (OSError, ValueError):  # it is starting
            return None
        return float(found[0]["value"][1]) if found else None

    def _ask(self, what: str, **parameters: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", f"/api/v1/{what}?{urlencode(parameters)}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def _wait_until(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not happened():
            log_end = (self._folder / "log").read_text(errors="replace")[-2000:]
            assert self._process.poll() is None, log_end
            assert time.monotonic() < deadline, log_end
            time.sleep(0.1)
