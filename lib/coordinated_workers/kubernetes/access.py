"""The requests of one hook to Kubernetes, for a charm's own application."""

from functools import cached_property
from typing import TYPE_CHECKING

import ops

from k8s_charm import Deadline, kubernetes_client
from relation_data import LONGEST_STATUS, Message

if TYPE_CHECKING:
    from lightkube import Client

    from k8s_charm import Failure


class KubernetesAccess:
    """A client for the namespace of the charm's model, and statuses for the requests that fail."""

    def __init__(self, charm: ops.CharmBase, deadline: Deadline):
        self.charm = charm
        self.deadline = deadline

    @cached_property
    def client(self) -> "Client":
        """The client, made when first used.

        Raises:
            lightkube.ConfigError: if there is no configuration of Kubernetes.
        """
        return kubernetes_client(self.charm.model.name, self.field_manager, self.deadline)

    @property
    def field_manager(self) -> str:
        """The field manager of the charm's writes, by which policies of older revisions are recognised."""
        return f"{self.charm.app.name}-{self.charm.model.name}"

    def status(self, problem: "Exception | Failure", task: str) -> ops.StatusBase:
        """Return the status "cannot {task}" for a failure, or one of `kubernetes_errors()`."""
        from k8s_charm import is_transient, kubernetes_problem

        message = kubernetes_problem(problem, app=self.charm.app.name)
        if len(whole := f"cannot {task}: {message}") <= LONGEST_STATUS:
            message = Message(whole)
        return message.waiting() if is_transient(problem) else message.blocked()
