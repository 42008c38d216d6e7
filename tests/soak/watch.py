"""Watches Kubernetes while charms work: desired facts that exist must not disappear in between."""

from sandbox.kubernetes import ObjectChange, ObjectStore

from .oracle import POLICY, Cluster, Labels, Policy, read_labels, read_policy


class Watch:
    """Records what is missing, even for a moment."""

    def __init__(self, store: ObjectStore):
        self._live: dict[str, Policy] = {}
        self._labels: dict[str, Labels] = {}
        self._staying: set[Policy] = set()
        self._staying_labels: dict[str, Labels] = {}
        self._gaps: list[str] = []
        self.close = store.observe(self._see)

    def hold(self, wanted: Cluster) -> None:
        """Record from now on which existing and desired facts disappear."""
        wanted_policies = {_access(policy) for policy in wanted.policies}
        self._staying = wanted_policies & {_access(policy) for policy in self._live.values()}
        self._staying_labels = {
            name: labels for name, labels in wanted.labels.items() if self._labels.get(name) == labels
        }
        self._gaps = []

    def gaps(self) -> list[str]:
        """Describe what disappeared."""
        return self._gaps

    def _see(self, change: ObjectChange) -> None:
        kind, now = change.kind.name, change.new
        if kind == POLICY:
            name = change.object["metadata"]["name"]
            self._live.pop(name, None)
            if now:
                self._live[name] = read_policy(now)
            missing = self._staying - {_access(policy) for policy in self._live.values()}
            self._gaps += [f"missing for a moment: {policy}" for policy in missing]
        elif now and (read := read_labels(kind, now)):
            name, labels = read
            self._labels[name] = labels
            if self._staying_labels.get(name, labels) != labels:
                self._gaps.append(f"{name} was labelled {labels} for a moment")


def _access(policy: Policy) -> Policy:
    return policy._replace(asked_by="")
