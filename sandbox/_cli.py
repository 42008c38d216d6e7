"""Commands of `python -m sandbox`."""

import contextlib
import json
import logging
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.text import Text

from . import _show, demo, everything, matrix
from ._options import (
    DEFAULT_STEP,
    ControlPlaneKind,
    Format,
    Juju,
    JujuVersion,
    Level,
    Permissive,
    ShownFormat,
    ShownModel,
    Until,
)
from ._playback import Playback, write_json
from ._results import results_text
from .control_plane import ControlPlaneError
from .juju import OPERATIONS, DebugLogLine, JujuError, Model
from .mesh import EnvoyError, NoAddressesError
from .story import play
from .world import World, open_world

app = typer.Typer(
    help="A Juju model on one machine: see the charms work without Juju or a cluster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


_LEVELS = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_PAGE = Path("build/mesh.html")
_console = _show.console()
_errors = _show.console(stderr=True)


@app.callback()
def prepare() -> None:
    """Prepare what every command needs."""
    # SIGTERM ends everything as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    for library in ("httpx", "httpx2", "httpcore", "httpcore2"):
        logging.getLogger(library).setLevel(logging.WARNING)


@app.command("demo")
def show_demo(
    until: Until = None,
    log: Annotated[Level | None, typer.Option(help="Also print the models' log from this level on.")] = None,
    permissive: Permissive = False,
    control_plane: Annotated[
        ControlPlaneKind, typer.Option(help="Kubernetes and Istio: a stand-in in memory, or real ones.")
    ] = ControlPlaneKind.stand_in,
    all_relations: Annotated[
        bool,
        typer.Option(
            "--everything", help="Run another story: a coordinator with all relations that it can have."
        ),
    ] = False,
    juju: JujuVersion = Juju.three,
) -> None:
    """Run the demo step by step; the exit code is 1 if a step does not end as the relations require.

    After each step every application sends requests to every other one through real proxies: some that the
    relations allow and some that they do not. Each answer is compared with what the relations require.
    """
    if all_relations and until:
        raise typer.BadParameter("--until names a step of the other story")
    story = everything.story() if all_relations else demo.STORY
    began = time.monotonic()
    real = control_plane is ControlPlaneKind.real
    with _world(log, enforcing=True, hardened=not permissive, real=real, juju=juju) as (world, _):
        _console.print(*_show.setting(world), sep="\n")
        playback = Playback(world, _console, _PAGE)
        for number, finished in enumerate(play(world, story, until), 1):
            playback.print_step(number, finished)
        for missing in sorted(world.enforcement.processes.missing if world.enforcement else (), key=str):
            _console.print(f"{missing.unit} ran without {missing.program}, which is not on this machine.")
    if playback.problems:
        _console.print(Panel(f"{playback.problems} problems, marked with ✗ above", style="bold red"))
        raise typer.Exit(1)
    if playback.has_page:
        _console.print(f"\nSee who reaches what, and the policies behind it: {_PAGE.resolve().as_uri()}")
    outcome = "Every step ended as the relations require, and no pod of a charm on these libraries restarted"
    _console.print(Panel(f"{outcome} ({time.monotonic() - began:.0f} s).", style="green"))


@app.command("matrix")
def show_matrix(
    until: Until = DEFAULT_STEP,
    permissive: Permissive = False,
    form: ShownFormat = Format.table,
    output: Annotated[Path | None, typer.Option(help="Also write it as JSON to this file.")] = None,
    juju: JujuVersion = Juju.three,
) -> None:
    """Measure who reaches what after a step; the exit code is 1 if it is not as the relations require."""
    with _after(until, enforcing=True, hardened=not permissive, juju=juju) as world:
        try:
            cells = matrix.measure(world)
        except ValueError as error:
            _give_up(f"{error}: unset KUBECONFIG to measure in the sandbox's own cluster")
        if output:
            write_json(output, cells)
        if form is Format.json:
            _print_json([_show.cell_data(cell) for cell in cells])
        else:
            _console.print(_show.matrix_table(cells), _show.measured(cells))
        if not all(cell.is_right for cell in cells):
            raise typer.Exit(1)


@app.command()
def status(until: Until = DEFAULT_STEP, model: ShownModel = None, form: ShownFormat = Format.table) -> None:
    """Show the units of the models after a step, as juju status does."""
    with _after(until) as world:
        models = _chosen(world, model)
        if form is Format.json:
            _print_json({model.name: _show.status_data(model) for model in models})
        else:
            _console.print(*(_show.status_table(model) for model in models))


@app.command()
def policies(until: Until = DEFAULT_STEP, form: ShownFormat = Format.table) -> None:
    """Show what the AuthorizationPolicies in Kubernetes allow after a step."""
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
    until: Until = DEFAULT_STEP,
    model: Annotated[str, typer.Option("--model", "-m", help="The model.")] = demo.SHOP,
    form: ShownFormat = Format.table,
) -> None:
    """Run an action on a unit after a step, and print its results."""
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
    until: Until = DEFAULT_STEP,
    level: Annotated[Level, typer.Option(help="Print lines from this level on.")] = Level.info,
    model: ShownModel = None,
) -> None:
    """Print the log of the models up to a step, as juju debug-log does."""
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
    """Open a world, and show its progress on a terminal; an error is printed in one line."""
    spinner = Spinner("dots", "starting", style="green")
    # On the console of the other output, which is then printed above it.
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
            # A second Ctrl-C must not interrupt the clean-up of the first.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            raise


@contextlib.contextmanager
def _after(
    until: str | None, *, enforcing: bool = False, hardened: bool = True, juju: Juju = Juju.three
) -> Generator[World]:
    """Open the world as it is after a step of the story."""
    with _world(enforcing=enforcing, hardened=hardened, juju=juju) as (world, progress):
        for finished in play(world, demo.STORY, until):
            for problem in finished.problems:
                _errors.print(Text(f"after step {finished.step.name}: {problem}", style="red"))
        progress.stop()
        yield world


def _chosen(world: World, name: str | None) -> list[Model]:
    if name and name + world.suffix not in world.controller.models:
        raise JujuError(f"there is no model {name!r}; there is {', '.join(world.controller.models)}")
    return [world.model(name)] if name else world.models


def _later(until: str | None) -> str:
    """Return a hint at later steps, after which a missing unit may exist."""
    steps = demo.STEPS[demo.STEPS.index(until) + 1 :] if until else ()
    return f"; later steps may add it: --until {' or '.join(steps)}" if steps else ""


def _is_from(line: DebugLogLine, level: Level) -> bool:
    return _LEVELS.index(line.level) >= _LEVELS.index(level.value)


def _print_json(data: object) -> None:
    print(json.dumps(data, indent=2))


def _give_up(why: str) -> NoReturn:
    _errors.print(Text(why, style="bold red"), soft_wrap=True)
    raise typer.Exit(1)
