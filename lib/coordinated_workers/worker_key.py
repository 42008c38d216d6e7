"""The private key of the workers' certificate: who has it, and when it has to be replaced."""

import re
from collections.abc import Collection

import ops

_HOLDERS = "granted to relations"


class WorkerKey:
    """The secret with the private key; its description is the record of relations that have been granted it.

    Args:
        model: the model of the coordinator.
        name: the name of the endpoint of the certificates.
    """

    def __init__(self, model: ops.Model, name: str):
        self._model = model
        self._former_label = f"former-private-key-{name}"

    def record(self, secret_id: str, relations: Collection[int]) -> None:
        """Note that workers of these relations have the key, before it is granted to them."""
        secret = self._model.get_secret(id=secret_id)
        holders = self._holders(secret)
        if not holders >= set(relations):
            numbers = ", ".join(map(str, sorted(holders | set(relations))))
            secret.set_info(description=f"{_HOLDERS} {numbers}")

    def retire(self, secret_id: str, relations: Collection[int]) -> bool:
        """Take the key out of use if a former relation still has it.

        It goes under another label, so that a new one is made. Until the certificate for that is there, the
        workers go on with the old one.

        Args:
            secret_id: of the secret that has the key.
            relations: the relations that there are.

        Returns:
            Whether it was taken out of use.
        """
        secret = self._model.get_secret(id=secret_id)
        if self._holders(secret) <= set(relations):
            return False
        self.remove_former()
        secret.set_info(label=self._former_label)
        return True

    def remove_former(self) -> None:
        """Remove the key that is out of use."""
        try:
            self._model.get_secret(label=self._former_label).remove_all_revisions()
        except ops.SecretNotFoundError:
            return

    @staticmethod
    def _holders(secret: ops.Secret) -> set[int]:
        description = secret.get_info().description or ""
        return set(map(int, re.findall(r"\d+", description))) if description.startswith(_HOLDERS) else set()
