"""Events and databags of related applications, and the data that their units may read."""

import pytest

from sandbox.juju import Controller, JujuError, Model
from sandbox.tests.small_charms import WriteCharm, events, words

SITE = {"site": {"interface": "http"}}


def relate(model: Model, write_charm: WriteCharm, web: str = "", client: str = "", units: int = 1) -> None:
    """Deploys `web` (provides site) and `client` (requires site), related."""
    plain = "class Charm(Recorder): pass"
    model.deploy(write_charm("web", web or plain, provides=SITE), units=units)
    model.deploy(write_charm("client", client or plain, requires=SITE))
    model.integrate("web", "client")


def test_relation_created_precedes_leader_elected(model: Model, write_charm: WriteCharm) -> None:
    relate(model, write_charm)
    model.settle()
    assert events(model.unit("client/0")) == [
        "install",
        "site-relation-created",
        "leader-elected",
        "config-changed",
        "start",
        "site-relation-joined",
        "site-relation-changed",
    ]


def test_each_remote_unit_joins_and_is_followed_by_change(model: Model, write_charm: WriteCharm) -> None:
    relate(model, write_charm, units=2)
    model.settle()
    hooks = [str(hook) for hook in model.unit("client/0").history if hook.relation]
    assert hooks == [
        "site-relation-created (0, web)",
        "site-relation-joined (0, web/0)",
        "site-relation-changed (0, web/0)",
        "site-relation-joined (0, web/1)",
        "site-relation-changed (0, web/1)",
    ]


def test_relation_changed_follows_changed_data_only(model: Model, write_charm: WriteCharm) -> None:
    web = """
        class Charm(Recorder):
            def on_event(self, event):
                for relation in self.model.relations["site"]:
                    relation.data[self.unit]["size"] = str(self.config["size"])
    """
    options = {"size": {"type": "int", "default": 1}, "other": {"type": "int", "default": 1}}
    model.deploy(write_charm("web", web, provides=SITE, config={"options": options}))
    model.deploy(write_charm("client", requires=SITE))
    model.integrate("web", "client")
    model.settle()
    before = events(model.unit("client/0"))
    model.config("web", {"other": 2})
    model.settle()
    assert events(model.unit("client/0")) == before
    model.config("web", {"size": 2})
    model.settle()
    assert events(model.unit("client/0")) == [*before, "site-relation-changed"]


def test_change_of_remote_application_names_no_unit(model: Model, write_charm: WriteCharm) -> None:
    web = """
        class Charm(Recorder):
            def on_event(self, event):
                if self.unit.is_leader():
                    for relation in self.model.relations["site"]:
                        relation.data[self.app]["url"] = "http://web"
    """
    client = """
        class Charm(Recorder):
            def on_event(self, event):
                if isinstance(event, ops.RelationChangedEvent):
                    url = event.relation.data[event.app].get("url")
                    self.add_word(f"{event.unit and event.unit.name}:{url}")
    """
    relate(model, write_charm, web, client)
    model.settle()
    assert words(model.unit("client/0")) == ["None:http://web", "web/0:http://web"]


def test_own_application_data_is_leaders(model: Model, write_charm: WriteCharm) -> None:
    web = """
        class Charm(Recorder):
            def on_event(self, event):
                if not isinstance(event, ops.StartEvent):
                    return
                data = self.model.get_relation("site").data[self.app]
                for verb in ("read", "write"):
                    try:
                        data.get("url") if verb == "read" else data.update(url="x")
                    except ops.RelationDataAccessError:
                        self.add_word(f"no-{verb}")
                    else:
                        self.add_word(verb)
    """
    relate(model, write_charm, web, units=2)
    model.settle()
    assert words(model.unit("web/0")) == ["read", "write"]
    assert words(model.unit("web/1")) == ["no-read", "no-write"]


def test_peers_read_application_data(model: Model, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                relation = self.model.get_relation("peers")
                if isinstance(event, ops.StartEvent) and self.unit.is_leader():
                    relation.data[self.app]["key"] = "value"
                if isinstance(event, ops.RelationChangedEvent) and event.unit is None:
                    self.add_word(relation.data[self.app]["key"])
    """
    model.deploy(write_charm("web", source, peers={"peers": {"interface": "p"}}), units=2)
    model.settle()
    assert words(model.unit("web/0")) == []
    assert words(model.unit("web/1")) == ["value"]


def test_units_carry_their_address_where_there_is_no_service(model: Model, write_charm: WriteCharm) -> None:
    client = """
        class Charm(Recorder):
            def on_event(self, event):
                if isinstance(event, ops.RelationJoinedEvent):
                    self.add_word(event.relation.data[event.unit]["ingress-address"])
                    self.add_word(str(self.model.get_binding("site").network.bind_address))
    """
    relate(model, write_charm, client=client)
    model.settle()
    assert words(model.unit("client/0")) == [model.unit("web/0").address, model.unit("client/0").address]


def test_removed_relation_departs_then_breaks(model: Model, write_charm: WriteCharm) -> None:
    client = """
        class Charm(Recorder):
            def on_event(self, event):
                if isinstance(event, ops.RelationDepartedEvent):
                    left = sorted(unit.name for unit in event.relation.units)
                    self.add_word(f"{event.departing_unit.name}-left-{left}".replace(" ", ""))
                if isinstance(event, ops.RelationBrokenEvent):
                    self.add_word(f"broken:{event.relation.active}")
    """
    relate(model, write_charm, client=client, units=2)
    model.settle()
    model.remove_relation("web", "client")
    model.settle()
    assert words(model.unit("client/0")) == ["web/0-left-['web/1']", "web/1-left-[]", "broken:False"]
    assert model.relations == []
    model.integrate("web", "client")
    model.settle()
    assert events(model.unit("client/0"))[-1] == "site-relation-changed"


def test_departing_unit_is_named_to_itself(model: Model, juju: Controller, write_charm: WriteCharm) -> None:
    web = """
        class Charm(Recorder):
            def on_event(self, event):
                if isinstance(event, ops.RelationDepartedEvent):
                    logging.warning("departing: %s", event.departing_unit.name)
    """
    relate(model, write_charm, web, units=2)
    model.settle()
    model.scale("web", 1)
    model.settle()
    assert [line.message for line in juju.log if line.level == "WARNING"] == ["departing: web/1"]


def test_ambiguous_relation_is_refused_with_choice(model: Model, write_charm: WriteCharm) -> None:
    two = {"one": {"interface": "http"}, "two": {"interface": "http"}}
    model.deploy(write_charm("web", provides=two))
    model.deploy(write_charm("client", requires=SITE))
    with pytest.raises(JujuError, match="web:one client:site; web:two client:site"):
        model.integrate("web", "client")
    model.integrate("web:two", "client")
    with pytest.raises(JujuError, match="related already"):
        model.integrate("client:site", "web:two")


@pytest.mark.parametrize(
    ("one", "other"), [("web", "web"), ("web:site", "client:admin"), ("client", "client")]
)
def test_endpoints_that_do_not_fit_are_refused(
    model: Model, write_charm: WriteCharm, one: str, other: str
) -> None:
    model.deploy(write_charm("web", provides=SITE))
    model.deploy(write_charm("client", requires={**SITE, "admin": {"interface": "ssh"}}))
    with pytest.raises(JujuError, match="no relation is possible"):
        model.integrate(one, other)


def test_endpoint_takes_no_more_relations_than_its_limit(model: Model, write_charm: WriteCharm) -> None:
    web = write_charm("web", provides=SITE)
    model.deploy(web)
    model.deploy(web, "web-two")
    model.deploy(write_charm("client", requires={"site": {"interface": "http", "limit": 1}}))
    model.integrate("web", "client")
    with pytest.raises(JujuError, match="client:site takes no more than 1"):
        model.integrate("web-two", "client")
