"""The command line: `python -m packing pack` and `python -m packing check`."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from . import _project
from ._bases import Base
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
    """Pack charms for each platform that this machine can build for, several at a time."""
    charms = folders or _project.charms()
    first, *others = itertools.chain.from_iterable(map(_jobs, charms))
    # charmcraft installs by apt what it builds with, if that is missing, and apt runs once at a time.
    packed = _pack(first)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        packed += itertools.chain.from_iterable(threads.map(_pack, others))
    done = {file.stem for file in packed}
    for charm in charms:
        platforms = _project.platforms_of(charm)
        if left := [each for each in platforms if f"{charm.name}_{each.replace(':', '-')}" not in done]:
            print(f"  left to machines of another architecture: {charm.name} for {', '.join(left)}")


def _jobs(charm: Path) -> Iterator[tuple[Path, Base]]:
    return ((charm, base) for base in _project.bases_of(charm))


def _pack(job: tuple[Path, Base]) -> list[Path]:
    """Pack a charm for a base."""
    charm, base = job
    # A folder for each base, or charmcraft would take what it built for the other one.
    staged = _project.staged(charm, _project.BUILD / charm.name / base.codename / charm.name)
    packed = pack(staged, _project.DIST, base)
    for file in packed:
        print(f"packed {file.relative_to(_project.REPOSITORY)}, {file.stat().st_size / 1e6:.1f} MB")
    return packed


@cli.command("check")
def check_charms(files: _Files = None, *, publish: _Publish = False) -> None:
    """Check that packed charms are complete, by running them on a bare Python."""
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
    """The problems of a packed charm, and remarks."""
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
