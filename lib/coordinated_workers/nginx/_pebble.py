"""Files and services of a container, changed only where they differ."""

import ops


def read(container: ops.Container, path: str) -> str | None:
    """The text of a file; None if there is none."""
    try:
        return container.pull(path).read()
    except ops.pebble.PathError:
        return None


def write(container: ops.Container, path: str, text: str, permissions: int | None = None) -> bool:
    """Make a file be `text`, and say whether it was not."""
    if read(container, path) == text:
        return False
    container.push(path, text, make_dirs=True, permissions=permissions)
    return True


def remove(container: ops.Container, path: str) -> bool:
    """Make a file not be there, and say whether it was."""
    if not container.exists(path):
        return False
    container.remove_path(path)
    return True


def is_running(container: ops.Container, service: str) -> bool:
    """Whether Pebble knows the service and runs it."""
    known = container.get_services(service)
    return service in known and known[service].is_running()


def apply(container: ops.Container, label: str, layer: ops.pebble.Layer) -> None:
    """Have Pebble run what a layer says.

    Raises:
        ops.pebble.ChangeError: if a service does not start.
    """
    planned = _covers(container.get_plan(), layer)
    if not planned:
        container.add_layer(label, layer, combine=True)
    if not planned or not all(is_running(container, service) for service in layer.services):
        container.replan()


def _covers(plan: ops.pebble.Plan, layer: ops.pebble.Layer) -> bool:
    """Whether all that the layer says is in the plan, where Pebble may have added defaults."""
    wanted = {**layer.services, **layer.checks}
    planned = {**plan.services, **plan.checks}
    return all(
        name in planned and {**planned[name].to_dict(), **part.to_dict()} == planned[name].to_dict()
        for name, part in wanted.items()
    )
