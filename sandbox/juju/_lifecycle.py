"""The start, replacement and removal of units, and of the processes of their charms."""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from . import _wiring
from ._charm import CharmSource
from ._cloud import Cloud
from ._container import Container
from ._objects import Application, ModelContents, Unit
from ._process import CharmProcess

_NOT_OF_A_CHARM = shutil.ignore_patterns("__pycache__", ".*", "tests", "venv", "build", "*.charm")


class Lifecycle:
    """Starts, replaces and removes units in a cloud."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud

    def start_charm(
        self, model: ModelContents, name: str, source: CharmSource, revision: int
    ) -> CharmProcess:
        """Start the process of an application's charm, on a copy of its files: changes wait for `refresh`."""
        directory = self._cloud.directory_of(model.name, name) / f"charm-{revision}"
        shutil.copytree(source.directory, directory, ignore=_NOT_OF_A_CHARM)
        return CharmProcess(
            directory,
            name,
            python=source.python,
            pythonpath=source.pythonpath,
            environment=self._cloud.environment(model.name, name),
        )

    def new_unit(self, application: Application, number: int) -> Unit:
        """Return a unit with its storages and containers."""
        directory = self._directory(application) / str(number)
        storages = {name: directory / "storages" / name for name in application.charm.storages}
        for storage in (directory, *storages.values()):
            storage.mkdir(parents=True)
        address = self._cloud.address(f"{application.model.name}/{application.name}/{number}")
        containers = self._containers(application, number, storages)
        return Unit(application, number, address, application.process, containers, storages)

    def replace_pod(self, unit: Unit) -> None:
        """Replace a unit's pod, which has ended."""
        self._cloud.workload.end(unit)
        unit.replace_pod(self._containers(unit.application, unit.number, unit.storages))
        old, unit.process = unit.process, unit.application.process
        _release(unit.application, old)

    def remove_unit(self, unit: Unit) -> None:
        """Remove a unit, and its application with the last one of an application that is dying."""
        application = unit.application
        application.units.remove(unit)
        for side in application.sides:
            side.present.discard(unit.number)
            _wiring.prune(side.relation)
        if application.leader is unit:
            application.leader = next(iter(application.living_units), None)
        _release(application, unit.process)
        is_last = application.dying and not application.units
        if self._cloud.cluster and not is_last:
            self._cloud.cluster.scale(application)
            self._cloud.cluster.sync_pods(application)
        self._cloud.workload.end(unit)
        shutil.rmtree(self._directory(application) / str(unit.number))
        if is_last:
            self.remove_application(application)

    def remove_application(self, application: Application) -> None:
        """Remove an application that has no units."""
        application.process.close()
        for side in application.sides:
            side.relation.dying = True
            _wiring.prune(side.relation)
        self._cloud.set_trust(application, trust=True)
        del application.model.applications[application.name]
        if self._cloud.cluster:
            self._cloud.cluster.remove_application(application)
        shutil.rmtree(self._directory(application), ignore_errors=True)

    def close(self, model: ModelContents) -> None:
        """End the processes of a model."""
        with ExitStack() as stack:
            for application in model.applications.values():
                for process in {application.process, *(unit.process for unit in application.units)}:
                    stack.callback(process.close)
                for unit in application.units:
                    stack.callback(self._cloud.workload.end, unit)

    def _directory(self, application: Application) -> Path:
        return self._cloud.directory_of(application.model.name, application.name)

    def _containers(
        self, application: Application, number: int, storages: Mapping[str, Path]
    ) -> dict[str, Container]:
        directory = self._directory(application) / str(number) / "containers"
        containers: dict[str, Container] = {}
        for name, mounts in application.charm.containers.items():
            mounted = {location: storages[storage] for location, storage in mounts.items()}
            containers[name] = Container(name, directory / name, mounted)
            containers[name].start()
        return containers


def _release(application: Application, process: CharmProcess) -> None:
    """Stop the process of an earlier revision once no unit has that revision any more."""
    if process not in (application.process, *(unit.process for unit in application.units)):
        process.close()
