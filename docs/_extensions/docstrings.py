"""Has autodoc read the docstrings as they are meant, and annotations as people read them."""

import importlib
import inspect
import typing
from types import SimpleNamespace

import pydantic
from sphinx.application import Sphinx


def keep_colons(_app: Sphinx, what: str, _name: str, obj: object, _options: object, lines: list[str]) -> None:
    """Keep napoleon from taking what stands before the first colon of an attribute's docstring for a type."""
    if what not in ("attribute", "data", "property") or not lines:
        return
    if "\n".join(lines).strip() == (inspect.getdoc(getattr(obj, "__origin__", type(obj))) or "").strip():
        lines.clear()  # A constant without a docstring shows that of its type.
    elif not lines[0].startswith(":"):
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


def prepare(app: Sphinx) -> None:
    """Have each module hold what it imports only when asked, and show plain types in its models."""
    for name in app.config.documented_modules:
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            setattr(module, public, getattr(module, public))
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, pydantic.BaseModel):
                plain_types(value)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of it, before napoleon."""
    app.add_config_value("documented_modules", [], "env", list)
    app.connect("builder-inited", prepare)
    app.connect("autodoc-process-docstring", keep_colons, priority=100)
    app.connect("autodoc-skip-member", skip_machinery)
    return {"parallel_read_safe": True}
