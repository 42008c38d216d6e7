"""Starts the workload as a process."""

import atexit
import functools
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.charms import load_module

IDENTITY = {
    "JUJU_MODEL": "shop",
    "JUJU_MODEL_UUID": "7c9e2a50-0000-4000-8000-000000000001",
    "JUJU_APPLICATION": "worker",
    "JUJU_UNIT": "worker/0",
    "JUJU_CHARM": "demo-worker-k8s",
}


@functools.cache
def program() -> Path:
    """The program as the charm pushes it."""
    folder = Path(tempfile.mkdtemp(prefix="workload-"))
    atexit.register(shutil.rmtree, folder)
    file = folder / "workload.pyz"
    file.write_bytes(load_module("demo-worker-k8s", "kv_zipapp").build())
    return file


# An address of this run alone: no other program takes a port of it before the process does.
HOST = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"


def free_port(host: str = HOST) -> int:
    with socket.create_server((host, 0)) as server:
        return server.getsockname()[1]


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    headers: http.client.HTTPMessage


class Workload:
    """One running process."""

    def __init__(self, config_file: Path, roles: str, content: dict[str, Any], listen: str = HOST):
        config_file.write_text(json.dumps(content))
        self.port: int = content["port"]
        self.address = f"{HOST}:{self.port}"
        self.scheme = "https" if content.get("tls") else "http"
        self.url = f"{self.scheme}://{self.address}"
        self._output = config_file.with_suffix(".log")
        command = [sys.executable, program(), "--config", config_file, "--roles", roles, "--listen", listen]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **IDENTITY}
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_until_ready(self) -> "Workload":
        deadline = time.monotonic() + 10
        while True:
            try:
                with socket.create_connection((HOST, self.port), timeout=1):
                    return self
            except OSError:
                assert self.process.poll() is None, self.output
                assert time.monotonic() < deadline, self.output
                time.sleep(0.02)

    def wait_for_output(self, text: str) -> None:
        deadline = time.monotonic() + 10
        while text not in self.output:
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Response:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Response(response.status, response.read(), response.headers)
        finally:
            connection.close()

    def get(self, key: str) -> Response:
        return self.request("GET", f"/kv/{urllib.parse.quote(key, safe='')}")

    def put(self, key: str, value: bytes) -> Response:
        return self.request("PUT", f"/kv/{urllib.parse.quote(key, safe='')}", value)

    def delete(self, key: str) -> Response:
        return self.request("DELETE", f"/kv/{urllib.parse.quote(key, safe='')}")

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Return every sample, by its name and labels."""
        from prometheus_client.parser import text_string_to_metric_families

        text = self.request("GET", "/metrics").body.decode()
        families = text_string_to_metric_families(text)
        samples = itertools.chain.from_iterable(family.samples for family in families)
        return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        return sum(
            value
            for (sample, found), value in self.metrics().items()
            if sample == name and labels.items() <= set(found)
        )

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
