"""A charm's requests to Kubernetes for its own application, and what is said when they fail."""

from typing import TYPE_CHECKING

import ops

if TYPE_CHECKING:
    from lightkube import Client


def client(charm: ops.CharmBase) -> "Client":
    """A client for the namespace of the charm's model.

    Raises:
        lightkube.ConfigError: if there is no Kubernetes to be found.
    """
    from lightkube import Client

    return Client(namespace=charm.model.name, field_manager=charm.app.name)


def status(error: Exception, charm: ops.CharmBase, task: str) -> ops.StatusBase:
    """What an exception out of `kubernetes_errors()` means for the unit.

    Args:
        error: the exception.
        charm: the charm that made the request.
        task: what was not done, as in "can't {task}".
    """
    from mesh_resources import kubernetes_problem

    message = f"can't {task}: {kubernetes_problem(error, app=charm.app.name)}"
    answered = getattr(error, "response", None) is not None
    return ops.BlockedStatus(message) if answered else ops.WaitingStatus(message)
