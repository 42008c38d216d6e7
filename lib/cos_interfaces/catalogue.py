"""Publication in a catalogue of applications: both sides of `catalogue`.

In the reconcile of the charm that is listed::

    catalogue.publish(self, CatalogueItem(name="Shop", url="https://shop.example", icon="cart"))
"""

import json
from collections.abc import Mapping
from typing import Protocol

import ops
import pydantic

from ._databag import read_model, relations, write_app
from ._urls import Url


class Item(Protocol):
    """The attributes of an application that `publish` needs; other libraries' items have the same.

    `api_docs` and `api_endpoints` are published if the item has them.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  # see CatalogueItem

    @property
    def url(self) -> str: ...  # noqa: D102  # see CatalogueItem

    @property
    def icon(self) -> str: ...  # noqa: D102  # see CatalogueItem

    @property
    def description(self) -> str: ...  # noqa: D102  # see CatalogueItem


class CatalogueItem(pydantic.BaseModel, frozen=True):
    """An application as a catalogue shows it."""

    name: str = pydantic.Field(min_length=1)
    url: Url
    icon: str = ""
    """The name of a Material Design icon."""
    description: str = ""
    api_docs: str | None = None
    """The URL of the application's API description."""
    api_endpoints: pydantic.Json[dict[str, str]] | dict[str, str] | None = None
    """The name of each API endpoint → its URL."""


def publish(charm: ops.CharmBase, item: Item, *, relation_name: str = "catalogue") -> None:
    """Publish `item` to each related catalogue; leader only, if it differs."""
    endpoints: Mapping[str, str] | None = getattr(item, "api_endpoints", None)
    write_app(
        charm,
        relation_name,
        {
            "name": item.name,
            "url": item.url,
            "icon": item.icon,
            "description": item.description,
            "api_docs": getattr(item, "api_docs", None) or "",
            "api_endpoints": json.dumps(endpoints) if endpoints else "",
        },
    )


def items(charm: ops.CharmBase, *, relation_name: str = "catalogue") -> list[CatalogueItem]:
    """Return the items to list, for a catalogue."""
    return [
        item
        for relation in relations(charm, relation_name)
        if (item := read_model(relation, relation.app, CatalogueItem))
    ]
