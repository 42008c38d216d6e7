"""The commands of the sandbox, and the steps of its story, as the sandbox has them."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import typer.main
from charm_reference import table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

REPOSITORY = Path(__file__).parents[2]


def commands() -> Iterator[str]:
    """Yield the commands, each with its help and a table of options."""
    app = importlib.import_module("sandbox._cli").app
    for name, command in sorted(typer.main.get_command(app).commands.items()):  # type: ignore[attr-defined]
        yield f"```{{rubric}} {name}\n:name: sandbox-{name}\n```"
        yield str(command.help)
        rows = [
            (
                ", ".join(f"`{option}`" for option in param.opts)
                if param.param_type_name == "option"
                else f"`{param.name}`",
                getattr(param, "help", None) or "",
            )
            for param in command.params
        ]
        if rows:
            yield table(("option", "meaning"), rows)


def steps() -> Iterator[str]:
    """Yield a table of the steps of the story."""
    story = importlib.import_module("sandbox.demo").STORY
    yield table(("step", "action", "effect"), [(f"`{s.name}`", s.title, s.text) for s in story])


_PARTS = {each.__name__: each for each in (commands, steps)}


class Sandbox(SphinxDirective):
    """A part of the sandbox's reference: `commands` or `steps`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the part."""
        return self.parse_text_to_nodes("\n\n".join(_PARTS[self.arguments[0]]()))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    sys.path.append(str(REPOSITORY))
    app.add_directive("sandbox", Sandbox)
    return {"parallel_read_safe": True}
