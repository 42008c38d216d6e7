"""The common parts of all controllers."""

from abc import ABC, abstractmethod

from .._json import Object
from .._kinds import Kind
from .._ownership import Writer
from .._records import ObjectChange
from .._store import ObjectStore


class KubernetesController(ABC):
    """A controller: it responds to changes of objects by changes of others."""

    def __init__(self, store: ObjectStore):
        self.store = store
        self._running = True
        store.observe(self._observe)

    def stop(self) -> None:
        """Ignore changes from now on."""
        self._running = False

    def start(self) -> None:
        """Continue, and process the current state."""
        self._running = True
        self.catch_up()

    def _observe(self, change: ObjectChange) -> None:
        if self._running:
            self.handle(change)

    @abstractmethod
    def handle(self, change: ObjectChange) -> None:
        """Process a change."""

    @abstractmethod
    def catch_up(self) -> None:
        """Process the missed changes."""

    def report(self, kind: Kind, obj: Object, status: Object, *, manager: str) -> None:
        """Write a condition into an object's status."""
        metadata = obj["metadata"]
        self.store.apply(
            kind,
            metadata["namespace"],
            {"metadata": {"name": metadata["name"]}, "status": status},
            writer=Writer(manager, "Apply", kind.api_version, "status"),
            force=True,
        )
