"""Offers of endpoints to other models."""

from collections.abc import Mapping, Sequence

from ._errors import JujuError
from ._objects import ModelContents, Offer


def offer(model: ModelContents, app: str, endpoints: Sequence[str], name: str) -> str:
    """Offer endpoints of an application; see `Model.offer`."""
    application = model.application(app)
    model.offers[name] = Offer(application, tuple(application.endpoint(endpoint) for endpoint in endpoints))
    return f"{model.name}.{name}"


def consume(model: ModelContents, models: Mapping[str, ModelContents], url: str, alias: str | None) -> str:
    """Add an offer to a model; see `Model.consume`."""
    model_name, _, offer_name = url.partition(".")
    there = models.get(model_name)
    if there is None or offer_name not in there.offers:
        raise JujuError(f"there is no offer {url!r}")
    name = alias or offer_name
    if name in model.applications or name in model.consumed:
        raise JujuError(f"there is an application {name!r} in {model.name} already")
    model.consumed[name] = there.offers[offer_name]
    return name


def remove_saas(model: ModelContents, name: str) -> None:
    """Remove a consumed offer, and the relations with it."""
    offered = model.consumed.pop(name, None)
    if offered is None:
        raise JujuError(f"there is no consumed offer {name!r} in {model.name}")
    for relation in model.relations:
        if any(side.application is offered.application for side in relation.sides):
            relation.dying = True


def remove_offer(model: ModelContents, models: Mapping[str, ModelContents], name: str) -> None:
    """Withdraw an offer that no model consumes; see `Model.remove_offer`."""
    if name not in model.offers:
        raise JujuError(f"there is no offer {name!r} in {model.name}")
    for other in models.values():
        if model.offers[name] in other.consumed.values():
            raise JujuError(f"offer {name!r} is consumed by {other.name}: remove it there first")
    del model.offers[name]
