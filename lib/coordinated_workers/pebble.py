"""Files, services and commands of a container; files and services are changed only where they differ."""

import hashlib
import json
import logging

import ops

from k8s_charm import Deadline

logger = logging.getLogger(__name__)

SECRET = 0o600
"""The permissions of a file that only its owner may read."""
_UPDATE_TRUST_SECONDS = 10.0


def read(container: ops.Container, path: str) -> str | None:
    """Return the text of a file, with a mark for each byte that is not of UTF-8; None if there is none."""
    try:
        return container.pull(path, encoding=None).read().decode(errors="replace")
    except ops.pebble.PathError:
        return None


def write(container: ops.Container, path: str, text: str, permissions: int | None = None) -> bool:
    """Write a file if its text differs, and return whether it did."""
    if read(container, path) == text:
        return False
    container.push(path, text, make_dirs=True, permissions=permissions)
    return True


def remove(container: ops.Container, path: str) -> bool:
    """Remove a file if there is one, and return whether there was."""
    if not container.exists(path):
        return False
    container.remove_path(path)
    return True


def run(container: ops.Container, command: list[str], deadline: Deadline, at_most: float) -> str:
    """Run a command in a container for `at_most` seconds of the hook's time, and return its output.

    Raises:
        ops.pebble.Error: if there is no such program or no time left, or the command times out or fails.
    """
    seconds = deadline.seconds(at_most)
    if not seconds:
        raise ops.pebble.TimeoutError(f"no time left in this hook for {command[0]}")
    output, _ = container.exec(command, timeout=seconds).wait_output()
    return output


def update_trust(container: ops.Container, deadline: Deadline) -> None:
    """Make a container trust the authorities in its files, if its image has the command for it."""
    try:
        run(container, ["update-ca-certificates", "--fresh"], deadline, _UPDATE_TRUST_SECONDS)
    except ops.pebble.Error as error:
        logger.warning("cannot add the CA to container %s: %s", container.name, reason(error))


def is_running(container: ops.Container, service: str) -> bool:
    """Return whether Pebble knows the service and runs it."""
    known = container.get_services(service)
    return service in known and known[service].is_running()


def apply(container: ops.Container, label: str, layer: ops.pebble.Layer) -> None:
    """Make Pebble run the services and checks of a layer.

    Raises:
        ops.pebble.ChangeError: if a service does not start.
    """
    planned = covers(container.get_plan(), layer)
    if not planned:
        container.add_layer(label, layer, combine=True)
    if not planned or not all(is_running(container, service) for service in layer.services):
        container.replan()


def covers(plan: ops.pebble.Plan, layer: ops.pebble.Layer) -> bool:
    """Return whether the services are the same, and the checks except for Pebble's defaults."""
    services = all(plan.services.get(name) == service for name, service in layer.services.items())
    return services and all(
        name in plan.checks and check.to_dict().items() <= plan.checks[name].to_dict().items()
        for name, check in layer.checks.items()
    )


def digest(*texts: str | None) -> str:
    """Return a digest that differs where one of the texts does."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def reason(error: ops.pebble.Error) -> str:
    """Return an error on one line; the end of a command's output matters most."""
    return " ".join(str(error).split())[-300:]
