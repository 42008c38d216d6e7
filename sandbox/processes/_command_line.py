"""Command lines of containers, for the programs of this machine."""

from collections.abc import Sequence
from pathlib import Path

from ._mapping import Place
from ._programs import nginx, program


def command_line(place: Place, words: Sequence[str]) -> list[str] | None:
    """Return a container's command line for this machine; None if it lacks the program."""
    name, *others = words
    if Path(name).name == "nginx":
        return _nginx_command_line(place, others)
    found = program(Path(name).name)
    return [found, *map(place.word, others)] if found else None


def _nginx_command_line(place: Place, others: Sequence[str]) -> list[str] | None:
    found = nginx()
    if found is None:
        return None
    place.prepare_nginx()
    pushed = Path(place.path("/etc/nginx/nginx.conf"))
    mapped = pushed.with_name("nginx.mapped.conf")
    if pushed.exists():
        mapped.write_text(place.nginx_config(pushed.read_text(), status_page=found.has_status_page))
    return [found.program, "-e", "stderr", "-p", str(place.root), "-c", str(mapped), *others]
