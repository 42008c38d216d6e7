"""Runs charmcraft on a folder, on any kind of machine."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ._bases import Base
from ._errors import CannotPackError
from ._interpreter import as_python3, find_python

CHARMCRAFT = "CHARMCRAFT"
"""Names, in the environment, a charmcraft from PyPI, for machines that have no snaps."""

_AS_ON_THE_BASE = 'mount --bind "$1" /usr/lib/os-release && shift && exec "$@"'
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_WELL = ("ok", "nonapplicable", "ignored")


def pack(staged: Path, into: Path, base: Base) -> list[Path]:
    """Pack a charm for a base and this machine's architecture.

    With charmcraft's snap, it packs by charmcraft's own settings: in LXD, unless CRAFT_BUILD_ENVIRONMENT=host
    is set. Without it, charmcraft packs on this machine itself, which has to be Linux with apt; the result
    equals that of the snap only if the machine has the Python of the charm's base.

    Args:
        staged: the folder with charmcraft.yaml; beside it is put what only this call needs.
        into: the folder for the packed charms.
        base: the base of the charm.

    Returns:
        The packed charms.

    Raises:
        CannotPackError: if there is no charmcraft that works here, it fails, or it reports problems of the
            charm.
    """
    into.mkdir(parents=True, exist_ok=True)
    command, environment = _command(staged.parent, base)
    done = subprocess.run(
        command, cwd=staged, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    # At once, because charms are packed beside each other.
    print(done.stdout, end="", flush=True)
    if done.returncode:
        raise CannotPackError(f"charmcraft can't pack {staged.name}: see its output above")
    # Charmcraft itself would not write them outside the folder that it packs.
    packed = [Path(shutil.move(charm, into / charm.name)) for charm in sorted(staged.glob("*.charm"))]
    for charm in packed:
        _analyse(charm, environment)
    return packed


def _command(build: Path, base: Base) -> tuple[list[str], Mapping[str, str]]:
    if snap := shutil.which("charmcraft"):
        return ["charmcraft", *_pack(base)], _with_python_of(base, Path(snap).parent, build / "python")
    charmcraft = os.environ.get(CHARMCRAFT, "")
    if not os.access(charmcraft, os.X_OK):
        raise CannotPackError("charmcraft is missing: snap install charmcraft --classic")
    _check_that_charmcraft_can_work()
    pretended = build / "os-release"
    pretended.write_text(base.os_release)
    return (
        [
            *("unshare", "--mount", "sh", "-c", _AS_ON_THE_BASE, "sh", str(pretended.resolve())),
            *(charmcraft, *_pack(base), "--destructive-mode"),
        ],
        _with_python_of(base, Path(charmcraft).parent, build / "python"),
    )


def _pack(base: Base) -> tuple[str, ...]:
    machine = platform.machine()
    return "pack", f"--platform={base.name}:{_ARCHITECTURES.get(machine, machine)}"


def _check_that_charmcraft_can_work() -> None:
    if platform.system() != "Linux" or not shutil.which("apt-get") or not shutil.which("unshare"):
        raise CannotPackError("without its snap, charmcraft needs Debian or Ubuntu")
    if os.geteuid() != 0:
        raise CannotPackError("without its snap, charmcraft needs root: it packs on the machine itself")
    if subprocess.run(["/usr/bin/python3", "-c", "import apt"], capture_output=True).returncode:
        raise CannotPackError("charmcraft needs python3-apt: apt-get install python3-apt python3-venv")


def _with_python_of(base: Base, programs: Path, folder: Path) -> dict[str, str]:
    """Return the environment with the Python of the base and the programs beside charmcraft.

    It has no effect if charmcraft packs in LXD.
    """
    path = [str(programs), os.environ["PATH"]]
    if python := find_python(base.python):
        path.insert(0, str(as_python3(python, folder)))
    return {**os.environ, "PATH": os.pathsep.join(path)}


def _analyse(charm: Path, environment: Mapping[str, str]) -> None:
    command = ["charmcraft", "analyse", "--format=json", str(charm)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    try:
        results = json.loads(done.stdout)
    except ValueError:
        raise CannotPackError(f"charmcraft can't analyse {charm.name}: {done.stderr.strip()}") from None
    for each in results:
        if each["check_type"] == "lint" and each["result"] not in _WELL:
            raise CannotPackError(f"charmcraft analyse {charm.name}: {each['name']}: {each['text'].strip()}")
