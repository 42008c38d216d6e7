"""Install published libraries, one folder each: `python install.py FOLDER [newest]`; uv has to be in PATH."""

import shutil
import subprocess
import sys
from pathlib import Path

PINNED = (
    "coordinated-workers==2.2.4",
    "coordinated-workers==3.0.1",
    "coordinated-workers==4.1.4",
    "charmlibs-nginx-k8s==1.0.1",
    "charmlibs-interfaces-service-mesh==1.0.2",
    "canonical-service-mesh==0.3.1",
)
NEWEST = (
    "coordinated-workers",
    "charmlibs-nginx-k8s",
    "charmlibs-interfaces-service-mesh",
    "canonical-service-mesh",
)


def install(folder: Path, requirements: tuple[str, ...]) -> None:
    """Replace what is in a folder by these libraries, without what they need themselves."""
    shutil.rmtree(folder, ignore_errors=True)
    for requirement in requirements:
        name, _, version = requirement.partition("==")
        target = folder / f"{name}-{version or 'newest'}"
        command = ["uv", "pip", "install", "--quiet", "--no-deps", "--target", str(target), requirement]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    install(Path(sys.argv[1]), NEWEST if sys.argv[2:] == ["newest"] else PINNED)
