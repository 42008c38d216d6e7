"""The commands of `python -m sandbox`."""

import contextlib
import enum
import json
import logging
import signal
import sys
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.text import Text

from . import _show, demo, everything, matrix, page
from ._results import results_text
from .control_plane import ControlPlaneError
from .juju import OPERATIONS, DebugLogLine, JujuError, Model
from .matrix import Cell
from .mesh import EnvoyError, NoAddressesError
from .story import play
from .world import World, open_world

app = typer.Typer(
    help="A Juju model on one machine: see the charms work without Juju or a cluster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


class Format(str, enum.Enum):
    """How to print."""

    table = "table"
    json = "json"


class ControlPlane(str, enum.Enum):
    """What Kubernetes and Istio are."""

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


def _step(name: str | None) -> str | None:
    if name is not None and name not in demo.STEPS:
        raise typer.BadParameter(f"there is no step {name!r}; there is {', '.join(demo.STEPS)}")
    return name


Until = Annotated[
    str | None,
    typer.Option(callback=_step, help=f"The last step of the story to do: {', '.join(demo.STEPS)}."),
]
ShownModel = Annotated[str | None, typer.Option("--model", "-m", help="The model; all by default.")]
ShownFormat = Annotated[Format, typer.Option("--format", help="How to print.")]
Permissive = Annotated[
    bool, typer.Option("--permissive", help="Let through what nobody restricts; by default nothing is.")
]
JujuVersion = Annotated[
    Juju,
    typer.Option(help="How applications are called in other models: on 4, differently in each relation."),
]
_LEVELS = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_BEFORE_IT_ENDS = "scale"
_PAGE = Path("build/mesh.html")
_console = _show.console()
_errors = _show.console(stderr=True)


@app.callback()
def prepare() -> None:
    """What every command begins with."""
    # SIGTERM ends everything as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    for library in ("httpx", "httpx2", "httpcore", "httpcore2"):
        logging.getLogger(library).setLevel(logging.WARNING)


@app.command("demo")
def show_demo(
    until: Until = None,
    log: Annotated[Level | None, typer.Option(help="Also print the models' log, from this level on.")] = None,
    permissive: Permissive = False,
    control_plane: Annotated[
        ControlPlane, typer.Option(help="What keeps the objects, and answers to those of Istio.")
    ] = ControlPlane.stand_in,
    all_relations: Annotated[
        bool,
        typer.Option(
            "--everything",
            help="Tell another story: of a coordinator with every relation that it can have.",
        ),
    ] = False,
    juju: JujuVersion = Juju.three,
) -> None:
    """Tell the story; the exit code is 1 if at any step anything is not as the relations ask for it.

    After each step every application asks for what it should get and for what it should not, through real
    proxies, and what becomes of that is held against the relations too.
    """
    if all_relations and until:
        raise typer.BadParameter("--until names a step of the other story")
    story = everything.story() if all_relations else demo.STORY
    began, problems, cells, pictured = time.monotonic(), 0, list[Cell](), False
    real = control_plane is ControlPlane.real
    with _world(log, enforcing=True, hardened=not permissive, real=real, juju=juju) as (world, _):
        _console.print(*_show.setting(world), sep="\n")
        flows, pods = world.flows, world.pods
        for number, told in enumerate(play(world, story, until), 1):
            _console.print()
            _console.rule(Text(f"{number}. {told.step.title}", style="bold"), align="left")
            _console.print(told.step.text, style="italic")
            _console.print(_show.changes(flows, world.flows, pods, world.pods))
            _console.print(*(_show.status_table(model) for model in world.models))
            if told.step.show:
                _console.print(told.step.show(world))
            if world.enforcement and told.step.is_measured:
                cells = matrix.measure(world)
                _console.print(_show.measured(cells))
                if not pictured:
                    page.write_for(_PAGE, cells, world.enforcement.mesh.state)
                    _write_json(_PAGE.with_name("matrix.json"), cells)
                    pictured = told.step.name == demo.PICTURED
                    if pictured:
                        _console.print(_show.matrix_table(cells))
            wrong = [*told.problems, *(_show.wrong(cell) for cell in cells if not cell.is_right)]
            for problem in wrong:
                _console.print(Text(f"✗ {problem}", style="bold red"))
            problems += len(wrong)
            flows, pods = world.flows, world.pods
        for missing in sorted(world.enforcement.processes.missing if world.enforcement else (), key=str):
            _console.print(f"{missing.unit} ran without {missing.program}, which this machine does not have.")
    seconds = time.monotonic() - began
    if problems:
        _console.print(Panel(f"{problems} things are not as the relations ask for them", style="bold red"))
        raise typer.Exit(1)
    if cells:
        _console.print(f"Who reached whom, and by which policy, is on a page: {_PAGE.resolve().as_uri()}")
    _console.print(
        Panel(
            "At every step, all was as the relations ask for it, and nothing that ran on these libraries was "
            f"restarted ({seconds:.0f} s).",
            style="green",
        )
    )


@app.command("matrix")
def show_matrix(
    until: Until = _BEFORE_IT_ENDS,
    permissive: Permissive = False,
    form: ShownFormat = Format.table,
    output: Annotated[Path | None, typer.Option(help="Also write it as JSON to this file.")] = None,
    juju: JujuVersion = Juju.three,
) -> None:
    """Measure who can reach what after a step of the story; the exit code is 1 if it is not as asked for."""
    with _after(until, enforcing=True, hardened=not permissive, juju=juju) as world:
        try:
            cells = matrix.measure(world)
        except ValueError as error:
            _give_up(f"{error}: it is measured in the sandbox's own cluster, without KUBECONFIG")
        if output:
            _write_json(output, cells)
        if form is Format.json:
            _print_json([_show.cell_data(cell) for cell in cells])
        else:
            _console.print(_show.matrix_table(cells), _show.measured(cells))
        if not all(cell.is_right for cell in cells):
            raise typer.Exit(1)


@app.command()
def status(
    until: Until = _BEFORE_IT_ENDS, model: ShownModel = None, form: ShownFormat = Format.table
) -> None:
    """Show the units of the models after a step of the story, as juju status does."""
    with _after(until) as world:
        models = _chosen(world, model)
        if form is Format.json:
            _print_json({model.name: _show.status_data(model) for model in models})
        else:
            _console.print(*(_show.status_table(model) for model in models))


@app.command()
def policies(until: Until = _BEFORE_IT_ENDS, form: ShownFormat = Format.table) -> None:
    """Show what the AuthorizationPolicies in Kubernetes let through after a step of the story."""
    with _after(until) as world:
        if form is Format.json:
            _print_json([vars(flow) for flow in sorted(world.flows)])
        else:
            _console.print(_show.flows_table(world.flows))


@app.command()
def run(
    unit: Annotated[str, typer.Argument(help="Such as istio-beacon-k8s/0 or catalogue/leader.")],
    action: Annotated[str, typer.Argument(help="The action's name.")],
    params: Annotated[list[str] | None, typer.Argument(help="Parameters as name=value.")] = None,
    until: Until = _BEFORE_IT_ENDS,
    model: Annotated[str, typer.Option("--model", "-m", help="The model.")] = demo.SHOP,
    form: ShownFormat = Format.table,
) -> None:
    """Run an action on a unit after a step of the story, and print its results."""
    values: dict[str, object] = {}
    for param in params or []:
        name, equals, value = param.partition("=")
        if not equals:
            _give_up(f"{param!r} is not name=value")
        values[name] = value
    with _after(until) as world:
        (chosen,) = _chosen(world, model)
        try:
            chosen.unit(unit)
        except JujuError as error:
            _give_up(f"{error}{_later(until)}")
        result = chosen.run(unit, action, values)
        for message in result.messages:
            print(message, file=sys.stderr)
        if form is Format.json:
            _print_json(result.results)
        else:
            print(results_text(result.results))
        if result.failure is not None:
            _give_up(f"action {action} failed: {result.failure}")


@app.command("debug-log")
def debug_log(
    until: Until = _BEFORE_IT_ENDS,
    level: Annotated[Level, typer.Option(help="Print lines from this level on.")] = Level.info,
    model: ShownModel = None,
) -> None:
    """Print the log of the models up to a step of the story, as juju debug-log does."""
    with _after(until) as world:
        names = {chosen.name for chosen in _chosen(world, model)}
        for line in world.controller.log:
            if line.model in names and _is_from(line, level):
                print(line)


@contextlib.contextmanager
def _world(
    log: Level | None = None,
    *,
    enforcing: bool = False,
    hardened: bool = True,
    real: bool = False,
    juju: Juju = Juju.three,
) -> Generator[tuple[World, Live]]:
    """A world, and what shows on a terminal what happens in it; what goes wrong is said in one line."""
    spinner = Spinner("dots", "starting", style="green")
    # On the console that the rest is printed on, which then comes above it; it takes nobody else's output.
    progress = Live(
        spinner,
        console=_console if _console.is_terminal else _errors,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with progress, contextlib.ExitStack() as stack:

        def on_log(line: DebugLogLine) -> None:
            if log and _is_from(line, log):
                _console.print(Text(str(line), style="dim"))
            if line.module == OPERATIONS:
                doing = f"{line.model} {line.unit}: {line.message}"
                spinner.update(text=Text(doing, style="dim", no_wrap=True, overflow="ellipsis"))

        try:
            world = open_world(
                on_log, enforcing=enforcing, hardened=hardened, real=real, juju=int(juju.value)
            )
            yield stack.enter_context(world), progress
        except (JujuError, EnvoyError, NoAddressesError, ControlPlaneError) as error:
            _give_up(str(error))
        except BaseException:
            # A second Ctrl-C is not to keep the first from cleaning up.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            raise


@contextlib.contextmanager
def _after(
    until: str | None, *, enforcing: bool = False, hardened: bool = True, juju: Juju = Juju.three
) -> Generator[World]:
    """The world as it is after a step of the story."""
    with _world(enforcing=enforcing, hardened=hardened, juju=juju) as (world, progress):
        for told in play(world, demo.STORY, until):
            for problem in told.problems:
                _errors.print(Text(f"after step {told.step.name}: {problem}", style="red"))
        progress.stop()
        yield world


def _chosen(world: World, name: str | None) -> list[Model]:
    if name and name + world.suffix not in world.controller.models:
        raise JujuError(f"there is no model {name!r}; there is {', '.join(world.controller.models)}")
    return [world.model(name)] if name else world.models


def _later(until: str | None) -> str:
    """Where else in the story to look for what is not there after a step."""
    steps = demo.STEPS[demo.STEPS.index(until) + 1 :] if until else ()
    return f"; later steps may bring it: --until {' or '.join(steps)}" if steps else ""


def _is_from(line: DebugLogLine, level: Level) -> bool:
    return _LEVELS.index(line.level) >= _LEVELS.index(level.value)


def _write_json(file: Path, cells: Iterable[Cell]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([_show.cell_data(cell) for cell in cells], indent=2))


def _print_json(data: object) -> None:
    print(json.dumps(data, indent=2))


def _give_up(why: str) -> NoReturn:
    _errors.print(Text(why, style="bold red"), soft_wrap=True)
    raise typer.Exit(1)
