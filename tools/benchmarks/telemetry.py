"""nginx for the workers' telemetry: its configuration, and its cost for each request."""

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .findings import Case, Findings, Progress, Quantity
from .nginx_process import NginxProcess, NginxProgram
from .sides import HERE, LibrarySet

TOPIC = "telemetry"
DIRECT = "direct"
CONFIGURATION = "configuration, {}"

RENDER = Quantity("time to render", "ms")
RELOAD = Quantity("time to reload", "ms")
CONFIG = Quantity("nginx.conf", "kB")
RATE = Quantity("requests a second", more_is_better=True)
MEDIAN = Quantity("median latency", "ms")
P99 = Quantity("99th percentile of latency", "ms")
NGINX_CPU = Quantity("nginx's CPU time a request", "µs")

_RENDERER = HERE / "inside" / "nginx_text.py"
_LOAD = HERE / "inside" / "load.py"
_APPLICATIONS = 20
_SIZE = 20_000
_CONNECTIONS = 16
_SCRAPE, _PUSH = "scrape of 20 kB", "push of 20 kB"
_PATHS = {
    _SCRAPE: ("/proxy/worker/worker-0-0/metrics", "/metrics", 0),
    _PUSH: ("/proxy/loki/loki-0/push", "/push", _SIZE),
}

_BACKEND = """\
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port};
        root {folder};
        location = /push {{ client_body_buffer_size 64k; return 204; }}
    }}
}}
"""


class _Renderer:
    """A process that renders on one side."""

    def __init__(self, process: "subprocess.Popen[str]"):
        self._process = process

    def ask(self, line: str) -> str:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@contextmanager
def _renderer(
    side: LibrarySet, folder: Path, workers: int, **asked: object
) -> Generator[tuple[_Renderer, str]]:
    folder.mkdir()
    (folder / "mime.types").write_text("types { text/html html; }")
    addresses: dict[str, str] = {}
    for number in range(workers):
        unit, app = divmod(number, _APPLICATIONS)
        addresses[f"worker-{app}/{unit}"] = f"127.0.{number // 250}.{number % 250 + 1}"
    given = {"folder": str(folder), "workers": addresses, **asked}
    process = subprocess.Popen(
        [side.python, str(_RENDERER)],
        cwd=folder,
        env=side.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        renderer = _Renderer(process)
        yield renderer, json.loads(renderer.ask(json.dumps(given)))
    finally:
        process.kill()
        process.wait()


def measure_configuration(
    findings: Findings,
    case: Case,
    program: NginxProgram,
    sides: list[LibrarySet],
    *,
    rounds: int,
    progress: Progress,
) -> None:
    """Measure rendering and loading the routes of the case's workers."""
    size = case.size or 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        renderers: dict[str, _Renderer] = {}
        running: dict[str, NginxProcess] = {}
        texts: dict[str, str] = {}
        for side in sides:
            progress(f"{size} workers, rendering, {side.name}")
            own = folder / side.name
            loki = "http://127.0.0.1:9/push"
            renderers[side.name], texts[side.name] = stack.enter_context(
                _renderer(
                    side,
                    own,
                    size,
                    port=_free_port(),
                    metrics_port=9,
                    loki=loki,
                    resolve=program.can_resolve,
                )
            )
            running[side.name] = stack.enter_context(NginxProcess(program, own, texts[side.name]))
        for number in range(rounds):
            for side in reversed(sides) if number % 2 else sides:
                progress(f"{size} workers, configuration, {side.name}, round {number + 1}")
                rendered = float(renderers[side.name].ask("render"))
                reloaded = running[side.name].reload()
                took = {
                    RENDER: rendered * 1000,
                    RELOAD: reloaded * 1000,
                    CONFIG: len(texts[side.name]) / 1000,
                }
                findings.add(case, side.name, took)


def measure_requests(
    findings: Findings,
    program: NginxProgram,
    sides: list[LibrarySet],
    *,
    rounds: int,
    seconds: float,
    progress: Progress,
) -> None:
    """Measure telemetry through nginx and straight to the backend, over connections that clients keep."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        backend_folder = folder / "backend"
        backend_folder.mkdir()
        (backend_folder / "metrics").write_bytes(b"x" * _SIZE)
        backend_port = _free_port()
        config = _BACKEND.format(folder=backend_folder, port=backend_port)
        stack.enter_context(NginxProcess(program, backend_folder, config))
        proxies: dict[str, tuple[int, NginxProcess]] = {}
        for side in sides:
            port = _free_port()
            _, text = stack.enter_context(
                _renderer(
                    side,
                    folder / side.name,
                    1,
                    port=port,
                    metrics_port=backend_port,
                    loki=f"http://127.0.0.1:{backend_port}/push",
                    resolve=program.can_resolve,
                )
            )
            running = stack.enter_context(NginxProcess(program, folder / side.name, text))
            proxies[side.name] = port, running
        for number in range(rounds):
            for what, (path, behind, body) in _PATHS.items():
                case = Case(TOPIC, f"{what}, {program.name}")
                for name in [*reversed(proxies)] if number % 2 else [*proxies]:
                    progress(f"{case.name}, {name}, round {number + 1}")
                    port, running = proxies[name]
                    findings.add(case, name, _load(port, path, body, seconds, running))
                progress(f"{case.name}, {DIRECT}, round {number + 1}")
                findings.add(case, DIRECT, _load(backend_port, behind, body, seconds))


def _load(
    port: int, path: str, body: int, seconds: float, through: NginxProcess | None = None
) -> dict[Quantity, float]:
    before = through.cpu() if through else 0
    command = [sys.executable, str(_LOAD), str(port), path, str(body), str(_CONNECTIONS), str(seconds)]
    answer = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    values = {
        RATE: answer["requests"] / answer["seconds"],
        MEDIAN: answer["median"] * 1000,
        P99: answer["p99"] * 1000,
    }
    if through:
        values[NGINX_CPU] = (through.cpu() - before) / answer["requests"] * 1e6
    return values


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
