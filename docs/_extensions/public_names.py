"""Finds what annotations refer to: by the name that a package gives it, not the module it is written in."""

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

OURS = frozenset(
    {"charmlibs", "coordinated_workers", "cos_interfaces", "istio_policies", "k8s_charm", "mesh_inspection"}
)


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.TextElement
) -> nodes.Node | None:
    """Link one of our names to its place in the reference; leave one of another project without a link."""
    if node.get("refdomain") != "py":
        return None
    target: str = node["reftarget"]
    package, dot, _ = target.partition(".")
    if (dot and package not in OURS) or target.startswith("charmlibs.interfaces.tls_"):
        return shown
    python = env.domains.python_domain
    last = target.rpartition(".")[2]
    if last.startswith("_"):
        return shown
    found = [
        name
        for name in python.objects
        if name.rpartition(".")[2] == last
        and "._" not in name
        and (not dot or name.startswith(f"{package}."))
    ]
    if len(found) != 1:
        return None
    return python.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], found[0], node, shown)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what looks for names."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}
