import json
from dataclasses import dataclass

import pytest
from ops import testing

from cos_interfaces import catalogue
from cos_interfaces.catalogue import CatalogueItem

SHOP = CatalogueItem(
    name="Shop",
    url="https://shop.example",
    icon="cart",
    description="Sells things",
    api_docs="https://shop.example/docs",
    api_endpoints={"Buy": "/buy"},
)


def listing(**sent: str) -> testing.Relation:
    return testing.Relation("catalogue", remote_app_name="app", remote_app_data=sent)


def test_item_goes_over_key_by_key(act):
    relation = listing()
    sent = act(lambda charm: catalogue.publish(charm, SHOP), relation).relation(relation).local_app_data
    assert sent == {
        "name": "Shop",
        "url": "https://shop.example",
        "icon": "cart",
        "description": "Sells things",
        "api_docs": "https://shop.example/docs",
        "api_endpoints": json.dumps({"Buy": "/buy"}),
    }


def test_item_of_another_library_is_accepted(act):
    @dataclass
    class Foreign:
        name: str = "Shop"
        url: str = "https://shop.example"
        icon: str = "cart"
        description: str = ""

    relation = listing()
    sent = act(lambda charm: catalogue.publish(charm, Foreign()), relation).relation(relation).local_app_data
    assert sent == {"name": "Shop", "url": "https://shop.example", "icon": "cart"}


def test_only_leader_writes_and_only_once(act):
    relation = listing()
    assert act(lambda charm: catalogue.publish(charm, SHOP), relation, leader=False).written == []
    once = act(lambda charm: catalogue.publish(charm, SHOP), relation)
    assert act(lambda charm: catalogue.publish(charm, SHOP), once.relation(relation)).written == []


def test_catalogue_lists_what_was_published(act):
    relation = listing()
    sent = act(lambda charm: catalogue.publish(charm, SHOP), relation).relation(relation).local_app_data
    assert act(catalogue.items, listing(**sent)).result == [SHOP]


@pytest.mark.parametrize(
    "sent", [{"name": "X"}, {"name": "X", "url": "javascript:alert(1)"}, {"url": "http://x"}]
)
def test_entry_that_is_no_entry_is_ignored_and_named(act, sent):
    outcome = act(catalogue.items, listing(**sent), listing(name="Y", url="http://y"))
    assert [item.name for item in outcome.result] == ["Y"]
    assert any("app" in line for line in outcome.log)


def test_application_without_data_is_not_listed(act):
    outcome = act(catalogue.items, listing())
    assert outcome.result == []
    assert outcome.log == []
