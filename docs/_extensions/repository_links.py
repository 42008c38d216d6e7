"""Shows links to files of the repository that are no pages: where the repository has no address, as names."""

from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx


def _shown(app: Sphinx, target: str, content: nodes.Element) -> nodes.Element | None:
    """Show a link to a file or folder of the repository; None for a link to a page, or to nothing."""
    pages = Path(app.srcdir).resolve()
    file = (Path(app.env.doc2path(app.env.docname)).parent / target.partition("#")[0]).resolve()
    # Of what ends so, and might be a page, the ending is gone.
    found = [each for each in (file, file.with_name(f"{file.name}.md")) if each.exists()]
    if not found or found[0].is_relative_to(pages) or not found[0].is_relative_to(pages.parent):
        return None
    text = [child.deepcopy() for child in content.children]
    if not app.config.repository_url:
        return nodes.inline("", "", *text)
    address = f"{app.config.repository_url}/{found[0].relative_to(pages.parent).as_posix()}"
    return nodes.inline("", "", nodes.reference("", "", *text, refuri=address))


def show_files(app: Sphinx, doctree: nodes.document) -> None:
    """Replace the links that would copy a file into the documentation, or lead nowhere in it."""
    downloads = doctree.findall(addnodes.download_reference)
    lost = (link for link in doctree.findall(addnodes.pending_xref) if link.get("refdomain") in (None, "doc"))
    for link in [*downloads, *lost]:
        shown = _shown(app, link["reftarget"], link)
        if shown is not None:
            link.replace_self(shown)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register it, to be done before Sphinx gathers what to copy."""
    app.add_config_value("repository_url", "", "html", str)
    app.connect("doctree-read", show_files, priority=100)
    return {"parallel_read_safe": True}
