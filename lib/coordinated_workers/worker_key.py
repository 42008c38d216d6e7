"""The private key of the workers' certificate: who has it, and when it has to be replaced."""

from collections.abc import Collection

import ops

_HOLDERS = "granted to"


class WorkerKey:
    """The secret with the private key; its description is the record of the units that have been granted it.

    Args:
        model: the model of the coordinator.
        name: the name of the endpoint of the certificates.
    """

    def __init__(self, model: ops.Model, name: str):
        self._model = model
        self._former_label = f"former-private-key-{name}"

    def record(self, secret_id: str, workers: Collection[str]) -> None:
        """Note that these units have the key, before it is granted to them."""
        secret = self._model.get_secret(id=secret_id)
        holders = self._holders(secret)
        if not holders >= set(workers):
            names = " ".join(sorted(holders | set(workers)))
            secret.set_info(description=f"{_HOLDERS} {names}")

    def retire(self, secret_id: str, workers: Collection[str]) -> None:
        """Take the key out of use if a former unit still has it.

        It goes under another label, so that a new one is made. Until the certificate for that is there, the
        workers go on with the old one.

        Args:
            secret_id: of the secret that has the key.
            workers: the names of the units that there are.
        """
        secret = self._model.get_secret(id=secret_id)
        if not self._holders(secret) <= set(workers):
            self.remove_former()
            secret.set_info(label=self._former_label)

    def remove_former(self) -> None:
        """Remove the key that is out of use."""
        try:
            self._model.get_secret(label=self._former_label).remove_all_revisions()
        except ops.SecretNotFoundError:
            return

    @staticmethod
    def _holders(secret: ops.Secret) -> set[str]:
        description = secret.get_info().description or ""
        return set(description.removeprefix(_HOLDERS).split()) if description.startswith(_HOLDERS) else set()
