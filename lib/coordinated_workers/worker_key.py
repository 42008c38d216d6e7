"""The private key of the workers' certificate: the units that have it, and its replacement."""

from collections.abc import Collection

import ops

_HOLDERS = "granted to"


class WorkerKey:
    """The secret with the private key; its description records the units that have been granted it."""

    def __init__(self, model: ops.Model, secret_id: str):
        self._model = model
        self._secret = model.get_secret(id=secret_id)
        info = self._secret.get_info()
        self.label = info.label
        names = (info.description or "").split()
        self._holders = set(names[2:]) if names[:2] == _HOLDERS.split() else set[str]()

    def record(self, workers: Collection[str]) -> None:
        """Record that these units have the key, before it is granted to them."""
        if not self._holders >= set(workers):
            names = " ".join(sorted(self._holders | set(workers)))
            self._secret.set_info(description=f"{_HOLDERS} {names}")

    def retire(self, former_label: str, workers: Collection[str]) -> bool:
        """Take the key out of use if another unit than these still has it, and return whether it was.

        It gets another label, so that a new one is created. Until the certificate for the new one is issued,
        the workers keep the old one.
        """
        if self._holders <= set(workers):
            return False
        remove_key(self._model, former_label)
        self._secret.set_info(label=former_label)
        return True


def remove_key(model: ops.Model, label: str) -> None:
    """Remove the key with this label, if there is one."""
    try:
        model.get_secret(label=label).remove_all_revisions()
    except ops.SecretNotFoundError:
        return
