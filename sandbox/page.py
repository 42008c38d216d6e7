"""One page that shows the allowed requests and their policies; it needs only a browser."""

import base64
import hashlib
import itertools
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ._layout import Picture, lay_out
from ._page_content import ShownFlow, ShownPolicy, Verdict, policies_to_show, shown_flows

if TYPE_CHECKING:
    from .matrix import Cell
    from .mesh import State

_TEMPLATES = Path(__file__).parent / "templates"
_SIZES: Mapping[str, Mapping[str, float]] = {
    "wide": {"width": 700, "box_width": 170, "pitch": 86},
    "narrow": {"width": 400, "box_width": 156, "pitch": 66},
}


def write(
    page: Path, cells: "Sequence[Cell]", policies: Sequence[ShownPolicy], *, outside: Collection[str] = ()
) -> None:
    """Write the page, and create its directories.

    Args:
        page: the file, which is replaced if there is one.
        cells: the measured cells.
        policies: the policies at that time.
        outside: the applications outside the mesh, as `model/application`.
    """
    page.parent.mkdir(parents=True, exist_ok=True)
    text = render(cells, policies, outside=outside, when=datetime.now(timezone.utc))
    page.write_text(text, encoding="utf-8")


def write_for(page: Path, cells: "Sequence[Cell]", state: "State") -> None:
    """Write the page of a mesh as it is now."""
    outside = {f"{pod.account.namespace}/{pod.account.name}" for pod in state.pods if not pod.in_mesh}
    write(page, cells, policies_to_show(state), outside=outside)


def render(
    cells: "Sequence[Cell]", policies: Sequence[ShownPolicy], *, outside: Collection[str] = (), when: datetime
) -> str:
    """Return the page; the arguments are those of `write`, and the time to show."""
    import jinja2
    from markupsafe import Markup

    flows = list(shown_flows(cells, policies, outside))
    applications = sorted({flow.source for flow in flows} | {flow.target for flow in flows}, key=str)
    shown = set[ShownPolicy]()
    for flow in flows:
        shown.update(policy for policy, _ in flow.policies)
    script, style = (_TEMPLATES.joinpath(f"mesh.{kind}").read_text("utf-8") for kind in ("js", "css"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("mesh.html.j2").render(
        applications=applications,
        models={application.model: application.hue for application in applications},
        flows=flows,
        verdicts=get_args(Verdict),
        other_policies=[policy for policy in policies if policy not in shown],
        policies=policies,
        pictures={size: _picture(flows, **measures) for size, measures in _SIZES.items()},
        requests=len(cells),
        allowed=sum(cell.allowed for cell in cells),
        wrong=[cell for cell in cells if not cell.is_right],
        when=when,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        hash_of_script=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _picture(flows: Sequence[ShownFlow], **measures: float) -> Picture:
    prominent = ("open", "wrong")
    return lay_out(
        set(itertools.chain.from_iterable(flow.arrow for flow in flows)),
        {flow.arrow for flow in flows if flow.verdict in prominent},
        {flow.arrow for flow in flows if flow.verdict not in prominent},
        **measures,
    )
