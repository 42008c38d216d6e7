#!/usr/bin/env python3
"""A worker of a small key-value service."""

import ops

import kv_program
import kv_workload
from coordinated_workers.worker import Worker


class KeyValueWorker(Worker):
    """A worker whose version is that of the program, which the charm brings."""

    def running_version(self) -> str:
        """The program's version."""
        return kv_workload.VERSION


class DemoWorkerCharm(ops.CharmBase):
    """The charm: `Worker` does the work of every worker, and this class adds the program that it runs."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        # Before the worker, which starts the program.
        kv_program.install(self.unit.get_container(kv_program.CONTAINER))
        self.worker = KeyValueWorker(
            self,
            name=kv_program.CONTAINER,
            pebble_layer=lambda worker: kv_program.layer(self, worker.roles),
            endpoints={"cluster": "demo-cluster"},
            readiness_check_endpoint=kv_program.readiness_url,
            resources_limit_options={"cpu_limit": "cpu-limit", "memory_limit": "memory-limit"},
            resources_requests=lambda _: {"cpu": "50m", "memory": "100Mi"},
            container_name=kv_program.CONTAINER,
            takes_new_certificates=True,
        )


if __name__ == "__main__":
    ops.main(DemoWorkerCharm)
