"""The time of a hook: what it waits for, Kubernetes or a container, it waits for within one deadline."""

import functools

import ops

from k8s_charm import Deadline


@functools.lru_cache(maxsize=1)
def deadline(charm: ops.CharmBase) -> Deadline:  # noqa: ARG001  # it tells one hook from another
    """The deadline of the hook that a charm runs in; it is set when this is first called."""
    return Deadline()


def run(charm: ops.CharmBase, container: ops.Container, command: list[str], at_most: float) -> str:
    """Run a command in a container, and return what it prints.

    Args:
        charm: the charm whose hook waits for the command.
        container: where it runs.
        command: the program and its arguments.
        at_most: the seconds after which it is ended; sooner, if the hook's time is over sooner.

    Raises:
        ops.pebble.Error: if there is no such program or time, or it is ended, or does not succeed.
    """
    seconds = deadline(charm).seconds(at_most)
    if not seconds:
        raise ops.pebble.TimeoutError(f"this hook has no time left for {command[0]}")
    output, _ = container.exec(command, timeout=seconds).wait_output()
    return output
