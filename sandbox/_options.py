"""Options that several commands of `python -m sandbox` take."""

import enum
from typing import Annotated

import typer

from . import demo


class Format(str, enum.Enum):
    """Formats of output."""

    table = "table"
    json = "json"


class ControlPlaneKind(str, enum.Enum):
    """Implementations of Kubernetes and Istio."""

    stand_in = "stand-in"
    real = "real"


class Juju(str, enum.Enum):
    """Major versions of Juju."""

    three = "3"
    four = "4"


class Level(str, enum.Enum):
    """Levels of the log."""

    debug = "DEBUG"
    info = "INFO"
    warning = "WARNING"
    error = "ERROR"


def _known_step(name: str | None) -> str | None:
    if name is not None and name not in demo.STEPS:
        raise typer.BadParameter(f"there is no step {name!r}; there is {', '.join(demo.STEPS)}")
    return name


Until = Annotated[
    str | None,
    typer.Option(callback=_known_step, help=f"Stop after this step: {', '.join(demo.STEPS)}."),
]
ShownModel = Annotated[str | None, typer.Option("--model", "-m", help="A model; all by default.")]
ShownFormat = Annotated[Format, typer.Option("--format", help="Format of the output.")]
Permissive = Annotated[
    bool, typer.Option("--permissive", help="Allow what no policy restricts, which is denied by default.")
]
JujuVersion = Annotated[
    Juju,
    typer.Option(help="Juju version: 4 gives an application of another model another name in each relation."),
]
DEFAULT_STEP = "scale"
"""The step after which commands look at the models: there is no cluster yet, and nothing is removed."""
