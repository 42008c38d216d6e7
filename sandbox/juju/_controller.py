"""The Juju controller, which holds models."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ._cloud import Cloud
from ._errors import JujuError
from ._lifecycle import Lifecycle
from ._log import DebugLog, DebugLogLine
from ._model import Model
from ._scheduler import Scheduler
from ._secrets import Secret
from ._workload import ContainerRuntime

if TYPE_CHECKING:
    from sandbox.kubernetes import KubernetesServer


class Controller:
    """Holds models, and stops all its processes when its context ends.

    Example:
        ```python
        with KubernetesServer() as kubernetes, Controller(kubernetes) as juju:
            model = juju.add_model("shop")
            model.deploy(Path("charms/istio-beacon-k8s"))
            model.deploy(Path("sandbox/charms/catalogue"))
            model.integrate("istio-beacon-k8s", "catalogue")
            juju.settle()
        ```

    Args:
        kubernetes: the sandbox's own cluster, or a kubeconfig of another one; optional for charms that do not
            use Kubernetes.
        workload: runs the services of containers; by default they are not run.
        addresses: gives the address of a unit, by its model, application and number with slashes between
            them; loopback addresses by default, which other sandboxes use as well.
        on_log: called with each line of the log.
        hosts: gives the file of host names that an application's charm finds; by default only this
            machine's own names are known. Takes the model's name and the application's.
        juju: the major version of Juju, 3 or 4, whose behaviour the models have.
    """

    def __init__(
        self,
        kubernetes: "KubernetesServer | Path | None" = None,
        *,
        workload: ContainerRuntime | None = None,
        addresses: Callable[[str], str] | None = None,
        on_log: Callable[[DebugLogLine], None] | None = None,
        hosts: Callable[[str, str], Path] | None = None,
        juju: int = 3,
    ):
        self._juju = juju
        self.models: dict[str, Model] = {}
        self._log = DebugLog(on_log)
        self._cloud = Cloud(kubernetes, workload, addresses, hosts)
        self._lifecycle = Lifecycle(self._cloud)
        self._scheduler = Scheduler(self.models, self._cloud, self._lifecycle, self._log)

    def __enter__(self) -> "Controller":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def directory(self) -> Path:
        """The folder of the files of all units while the controller lasts."""
        return self._cloud.directory

    @property
    def log(self) -> list[DebugLogLine]:
        """The lines of the log so far."""
        return self._log.lines

    @property
    def secrets(self) -> list[Secret]:
        """The secrets of all models."""
        return self._scheduler.secrets

    def add_model(self, name: str) -> Model:
        """Add a model, and its namespace of the same name.

        Raises:
            JujuError: if there is one of that name.
        """
        if name in self.models:
            raise JujuError(f"there is a model {name!r} already")
        model = Model(name, self._juju, self.models, self._cloud, self._lifecycle, self._scheduler)
        if self._cloud.cluster:
            self._cloud.cluster.add_model(name, model.uuid)
        self.models[name] = model
        return model

    def settle(self, limit: int | None = None) -> None:
        """Give every unit its events, until none has any left.

        A unit in error gets none, and everything that waits for it is skipped.

        Args:
            limit: the largest number of events for one unit; by default more than enough for all units and
                relations.

        Raises:
            NotSettledError: if a unit has that many, which means that they do not end.
        """
        self._scheduler.settle(limit)

    def close(self) -> None:
        """Stop all processes and remove all files; restore a cluster of another owner."""
        # From the last to the first, each even if others fail.
        with ExitStack() as stack:
            stack.callback(self._cloud.close, self.models.values())
            for model in self.models.values():
                stack.callback(self._lifecycle.close, model)
            stack.callback(self._scheduler.close)
