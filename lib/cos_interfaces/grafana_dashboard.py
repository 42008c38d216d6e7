"""Dashboards for Grafana: both sides of `grafana_dashboard`.

In the reconcile of a charm with dashboards::

    grafana_dashboard.publish(self, grafana_dashboard.read_folder(Path("src/grafana_dashboards")))
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import ops
import pydantic

import relation_data

from . import _files
from ._databag import read, read_all, relations
from ._topology import topology

logger = logging.getLogger(__name__)

_LONGEST_DASHBOARD = 20_000_000
"""In bytes; a few kilobytes of packed text may unpack to far more than there is memory."""
_MOST_MEMORY = 100_000_000
"""In bytes, to unpack a dashboard; the best that was packed takes 65 MB, and a header may ask for 4 GB."""
_SUFFIXES = (".json.tmpl", ".tmpl", ".json")


class _Template(pydantic.BaseModel):
    content: str


class _Dashboards(pydantic.BaseModel):
    templates: dict[str, _Template]


def read_folder(folder: Path) -> dict[str, str]:
    """Return the dashboards in the files of a folder, by the files' names; none if there is no such folder.

    A file that is invalid is named in the log, and the others are read.
    """
    return {path.name: text for path, text in _files.contents(folder, _SUFFIXES, _files.dashboard)}


def invalid_files(folder: Path) -> dict[str, str]:
    """Return the reason for each file that `read_folder` ignores, by the file's name."""
    return dict(_files.invalid_files(folder, _SUFFIXES, _files.dashboard))


def publish(
    charm: ops.CharmBase, dashboards: Mapping[str, str], *, relation_name: str = "grafana-dashboard"
) -> None:
    """Publish the dashboards to each related Grafana, JSON by file name; leader only, if they differ."""
    if not charm.unit.is_leader():
        return
    for relation in relations(charm, relation_name):
        packed = _packed(read_all(relation, charm.app).get("dashboards", ""))
        templates = {
            f"file:{_id(name)}": _template(charm, name, content, packed)
            for name, content in sorted(dashboards.items())
        }
        published = json.dumps({"templates": templates}) if templates else ""
        relation_data.write(relation, charm.app, {"dashboards": published})


def dashboards(charm: ops.CharmBase, *, relation_name: str = "grafana-dashboard") -> dict[str, str]:
    """Return the JSON of each dashboard, by application and id (`APP/ID`), for Grafana."""
    found: dict[str, str] = {}
    for relation in relations(charm, relation_name):
        data = read(relation, relation.app, "dashboards", _Dashboards.model_validate_json)
        for name, template in (data.templates if data else {}).items():
            content = _unpack(template.content)
            if content is None:
                shown = relation_data.in_quotes(name)
                logger.warning("%s: invalid dashboard %s of %s", relation, shown, relation.app.name)
            else:
                found[f"{relation.app.name}/{name}"] = content
    return found


def _id(name: str) -> str:
    """Return the name of a file without its suffix, of which there may be two."""
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _template(charm: ops.CharmBase, name: str, content: str, packed: Mapping[str, str]) -> dict[str, object]:
    from cosl import DashboardPath40UID, LZMABase64

    return {
        "charm": charm.meta.name,
        "content": packed.get(content) or LZMABase64.compress(content),
        "juju_topology": topology(charm),
        "inject_dropdowns": True,
        "dashboard_alt_uid": DashboardPath40UID.generate(charm.meta.name, name),
    }


def _packed(published: str) -> dict[str, str]:
    """Return the packed form of each dashboard that is published already.

    Packing takes some twenty times as long as unpacking, and its result may differ with another release of
    the packer: an unchanged dashboard stays as it was packed.
    """
    if not published:
        return {}
    try:
        templates = _Dashboards.model_validate_json(published).templates.values()
    except pydantic.ValidationError:
        return {}
    return {
        content: template.content
        for template in templates
        if (content := _unpack(template.content)) is not None
    }


def _unpack(content: str) -> str | None:
    """Return an unpacked dashboard; None if it is invalid, too long, or takes too much memory."""
    import base64
    import binascii
    import lzma

    try:
        unpacker = lzma.LZMADecompressor(memlimit=_MOST_MEMORY)
        dashboard = unpacker.decompress(base64.b64decode(content), max_length=_LONGEST_DASHBOARD)
        return dashboard.decode() if unpacker.eof else None
    except (binascii.Error, lzma.LZMAError, ValueError):
        return None
