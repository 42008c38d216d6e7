"""Has autodoc read the docstrings as they are meant, and annotations as people read them."""

import importlib
import inspect
import typing
from types import SimpleNamespace

import pydantic
from sphinx.application import Sphinx


def keep_colons(
    _app: Sphinx, what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Keep napoleon from taking what stands before the first colon of an attribute's docstring for a type."""
    if what in ("attribute", "data", "property") and lines and not lines[0].startswith(":"):
        lines[0] = f": {lines[0]}"


def skip_machinery(_app: Sphinx, what: str, name: str, *_: object) -> bool | None:
    """Leave out what every pydantic model has."""
    return True if what == "class" and name in ("model_config", "model_post_init") else None


def plain_types(model: type[pydantic.BaseModel]) -> None:
    """Take `Annotated` out of a model's annotations and its signature."""
    hints = typing.get_type_hints(model)
    model.__annotations__ = {name: hints[name] for name in inspect.get_annotations(model)}
    signature = inspect.signature(model)
    annotations = {each.name: each.annotation for each in signature.parameters.values()}
    plain = typing.get_type_hints(SimpleNamespace(__annotations__=annotations))
    parameters = [
        each.replace(annotation=plain[each.name], default=_readable(each.default))
        for each in signature.parameters.values()
    ]
    model.__signature__ = signature.replace(parameters=parameters)


def _readable(default: object) -> object:
    """Show a default as Python; a signature with what is none would not be read at all."""
    return ... if repr(default) == "<factory>" else default


def show_plain_models(app: Sphinx) -> None:
    """Do that for all models of the documented modules."""
    for module in app.config.documented_modules:
        for value in vars(importlib.import_module(module)).values():
            if isinstance(value, type) and issubclass(value, pydantic.BaseModel):
                plain_types(value)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of it, before napoleon."""
    app.add_config_value("documented_modules", [], "env", list)
    app.connect("builder-inited", show_plain_models)
    app.connect("autodoc-process-docstring", keep_colons, priority=100)
    app.connect("autodoc-skip-member", skip_machinery)
    return {"parallel_read_safe": True}
