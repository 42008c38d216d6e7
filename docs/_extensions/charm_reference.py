"""Tables of a charm's relations, options, actions and resources, from its charmcraft.yaml."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

CHARMS = Path(__file__).parents[2] / "charms"
_SIDES = {"provides": "provides", "requires": "requires", "peers": "peer"}

Table = Mapping[str, Any]


def description(charm: Table) -> Iterator[str]:
    """Yield the description of the charm."""
    yield str(charm["description"])


def relations(charm: Table) -> Iterator[str]:
    """Yield a table of its relations."""
    yield table(("endpoint", "interface", "side", "limit", "purpose"), _relations(charm))


def config(charm: Table) -> Iterator[str]:
    """Yield a table of its options."""
    options = charm.get("config", {}).get("options", {})
    yield table(("option", "type", "default", "meaning"), _options(options))


def actions(charm: Table) -> Iterator[str]:
    """Yield its actions, each with a table of parameters."""
    for name, action in charm.get("actions", {}).items():
        yield f"```{{rubric}} {name}\n:name: {charm['name']}-action-{name}\n```"
        yield str(action["description"])
        if params := action.get("params"):
            heads = ("parameter", "type", "default", "meaning")
            yield table(heads, _options(params, action.get("required", ())))


def resources(charm: Table) -> Iterator[str]:
    """Yield a table of its containers, and their images."""
    heads = ("container", "resource", "tested image", "purpose")
    yield table(heads, _resources(charm))


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table in Markdown."""
    heads = tuple(heads)
    lines = (heads, ["---"] * len(heads), *rows)
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _relations(charm: Table) -> Iterator[Iterable[str]]:
    for key, side in _SIDES.items():
        for name, endpoint in charm.get(key, {}).items():
            need = "" if key == "peers" else "optional" if endpoint.get("optional") else "needed"
            limit = f"at most {endpoint['limit']}" if "limit" in endpoint else ""
            many = ", ".join(filter(None, (need, limit)))
            yield f"`{name}`", f"`{endpoint['interface']}`", side, many, endpoint["description"]


def _options(options: Table, required: Iterable[str] = ()) -> Iterator[Iterable[str]]:
    for name, option in options.items():
        default = option.get("default")
        shown = "needed" if name in required else "" if default is None else f"`{_yaml(default)}`"
        choices = ", ".join(f"`{choice}`" for choice in option.get("enum", ()))
        kind = option.get("type", "")
        yield f"`{name}`", f"{kind}: {choices}" if choices else kind, shown, option.get("description", "")


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _resources(charm: Table) -> Iterator[Iterable[str]]:
    for name, container in charm.get("containers", {}).items():
        resource = charm["resources"][container["resource"]]
        image = f"`{resource['upstream-source']}`" if "upstream-source" in resource else ""
        yield f"`{name}`", f"`{container['resource']}`", image, resource["description"]


_PARTS = {each.__name__: each for each in (description, relations, config, actions, resources)}


class Charm(SphinxDirective):
    """A part of what a charm offers; the arguments are the name of its folder, and the part."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Return what there is of that part."""
        name, part = self.arguments
        file = CHARMS / name / "charmcraft.yaml"
        self.env.note_dependency(str(file))
        return self.parse_text_to_nodes("\n\n".join(_PARTS[part](yaml.safe_load(file.read_text()))))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("charm", Charm)
    return {"parallel_read_safe": True}
