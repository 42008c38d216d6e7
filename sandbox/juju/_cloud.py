"""The cloud that models are deployed to: files, addresses, processes in containers, a Kubernetes cluster."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ._cluster import KubernetesBroker
from ._objects import Application, ModelContents
from ._workload import ContainerRuntime, NoWorkload

if TYPE_CHECKING:
    from sandbox.kubernetes import Denial, KubernetesServer


class Cloud:
    """The environment of the units of all models; see `Controller` for the arguments."""

    def __init__(
        self,
        kubernetes: "KubernetesServer | Path | None",
        workload: ContainerRuntime | None,
        addresses: Callable[[str], str] | None,
        hosts: Callable[[str, str], Path] | None,
    ):
        self.directory = Path(tempfile.mkdtemp(prefix="sandbox-"))
        """The files of all units."""
        self.workload: ContainerRuntime = workload or NoWorkload()
        self.cluster: KubernetesBroker | None = None
        self._kubernetes = kubernetes
        self._denials: dict[Application, Denial] = {}
        self._addresses = addresses
        self._addresses_given: dict[str, str] = {}
        self._hosts = hosts
        try:
            self.cluster = self._connect()
        except BaseException:
            self.close([])
            raise

    def directory_of(self, model_name: str, application_name: str) -> Path:
        """Return the folder with the files of an application."""
        return self.directory / model_name / application_name

    def environment(self, model_name: str, application_name: str) -> Mapping[str, str]:
        """Return the environment variables of a charm's process, in addition to those of this one."""
        file = self.directory / "no-kubernetes"
        if isinstance(self._kubernetes, Path):
            file = self._kubernetes
        elif self._kubernetes:
            user = _user(model_name, application_name)
            file = self.directory / f"{model_name}-{application_name}.kubeconfig"
            self._kubernetes.write_kubeconfig(file, user=user, namespace=model_name)
        # Files that a process could not remove are deleted with the application.
        temporary = self.directory_of(model_name, application_name) / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        environment = {"KUBECONFIG": str(file), "TMPDIR": str(temporary), "NO_PROXY": "127.0.0.1"}
        if self._hosts:
            environment["SANDBOX_HOSTS"] = str(self._hosts(model_name, application_name))
        return environment

    def address(self, unit: str) -> str:
        """Return the address of a unit, the same each time."""
        if self._addresses:
            return self._addresses(unit)
        number = len(self._addresses_given) + 1
        return self._addresses_given.setdefault(unit, f"127.100.{number // 256}.{number % 256}")

    def set_trust(self, application: Application, trust: bool) -> None:
        """Allow an application everything in Kubernetes, or nothing.

        Only the sandbox's own cluster distinguishes applications.
        """
        application.trust = trust
        if self._kubernetes is None or isinstance(self._kubernetes, Path):
            return
        access = self._kubernetes.access
        if denial := self._denials.pop(application, None):
            access.restore(denial)
        if not trust:
            user = _user(application.model.name, application.name)
            self._denials[application] = access.deny(users=[user])

    def close(self, models: Iterable[ModelContents]) -> None:
        """Remove all files, and the objects of these models in a cluster that outlives the sandbox."""
        with ExitStack() as stack:
            if isinstance(self._kubernetes, Path) and self.cluster:
                for model in models:
                    stack.callback(self.cluster.remove_model, model.name)
                    for application in model.applications.values():
                        stack.callback(self.cluster.remove_application, application)
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)

    def _connect(self) -> KubernetesBroker | None:
        if self._kubernetes is None:
            return None
        if isinstance(self._kubernetes, Path):
            return KubernetesBroker(self._kubernetes, is_own=False)
        kubeconfig = self._kubernetes.write_kubeconfig(self.directory / "juju.kubeconfig", user="juju")
        return KubernetesBroker(kubeconfig, is_own=True)


def _user(model_name: str, application_name: str) -> str:
    return f"system:serviceaccount:{model_name}:{application_name}"
