"""The events of a unit from its installation to its end, in Juju's order."""

import pytest

from sandbox.juju import JujuError, Model
from sandbox.tests.small_charms import WriteCharm, events, words


def test_unit_is_set_up_in_jujus_order(model: Model, write_charm: WriteCharm) -> None:
    charm = write_charm("web", peers={"peers": {"interface": "p"}}, containers={"nginx": {}, "exporter": {}})
    model.deploy(charm)
    model.settle()
    assert events(model.unit("web/0")) == [
        "install",
        "peers-relation-created",
        "leader-elected",
        "config-changed",
        "start",
        "nginx-pebble-ready",
        "exporter-pebble-ready",
    ]


def test_standby_unit_is_not_the_leader(model: Model, write_charm: WriteCharm) -> None:
    model.deploy(write_charm("web"), units=2)
    model.settle()
    assert "leader-elected" in events(model.unit("web/0"))
    assert "leader-elected" not in events(model.unit("web/1"))


def test_container_can_be_reached_from_its_pebble_ready_on(model: Model, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                reachable = self.unit.get_container("nginx").can_connect()
                self.add_word(f"{event.handle.kind}={reachable}")
    """
    model.deploy(write_charm("web", source, containers={"nginx": {}}))
    model.settle()
    assert words(model.unit("web/0"))[-2:] == ["start=False", "nginx_pebble_ready=True"]


def test_config_changed_runs_once_a_unit(model: Model, write_charm: WriteCharm) -> None:
    options = {"size": {"type": "int", "default": 1}}
    model.deploy(write_charm("web", config={"options": options}), units=2)
    model.settle()
    model.config("web", {"size": "2"})
    model.settle()
    model.config("web", {"size": 2})
    model.settle()
    assert events(model.unit("web/0")).count("config-changed") == 2
    assert events(model.unit("web/1")).count("config-changed") == 2


def test_reset_option_has_its_default_again(model: Model, write_charm: WriteCharm) -> None:
    options = {"size": {"type": "int", "default": 1}}
    application = model.deploy(write_charm("web", config={"options": options}), config={"size": 5})
    model.config("web", reset=["size"])
    assert application.config == {"size": 1}


def test_removing_application_ends_its_units_in_jujus_order(model: Model, write_charm: WriteCharm) -> None:
    model.deploy(write_charm("web", provides={"site": {"interface": "http"}}))
    model.deploy(write_charm("client", requires={"site": {"interface": "http"}}))
    model.integrate("web", "client")
    model.settle()
    unit = model.unit("web/0")
    before = len(unit.history)
    model.remove_application("web")
    model.settle()
    assert events(unit)[before:] == ["site-relation-departed", "site-relation-broken", "stop", "remove"]
    assert "web" not in model.applications
    assert model.relations == []


def test_scaling_down_removes_the_last_unit_and_keeps_leader(model: Model, write_charm: WriteCharm) -> None:
    model.deploy(write_charm("web", peers={"peers": {"interface": "p"}}), units=3)
    model.settle()
    last = model.unit("web/2")
    model.scale("web", 2)
    model.settle()
    assert [unit.name for unit in model.application("web").units] == ["web/0", "web/1"]
    assert events(last)[-2:] == ["stop", "remove"]
    assert events(model.unit("web/0"))[-1] == "peers-relation-departed"
    assert model.unit("web/leader").name == "web/0"


def test_application_that_is_being_removed_is_not_scaled(model: Model, write_charm: WriteCharm) -> None:
    model.deploy(write_charm("web"))
    model.settle()
    model.remove_application("web")
    with pytest.raises(JujuError, match="web is being removed"):
        model.scale("web", 2)


def test_replaced_pod_starts_from_nothing_but_its_storage(model: Model, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                container = self.unit.get_container("nginx")
                if container.can_connect() and not container.exists("/etc/nginx.conf"):
                    container.push("/etc/nginx.conf", "conf")
                    container.push("/data/kept", self.model.storages["data"][0].location.name)
                    service = {"override": "replace", "command": "x"}
                    container.add_layer("nginx", {"services": {"nginx": service}})
                    container.start("nginx")
    """
    charm = write_charm(
        "web",
        source,
        storage={"data": {"type": "filesystem"}},
        containers={"nginx": {"mounts": [{"storage": "data", "location": "/data"}]}},
    )
    model.deploy(charm)
    model.settle()
    unit = model.unit("web/0")
    container = unit.container("nginx")
    assert (container.root / "etc/nginx.conf").read_text() == "conf"
    assert container.plan.services["nginx"].command == "x"
    assert container.services == {"nginx": "active"}

    before = len(unit.history)
    model.kill("web/0")
    container = unit.container("nginx")
    assert not (container.root / "etc/nginx.conf").exists()
    assert (container.root / "data/kept").exists()
    assert not container.can_connect
    assert container.layers == []
    model.settle()
    assert events(unit)[before:] == ["upgrade-charm", "config-changed", "start", "nginx-pebble-ready"]
    assert (container.root / "etc/nginx.conf").exists()


def test_storage_attaches_before_install_detaches_before_stop(model: Model, write_charm: WriteCharm) -> None:
    model.deploy(write_charm("web", storage={"data": {"type": "filesystem"}}))
    model.settle()
    unit = model.unit("web/0")
    model.remove_application("web")
    model.settle()
    names = events(unit)
    assert names[:2] == ["data-storage-attached", "install"]
    assert names[-3:] == ["data-storage-detaching", "stop", "remove"]


def test_refresh_stops_the_old_revision_and_upgrades(model: Model, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                self.add_word(f"{event.handle.kind}=REVISION")
    """
    model.deploy(write_charm("web", source.replace("REVISION", "1")))
    model.settle()
    options = {"new": {"type": "int", "default": 3}}
    changed = source.replace("REVISION", "2")
    write_charm("web", changed, config={"options": options}, containers={"nginx": {}})
    model.refresh("web")
    model.settle()
    assert words(model.unit("web/0"))[-5:] == [
        "stop=1",
        "upgrade_charm=2",
        "config_changed=2",
        "start=2",
        "nginx_pebble_ready=2",
    ]
    assert model.application("web").config == {"new": 3}


def test_update_status_comes_only_when_it_is_time(model: Model, write_charm: WriteCharm) -> None:
    model.deploy(write_charm("web"))
    model.settle()
    assert "update-status" not in events(model.unit("web/0"))
    model.update_status()
    model.settle()
    model.settle()
    assert events(model.unit("web/0")).count("update-status") == 1
