"""Tables of the data in relations, from the pydantic models that read them."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic
from charm_reference import table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

Schema = Mapping[str, Any]


def fields(model: type[pydantic.BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    """Yield the name, JSON type, necessity and meaning of each field."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    described: dict[str, str] = {}
    for parent in reversed(model.__mro__):
        if not parent.__module__.startswith(("builtins", "pydantic", "typing")):
            attributes = ModuleAnalyzer.for_module(parent.__module__).find_attr_docs().items()
            described |= {name: " ".join(lines) for (of, name), lines in attributes if of == parent.__name__}
    for name, field in schema["properties"].items():
        need = "yes" if name in schema.get("required", ()) else ""
        yield f"`{name}`", kind(field, definitions), need, described.get(name, "").strip()


def kind(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    """Return the JSON type of a schema in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = definitions[name]
        return kind(target, definitions) if "enum" in target or "const" in target else f"`{name}`"
    if "allOf" in schema:
        return kind(schema["allOf"][0], definitions)
    if "anyOf" in schema:
        return " or ".join(kind(each, definitions) for each in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " or ".join(f'`"{value}"`' for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {kind(schema['items'], definitions)}"
    if schema.get("type") == "object" and isinstance(values := schema.get("additionalProperties"), Mapping):
        return f"object of {kind(values, definitions)}"
    if {"minimum", "maximum"} <= schema.keys():
        return f"{schema['type']}, {schema['minimum']} to {schema['maximum']}"
    return str(schema.get("type", "anything"))


class Databag(SphinxDirective):
    """The fields of a model; the argument is `module:Class`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        module, _, name = self.arguments[0].partition(":")
        model = getattr(importlib.import_module(module), name)
        heads = ("field", "JSON", "needed", "meaning")
        return self.parse_text_to_nodes(table(heads, fields(model)))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("databag", Databag)
    return {"parallel_read_safe": True}
