"""Log destinations of a unit's services while their containers start."""

import logging

import ops
import pytest
from ops import testing

from coordinated_workers.telemetry.log_forwarding import forward_logs

META = {"name": "kv", "containers": {"early": {}, "late": {}}}
ENDPOINTS = {"loki/0": "http://loki-0:3100/loki/api/v1/push"}


class Charm(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        framework.observe(self.on.update_status, self._forward)

    def _forward(self, _: ops.EventBase) -> None:
        forward_logs(self, ENDPOINTS)


def test_container_that_is_not_up_is_skipped(caplog: pytest.LogCaptureFixture):
    containers = {testing.Container("early", can_connect=True), testing.Container("late")}
    ctx = testing.Context(Charm, META, juju_version="3.6.0")
    state = ctx.run(ctx.on.update_status(), testing.State(containers=containers))
    assert state.get_container("early").plan.log_targets["loki/0"].location == ENDPOINTS["loki/0"]
    logged = [each for each in caplog.records if each.name == "coordinated_workers.telemetry.log_forwarding"]
    assert [each.levelname for each in logged if each.levelno > logging.DEBUG] == []


@pytest.mark.parametrize("host", ["169.254.169.254", "[::1]", "127.0.0.1", "LOCALHOST", "metadata", "0x7f.1"])
def test_machine_of_the_unit_gets_no_logs(
    host: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    ctx = testing.Context(Charm, META, juju_version="3.6.0")
    containers = {testing.Container(name, can_connect=True) for name in META["containers"]}
    state = ctx.run(ctx.on.update_status(), testing.State(containers=containers))
    monkeypatch.setitem(ENDPOINTS, "loki/0", f"http://{host}:3100/push?token=hush")
    monkeypatch.setitem(ENDPOINTS, "loki/1", "http://loki-1:3100/push")
    plan = ctx.run(ctx.on.update_status(), state).get_container("early").plan
    receiving = {name for name, target in plan.log_targets.items() if target.services != ["-all"]}
    assert receiving == {"loki/1"}
    assert "logs are not forwarded to loki/0: its host leads to this machine" in caplog.text
    assert "hush" not in caplog.text
