"""The tester's server."""

import ops

CONTAINER = "web"
PORT, METRICS_PORT = 8080, 9100

_ROOT = "/srv/tester"
_PAGES = ("open", "open/more", "closed")


def run(container: ops.Container) -> None:
    """Serve the same pages on both ports; a method other than GET is answered with an error."""
    for page in _PAGES:
        container.push(f"{_ROOT}/{page}/index.html", page, make_dirs=True)
    services: dict[str, ops.pebble.ServiceDict] = {
        f"web-{port}": {
            "override": "replace",
            "command": f"python3 -m http.server {port} --directory {_ROOT}",
            "startup": "enabled",
        }
        for port in (PORT, METRICS_PORT)
    }
    container.add_layer(CONTAINER, {"services": services}, combine=True)
    container.replan()
