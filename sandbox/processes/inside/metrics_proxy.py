#!/usr/bin/env python3
"""Publishes the metrics of waypoints on one port, in place of the program `metrics-proxy`.

    metrics_proxy.py --labels KEY=VALUE,…

`SANDBOX_WAYPOINTS` is a JSON file with the labels of each waypoint's pods, and the socket of the metrics of
the proxy that stands for them. Series with the identity of a source get the labels that Istio derives from
the source's pod.
"""

import argparse
import contextlib
import json
import os
import re
import socket
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 15090

_PRINCIPAL = re.compile(r'source_principal="(spiffe://[^/"]+/ns/([^/"]+)/sa/([^/"]+))"')
_WORKLOAD = r'source_principal="\1",source_workload_namespace="\2",source_workload="\3"'


class _Admin(HTTPConnection):
    def __init__(self, path: str):
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(2)
        self.sock.connect(self._path)


def metrics(selected: Mapping[str, str]) -> str:
    """Return the metrics of the pods with some labels; empty if there is none."""
    pods = json.loads(Path(os.environ["SANDBOX_WAYPOINTS"]).read_text())
    return "".join(_shown(pod["socket"]) for pod in pods if selected.items() <= pod["labels"].items())


def _shown(path: str) -> str:
    with contextlib.closing(_Admin(path)) as admin:
        admin.request("GET", "/stats/prometheus?usedonly")
        text = admin.getresponse().read().decode()
    # Istio's build of Envoy has no prefix before the names that it adds.
    return _PRINCIPAL.sub(_WORKLOAD, text.replace("envoy_istio_", "istio_"))


def serve(selected: Mapping[str, str]) -> None:
    """Answer until the process is ended."""

    class MetricsHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                status, body = 200, metrics(selected).encode()
            except (OSError, HTTPException) as error:
                status, body = 502, str(error).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Nothing."""

    ThreadingHTTPServer(("", PORT), MetricsHandler).serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--labels", required=True)
    labels = parser.parse_args().labels.split(",")
    serve(dict(label.split("=", 1) for label in labels))
