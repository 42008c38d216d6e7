"""Runs hooks of a coordinator with its containers, which stand-ins for hook tools alone lack.

Reads the relations from the first line of standard input, settles, and then runs a hook for each further
line; answers each line on standard output with the hook's time and the size of its data. It runs in the
working directory, on whichever library its interpreter finds.
"""

import json
import resource
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ops
import yaml
from ops import testing

_CONTAINERS = ("nginx", "nginx-prometheus-exporter")


def _charm(took: list[tuple[float, float]]) -> type[ops.CharmBase]:
    """The charm, whose hooks add to `took` their seconds, and those of CPU time."""
    sys.path.insert(0, "src")
    from charm import BenchCoordinator

    class Timed(BenchCoordinator):
        """Report the seconds from its construction until its status is requested."""

        def __init__(self, framework: ops.Framework):
            self._began = time.perf_counter(), time.process_time()
            super().__init__(framework)
            framework.observe(self.on.collect_unit_status, self._end)  # after the library's own observer

        def _end(self, _: ops.CollectStatusEvent) -> None:
            wall, cpu = self._began
            took.append((time.perf_counter() - wall, time.process_time() - cpu))

    return Timed


def _relation(wire: dict[str, Any]) -> testing.Relation:
    units = {int(name.rpartition("/")[2]): data for name, data in wire["units"].items()}
    return testing.Relation(
        wire["endpoint"], remote_app_name=wire["app"], remote_app_data=wire["data"], remote_units_data=units
    )


def _containers() -> Iterator[testing.Container]:
    execs = {testing.Exec(["nginx", "-s", "reload"]), testing.Exec(["update-ca-certificates", "--fresh"])}
    for name in _CONTAINERS:
        files = Path.cwd() / "containers" / name
        files.mkdir(parents=True)
        mounts = {"etc": testing.Mount(location="/etc", source=files)}
        yield testing.Container(name, can_connect=True, mounts=mounts, execs=execs)


def _sizes(state: testing.State) -> dict[str, float]:
    """Return the MB of memory, and the kB that the hooks have written."""
    databags = [
        sum(map(len, [*relation.local_app_data.keys(), *relation.local_app_data.values()]))
        for relation in state.relations
    ]
    config = Path.cwd() / "containers" / "nginx" / "nginx" / "nginx.conf"
    return {
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "databags": sum(databags) / 1000,
        "databag": max(databags) / 1000,
        "config": config.stat().st_size / 1000,
    }


def main() -> None:
    """Run a hook for each line."""
    asked = json.loads(sys.stdin.readline())
    host = f"{asked['app']}-0.{asked['app']}-endpoints.{asked['model']}.svc.cluster.local"

    def getfqdn(name: str = "") -> str:
        return name or host

    socket.getfqdn = getfqdn
    took: list[tuple[float, float]] = []
    charm = _charm(took)
    described = yaml.safe_load(Path("charmcraft.yaml").read_text())
    context = testing.Context(charm, meta=described, app_name=asked["app"], charm_root=Path.cwd())
    state = testing.State(
        leader=True,
        model=testing.Model(asked["model"], uuid="7c1b1f4e-0a3c-4c55-9a5e-0d6c6a0f1a11"),
        relations=[testing.PeerRelation("peers"), *map(_relation, asked["relations"])],
        containers=list(_containers()),
    )
    for _ in range(2):
        state = context.run(context.on.update_status(), state)
    sys.stdout.write(f"{state.unit_status.name}\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        state = context.run(context.on.update_status(), state)
        seconds, cpu = took[-1]
        sys.stdout.write(json.dumps({"seconds": seconds, "cpu": cpu, **_sizes(state)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
