"""The command line: `python -m packing pack` and `python -m packing check`."""

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from . import _project
from ._charm_file import CharmFile
from ._charmcraft import pack
from ._checks import notes, problems
from ._errors import CannotPackError
from ._rehearsal import rehearse

cli = typer.Typer(help="Packs charms into dist/, and checks what is packed.", add_completion=False)

_Folders = Annotated[list[Path] | None, typer.Argument(help="Folders of charms; if none, all of charms/.")]
_Files = Annotated[list[Path] | None, typer.Argument(help="Packed charms; if none, all of dist/.")]
_Publish = Annotated[bool, typer.Option("--publish", help="Fail, too, if one is not to be published.")]


@cli.command("pack")
def pack_charms(folders: _Folders = None) -> None:
    """Pack charms for each platform that this machine can build for."""
    for charm in folders or _project.charms():
        done: set[str] = set()
        for base in _project.bases_of(charm):
            # Staged anew, or charmcraft would take what it built for the other base.
            for file in pack(_project.staged(charm), _project.DIST, base):
                print(f"packed {file.relative_to(_project.REPOSITORY)}, {file.stat().st_size / 1e6:.1f} MB")
                done.add(file.stem.removeprefix(f"{charm.name}_"))
        platforms = _project.platforms_of(charm)
        if left := [platform for platform in platforms if platform.replace(":", "-") not in done]:
            print(f"  left to machines of another architecture: {', '.join(left)}")


@cli.command("check")
def check_charms(files: _Files = None, *, publish: _Publish = False) -> None:
    """Show that packed charms are whole, by running them on a bare Python."""
    charms = [CharmFile(file) for file in files or sorted(_project.DIST.glob("*.charm"))]
    if not charms:
        raise CannotPackError("there is nothing in dist/ to check: run 'make pack' first")
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for charm, (wrong, remarks) in zip(charms, threads.map(_check, charms), strict=True):
            print(f"{charm.path.name} is {'not whole' if wrong else 'whole'}")
            for line in [*wrong, *remarks]:
                print(f"  {line}")
            failed += bool(wrong or (publish and remarks))
    print(f"{len(charms) - failed} passed, {failed} failed")
    if failed:
        raise typer.Exit(1)


def _check(charm: CharmFile) -> tuple[list[str], list[str]]:
    """What is wrong with a packed charm, and what else is to be known of it."""
    with tempfile.TemporaryDirectory(prefix="packing-") as folder:
        staged = _project.staged(_project.folder_of(charm.name), Path(folder))
        return problems(charm, staged) or list(rehearse(charm)), notes(charm)


def main() -> None:
    """Run the command line."""
    try:
        cli()
    except CannotPackError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
