"""How Sphinx makes the documentation."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
REPOSITORY = DOCS.parent
sys.path[:0] = [str(DOCS / "_extensions"), str(REPOSITORY / "lib"), str(REPOSITORY)]

project = "Zero-trust traffic for Juju on Kubernetes"
project_copyright = "the authors"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "charm_reference",
    "diagrams",
    "docstrings",
    "growth",
    "public_names",
    "repository_links",
    "sandbox_reference",
    "wire_formats",
]
exclude_patterns = ["_extensions"]
nitpicky = True
# The mixins of names that only charms of the field use, types of private modules, and half of a type.
nitpick_ignore_regex = [
    ("py:class", r".*\._compatibility\.Published\w+"),
    (
        "py:class",
        r"coordinated_workers\.(interfaces\.(provider|worker_applications)|kubernetes\.access)\.\w+",
    ),
    ("py:class", r"k8s_charm\._(labels|plan|verbs)\.\w+"),
    ("py:class", r"dict\[str"),
]
# Names that only type checkers import, and that are no names of ours.
nitpick_ignore = [
    ("py:class", name)
    for name in (
        "BoundEvent",
        "Client",
        "DatasourceExchange",
        "GenericNamespacedResource",
        "GlobalResource",
        "GrafanaDatasource",
        "Json",
        "JujuTopology",
        "NamespacedResource",
        "NoneType",
        "OwnerReference",
        "Resource",
        "Results",
        "RestOfTemplate",
        "StatefulSet",
    )
]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]

# What single backticks mean in the docstrings.
default_role = "code"
documented_modules = [
    "charmlibs.interfaces.service_mesh",
    "coordinated_workers.interfaces.databags",
    "coordinated_workers.models",
    "cos_interfaces.catalogue",
    "cos_interfaces.grafana_datasource",
    "cos_interfaces.s3",
    "istio_policies",
    "k8s_charm",
    "mesh_inspection",
    "relation_data",
]
autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

# Where the repository is, once it has a public address: `https://…/blob/main`.
repository_url = ""

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_show_sourcelink = False
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"
