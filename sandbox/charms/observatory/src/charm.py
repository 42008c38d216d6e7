"""A telemetry backend: a sample of a charm that receives telemetry, and scrapes other charms."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import ops
import recorder
import scrape_targets

from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, Method, ServiceMeshConsumer, UnitPolicy
from cos_interfaces import loki_push_api, prometheus_remote_write, tracing

_PROGRAM, _TARGETS = "/srv/recorder.py", "/etc/observatory/targets.json"


class Observatory(ops.CharmBase):
    """Allows related applications to send the telemetry of their relation, each kind on its own port."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(
            self,
            policies=[
                # Logs and metrics go to one unit by its name, traces to the application.
                UnitPolicy(relation="logging", ports=[recorder.LOKI_PORT]),
                UnitPolicy(relation="receive-remote-write", ports=[recorder.REMOTE_WRITE_PORT]),
                AppPolicy(
                    relation="tracing",
                    endpoints=[
                        Endpoint(
                            ports=[recorder.OTLP_PORT], methods=[Method.post], paths=[recorder.OTLP_PATH]
                        )
                    ],
                ),
            ],
        )
        for event in self._events():
            framework.observe(event, self._reconcile)
        framework.observe(self.on.collect_unit_status, self._show_status)

    def _events(self) -> Iterator[ops.BoundEvent]:
        yield from (self.on.start, self.on.recorder_pebble_ready, self.on.leader_elected)
        for relation in ("logging", "receive-remote-write", "tracing"):
            yield self.on[relation].relation_created
        metrics = self.on["metrics-endpoint"]
        yield from (metrics.relation_changed, metrics.relation_departed, metrics.relation_broken)

    def _reconcile(self, _: ops.EventBase) -> None:
        self.unit.set_ports(*recorder.PORTS)
        host, service = socket.getfqdn(), f"{self.app.name}.{self.model.name}.svc.cluster.local"
        loki_push_api.offer(self, f"http://{host}:{recorder.LOKI_PORT}{recorder.LOKI_PATH}")
        prometheus_remote_write.offer(
            self, f"http://{host}:{recorder.REMOTE_WRITE_PORT}{recorder.REMOTE_WRITE_PATH}"
        )
        tracing.offer(self, {"otlp_http": f"http://{service}:{recorder.OTLP_PORT}"})
        self._run(self.unit.get_container("recorder"))

    def _run(self, container: ops.Container) -> None:
        if not container.can_connect():
            return
        # The program reads its targets for each round, so that it need not restart.
        container.push(_TARGETS, json.dumps(scrape_targets.read(self)), make_dirs=True)
        container.push(_PROGRAM, Path(recorder.__file__).read_text(), make_dirs=True)
        command = f"python3 {_PROGRAM} {_TARGETS}"
        service: ops.pebble.ServiceDict = {"override": "replace", "command": command, "startup": "enabled"}
        container.add_layer("recorder", {"services": {"recorder": service}}, combine=True)
        container.replan()

    def _show_status(self, event: ops.CollectStatusEvent) -> None:
        targets = len(scrape_targets.read(self))
        event.add_status(ops.ActiveStatus(f"{targets} {'target' if targets == 1 else 'targets'}"))


if __name__ == "__main__":
    ops.main(Observatory)
