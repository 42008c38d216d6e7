"""Draws Mermaid diagrams while the documentation is built, so that pages need no script and no network."""

import functools
import hashlib

import mermaidx
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_ID = "my-svg"  # what every drawing is called, and its styles with it
_FONT = "system-ui, sans-serif"


@functools.cache
def draw(source: str) -> str:
    """Draw a diagram as SVG, to be put into a page that may have others."""
    config = {"fontFamily": _FONT, "flowchart": {"curve": "basis"}}
    svg: str = mermaidx.render(source, theme="neutral", config=config, background="transparent").svg()
    return svg.replace(_ID, f"diagram-{hashlib.sha256(source.encode()).hexdigest()[:8]}")


class Mermaid(SphinxDirective):
    """A block of Mermaid, which forges show as a picture by themselves."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the picture."""
        picture = nodes.raw("", draw("\n".join(self.content)), format="html")
        return [nodes.container("", picture, classes=["diagram"])]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("mermaid", Mermaid)
    return {"parallel_read_safe": True}
