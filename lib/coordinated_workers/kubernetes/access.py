"""A charm's requests to Kubernetes for its own application, and what is said when they fail."""

import functools
from typing import TYPE_CHECKING

import ops

from k8s_charm import kubernetes_client

from .. import deadline

if TYPE_CHECKING:
    from lightkube import Client

    from k8s_charm import Failure


@functools.lru_cache(maxsize=1)
def client(charm: ops.CharmBase) -> "Client":
    """A client for the namespace of the charm's model, the same for all of a hook.

    Raises:
        lightkube.ConfigError: if there is no Kubernetes to be found.
    """
    app, model = charm.app.name, charm.model.name
    # By this name, policies that an older revision has written are known as this application's.
    return kubernetes_client(model, f"{app}-{model}", deadline.deadline(charm))


def status(problem: "Exception | Failure", charm: ops.CharmBase, task: str) -> ops.StatusBase:
    """What a failure, or an exception out of `kubernetes_errors()`, means for the unit.

    Args:
        problem: the failure or exception.
        charm: the charm that made the request.
        task: what was not done, as in "can't {task}".
    """
    from k8s_charm import is_transient, kubernetes_problem

    message = f"can't {task}: {kubernetes_problem(problem, app=charm.app.name)}"
    return ops.WaitingStatus(message) if is_transient(problem) else ops.BlockedStatus(message)
