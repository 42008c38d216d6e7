"""A web server for the containers of sample charms: each answer repeats the request and names the server."""

from pathlib import Path

import ops

_SERVER = Path(__file__).with_name("web_server.py")


def run(container: ops.Container, name: str, *ports: int) -> None:
    """Run the server in a container with a Python image.

    Args:
        container: the container; nothing is done while it cannot be reached.
        name: the name in the answers.
        ports: the ports to listen on; GET /metrics returns metrics on each of them.
    """
    if not container.can_connect():
        return
    container.push("/srv/web_server.py", _SERVER.read_text(), make_dirs=True)
    command = f"python3 /srv/web_server.py {name} {' '.join(map(str, ports))}"
    service: ops.pebble.ServiceDict = {"override": "replace", "command": command, "startup": "enabled"}
    container.add_layer("web", {"services": {"web": service}}, combine=True)
    container.replan()
