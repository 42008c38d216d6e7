"""Passes events to the processes of charms, several at a time."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from ops import pebble

from sandbox.host.messages import ContainerReply, ContainerRequest, Delivery, HookFailure, HookOutcome

from . import _view
from ._hook import Hook
from ._hooks import begin
from ._objects import Unit
from ._secrets import Secret
from ._workload import Command, CommandResult, ContainerRuntime, WorkloadError


class Dispatcher:
    """Dispatches events to charms.

    Args:
        workload: runs the services of containers; it is called by one thread at a time.
    """

    def __init__(self, workload: ContainerRuntime):
        self._workload = workload
        self._asking = threading.Lock()
        self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="hook")

    def deliver(
        self, hooks: Sequence[tuple[Unit, Hook]], secrets: list[Secret]
    ) -> list[HookOutcome | HookFailure]:
        """Give units of different applications an event each, all at once, and return the outcomes.

        The changes of one are visible to the others only after all have ended.
        """
        for unit, hook in hooks:
            begin(unit, hook)
            unit.history.append(hook)
        units = [unit for unit, _ in hooks]
        deliveries = [_view.delivery(unit, hook, secrets) for unit, hook in hooks]
        try:
            return list(self._threads.map(self._run, units, deliveries))
        except BaseException:
            for unit in units:
                unit.process.kill()
            raise

    def close(self) -> None:
        """Wait for running events, of which there are some only if `deliver` was interrupted."""
        self._threads.shutdown()

    def _run(self, unit: Unit, delivery: Delivery) -> HookOutcome | HookFailure:
        return unit.process.run(delivery, lambda question: self._answer(unit, question))

    def _answer(self, unit: Unit, question: ContainerRequest) -> ContainerReply:
        result, error = CommandResult(), ""
        try:
            with self._asking:
                result = self._do(unit, question)
        except WorkloadError as refusal:
            error = str(refusal)
        return {"error": error, "code": result.code, "stdout": result.stdout, "stderr": result.stderr}

    def _do(self, unit: Unit, question: ContainerRequest) -> CommandResult:
        container, verb, services = (
            unit.container(question["container"]),
            question["verb"],
            question["services"],
        )
        if verb == "exec":
            command = Command(
                question["command"],
                question["environment"],
                question["working_dir"],
                question["stdin"],
                question["timeout"],
            )
            return self._workload.exec(unit, container, command)
        if verb == "signal":
            self._workload.signal(unit, container, question["signal"], services)
        else:
            plan = pebble.Plan(cast("pebble.PlanDict", question["plan"]))
            self._workload.change(unit, container, verb, services, plan)
        return CommandResult()
