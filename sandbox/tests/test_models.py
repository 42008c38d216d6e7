"""Relations between models, and the names of the other model's applications."""

import re

import pytest

from sandbox.juju import Controller, JujuError
from sandbox.tests.small_charms import WriteCharm, events, words

NOTES_REMOTE = """
class Charm(Recorder):
    def on_event(self, event):
        if isinstance(event, ops.RelationJoinedEvent):
            event.relation.data[self.unit]["me"] = self.unit.name
        if isinstance(event, ops.RelationChangedEvent) and event.unit:
            self.add_word(f"{event.app.name}/{event.relation.data[event.unit].get('me')}")
"""


def test_remote_names_differ_between_models(juju: Controller, write_charm: WriteCharm) -> None:
    shop, office = juju.add_model("shop"), juju.add_model("office")
    http, ssh = {"interface": "http"}, {"interface": "ssh"}
    shop.deploy(write_charm("web", NOTES_REMOTE, provides={"site": http, "admin": ssh}))
    office.deploy(write_charm("client", NOTES_REMOTE, requires={"site": http, "admin": ssh}))
    url = shop.offer("web", "site", "admin")
    assert url == "shop.web"
    office.consume(url, "the-shop")
    office.integrate("client:site", "the-shop")
    office.integrate("client:admin", "the-shop")
    juju.settle()
    remote_name = f"remote-{office.application('client').uuid}"
    assert set(words(office.unit("client/0"))) == {"the-shop/web/0"}
    assert set(words(shop.unit("web/0"))) == {f"{remote_name}/client/0"}


def test_remote_names_differ_between_relations_on_juju_4(write_charm: WriteCharm) -> None:
    http, ssh = {"interface": "http"}, {"interface": "ssh"}
    with Controller(on_log=print, juju=4) as juju:
        shop, office = juju.add_model("shop"), juju.add_model("office")
        shop.deploy(write_charm("web", NOTES_REMOTE, provides={"site": http, "admin": ssh}))
        office.deploy(write_charm("client", NOTES_REMOTE, requires={"site": http, "admin": ssh}))
        office.consume(shop.offer("web", "site", "admin"), "the-shop")
        office.integrate("client:site", "the-shop")
        office.integrate("client:admin", "the-shop")
        juju.settle()
        assert set(words(office.unit("client/0"))) == {"the-shop/web/0"}
        names = set(words(shop.unit("web/0")))
    assert len(names) == 2
    assert all(re.fullmatch("remote-[0-9a-f]{32}/client/0", name) for name in names)


def test_relation_has_id_of_its_own_in_each_model(juju: Controller, write_charm: WriteCharm) -> None:
    shop, office = juju.add_model("shop"), juju.add_model("office")
    peers = {"peers": {"interface": "p"}}
    shop.deploy(write_charm("web", provides={"site": {"interface": "http"}}))
    office.deploy(write_charm("client", requires={"site": {"interface": "http"}}, peers=peers))
    office.consume(shop.offer("web", "site"))
    relation = office.integrate("client", "web")
    assert {side.application.name: side.id for side in relation.sides} == {"client": 1, "web": 0}


def test_removing_it_in_one_model_breaks_it_in_both(juju: Controller, write_charm: WriteCharm) -> None:
    shop, office = juju.add_model("shop"), juju.add_model("office")
    shop.deploy(write_charm("web", provides={"site": {"interface": "http"}}))
    office.deploy(write_charm("client", requires={"site": {"interface": "http"}}))
    office.consume(shop.offer("web", "site"))
    office.integrate("client", "web")
    juju.settle()
    office.remove_relation("client", "web")
    juju.settle()
    for unit in (shop.unit("web/0"), office.unit("client/0")):
        assert events(unit)[-2:] == ["site-relation-departed", "site-relation-broken"]
    assert shop.relations == office.relations == []


def test_offered_application_is_not_removed(juju: Controller, write_charm: WriteCharm) -> None:
    shop = juju.add_model("shop")
    shop.deploy(write_charm("web", provides={"site": {"interface": "http"}}))
    shop.offer("web", "site")
    with pytest.raises(JujuError, match="offered"):
        shop.remove_application("web")
    shop.remove_offer("web")
    shop.remove_application("web")
    juju.settle()
    assert shop.applications == {}


def test_offer_without_consumers_is_withdrawn(juju: Controller, write_charm: WriteCharm) -> None:
    shop, office = juju.add_model("shop"), juju.add_model("office")
    shop.deploy(write_charm("web", provides={"site": {"interface": "http"}}))
    office.deploy(write_charm("client", requires={"site": {"interface": "http"}}))
    office.consume(shop.offer("web", "site"))
    office.integrate("client", "web")
    juju.settle()
    with pytest.raises(JujuError, match="consumed by office"):
        shop.remove_offer("web")
    office.remove_saas("web")
    juju.settle()
    assert shop.relations == office.relations == []
    shop.remove_offer("web")
    with pytest.raises(JujuError, match="no offer 'web' in shop"):
        shop.remove_offer("web")


def test_names_must_be_free(juju: Controller, write_charm: WriteCharm) -> None:
    shop, office = juju.add_model("shop"), juju.add_model("office")
    charm = write_charm("web", provides={"site": {"interface": "http"}})
    shop.deploy(charm)
    url = shop.offer("web", "site")
    office.deploy(charm)
    with pytest.raises(JujuError, match="'web' in office already"):
        office.consume(url)
    with pytest.raises(JujuError, match="model 'shop' already"):
        juju.add_model("shop")
    with pytest.raises(JujuError, match=r"no offer 'shop\.other'"):
        office.consume("shop.other")
