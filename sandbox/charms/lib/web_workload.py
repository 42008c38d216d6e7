"""A web server for the containers of sample charms: it answers every request with what was asked of whom."""

from pathlib import Path

import ops

_SERVER = Path(__file__).with_name("web_server.py")


def run(container: ops.Container, name: str, *ports: int) -> None:
    """Have the server run in a container that holds a Python image.

    Args:
        container: nothing happens while it can't be reached.
        name: whom the answers come from.
        ports: where it listens; GET /metrics gives metrics on each of them.
    """
    if not container.can_connect():
        return
    container.push("/srv/web_server.py", _SERVER.read_text(), make_dirs=True)
    command = f"python3 /srv/web_server.py {name} {' '.join(map(str, ports))}"
    service: ops.pebble.ServiceDict = {"override": "replace", "command": command, "startup": "enabled"}
    container.add_layer("web", {"services": {"web": service}}, combine=True)
    container.replan()
