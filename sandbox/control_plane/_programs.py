"""Programs that are built from the sources in the Go module cache, and kept."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ..children import dies_with_parent
from ._errors import ControlPlaneError
from ._go import find_go, go_environment

_MODULES = Path(__file__).with_name("modules")


def cache() -> Path:
    """The user's folder for built programs."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "mesh-control-plane"


@dataclass(frozen=True)
class GoProgram:
    """A program that a Go module of the project builds."""

    name: str
    module: Path
    """The folder of its go.mod."""
    package: str
    link: str = "-s -w"
    """Flags of the linker."""
    is_asset: bool = False
    """Whether the folder that tools for Kubernetes keep programs in, $KUBEBUILDER_ASSETS, may have it."""

    @property
    def digest(self) -> str:
        """A text that changes with the sources of the program."""
        files = [self.module / "go.mod", self.module / "go.sum", *sorted(self.module.glob("*.go"))]
        parts = [self.package, self.link, *(file.read_text() for file in files)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def folder(self) -> Path:
        """The folder of the program, and of other files from its module."""
        return cache() / f"{self.name}-{self.digest}"

    @property
    def is_built(self) -> bool:
        """Return whether `build` has nothing to do."""
        return self._file.exists()

    def build(self) -> Path:
        """The program, built now if it never was: that takes some minutes, and one program at a time.

        Raises:
            NotAvailableError: Go is not installed, or is too old.
            ControlPlaneError: it does not build.
        """
        program = self._file
        if program.exists():
            return program
        go = find_go(self.module)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (cache() / "building").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not program.exists():
                self._build(go, program)
        return program

    @property
    def _file(self) -> Path:
        assets = os.environ.get("KUBEBUILDER_ASSETS")
        asset = Path(assets, self.name) if assets and self.is_asset else None
        return asset if asset and asset.exists() else self.folder / self.name

    def _build(self, go: str, program: Path) -> None:
        unfinished = program.with_suffix(".unfinished")
        log = self.folder / "build.log"
        command = [
            "nice",
            go,
            "build",
            "-trimpath",
            "-ldflags",
            self.link,
            "-o",
            str(unfinished),
            self.package,
        ]
        began = time.monotonic()
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=self.module,
                env=go_environment(),
                stdout=output,
                stderr=output,
                preexec_fn=dies_with_parent(),
            )
            try:
                while process.poll() is None:
                    _progress(f"building {self.name} from source, once: {time.monotonic() - began:.0f} s")
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(1)
            finally:
                process.kill()
        if process.returncode:
            lines = log.read_text().splitlines()[-20:]
            raise ControlPlaneError("\n".join([f"{self.name} does not build:", *lines]))
        unfinished.replace(program)
        _progress(f"built {self.name} in {time.monotonic() - began:.0f} s", last=True)


def _progress(text: str, *, last: bool = False) -> None:
    """Update one line on a terminal; elsewhere, print only the last one."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}" + ("\n" if last else ""))
        sys.stderr.flush()
    elif last:
        sys.stderr.write(f"{text}\n")


ETCD = GoProgram(name="etcd", module=_MODULES / "etcd", package="go.etcd.io/etcd/server/v3", is_asset=True)
_OF_KUBERNETES = "-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4"
KUBE_APISERVER = GoProgram(
    name="kube-apiserver",
    module=_MODULES / "kube-apiserver",
    package="k8s.io/kubernetes/cmd/kube-apiserver",
    link=_OF_KUBERNETES,
    is_asset=True,
)
KUBE_CONTROLLER_MANAGER = GoProgram(
    name="kube-controller-manager",
    module=_MODULES / "kube-apiserver",
    package="k8s.io/kubernetes/cmd/kube-controller-manager",
    link=_OF_KUBERNETES,
)
"""Kubernetes' own controllers, such as the one that replaces the pods of a StatefulSet."""
ISTIOD = GoProgram(
    name="pilot-discovery",
    module=_MODULES / "istiod",
    package="istio.io/istio/pilot/cmd/pilot-discovery",
)
PILOT_AGENT = GoProgram(
    name="pilot-agent",
    module=_MODULES / "istiod",
    package="istio.io/istio/pilot/cmd/pilot-agent",
)
"""Runs Envoy as a waypoint that istiod configures."""
POLICY_COMPILER = GoProgram(name="authorization", module=_MODULES / "authorization", package=".")
"""Prints istiod's configuration of Envoy for AuthorizationPolicies; see its main.go."""
LOKI = GoProgram(name="logql", module=_MODULES / "logql", package=".")
"""The part of Loki that reads queries and lines; see its main.go."""
PROGRAMS = (ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, ISTIOD, PILOT_AGENT, POLICY_COMPILER, LOKI)
