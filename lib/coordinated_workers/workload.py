"""A worker's workload container: its files and services, changed only where they differ."""

from collections.abc import Collection, Iterable, Mapping

import ops

from k8s_charm import Deadline

from . import pebble

CONFIG_FILE = "/etc/worker/config.yaml"
CERT_FILE = "/etc/worker/server.cert"
KEY_FILE = "/etc/worker/private.key"
CLIENT_CA_FILE = "/etc/worker/ca.cert"
S3_TLS_CA_CHAIN_FILE = "/etc/worker/s3_ca.crt"
ROOT_CA_CERT = "/usr/local/share/ca-certificates/ca.crt"

FILES = (CONFIG_FILE, CERT_FILE, KEY_FILE, CLIENT_CA_FILE, S3_TLS_CA_CHAIN_FILE, ROOT_CA_CERT)
"""All that is ever written."""


class WorkloadContainer:
    """The container that a worker runs its services in.

    Every method raises `ops.pebble.Error` if Pebble rejects a request, or cannot be reached.
    """

    def __init__(self, container: ops.Container, deadline: Deadline):
        self._container = container
        self._deadline = deadline

    def reconcile(
        self,
        files: Mapping[str, str | None],
        layer: ops.pebble.Layer,
        *,
        reread: Collection[str] = (),
    ) -> bool:
        """Write the files and the layer, and return whether the services have to be started or restarted.

        Services are stopped before one of their files changes: if a call is interrupted, the next one finds
        them stopped, rather than running with removed files.

        Args:
            files: path → text; a file whose text is None or empty is removed.
            layer: the whole layer.
            reread: paths of files that services read again when they change: if only these change, services
                are not restarted. A file that is added or removed restarts them.
        """
        changed = {path: text for path, text in files.items() if self._read(path) != (text or "").encode()}
        if changed and all(
            text and path in reread and self._container.exists(path) for path, text in changed.items()
        ):
            self._write(changed, layer)
            changed = {}
        if changed:
            self._stop(layer.services)
            self._write(changed, layer)
        changes_services = self._apply(layer)
        return changes_services or bool(changed) or bool(self.services_down(layer))

    def clear(self) -> None:
        """Stop all services and remove all files."""
        self.stop()
        self._write({path: None for path in FILES if self._container.exists(path)})

    def stop(self) -> None:
        """Stop all services of the container that run."""
        self._stop(self._container.get_plan().services)

    def services_down(self, layer: ops.pebble.Layer) -> list[str]:
        """Return the services of the layer that are in the plan and do not run."""
        services = self._container.get_services()
        return [name for name in layer.services if name in services and not services[name].is_running()]

    def _stop(self, names: Iterable[str]) -> None:
        """Stop those of the services that run, or that Pebble is about to start again."""
        services = self._container.get_services()
        idle = ops.pebble.ServiceStatus.INACTIVE
        if busy := [name for name in names if name in services and services[name].current != idle]:
            self._container.stop(*busy)

    def _read(self, path: str) -> bytes:
        try:
            return self._container.pull(path, encoding=None).read()
        except ops.pebble.PathError as error:
            if error.kind != "not-found":
                raise
            return b""

    def _write(self, files: Mapping[str, str | None], layer: ops.pebble.Layer | None = None) -> None:
        for path, text in files.items():
            if text and path == KEY_FILE:
                user = _user(layer) if layer else None
                self._container.push(path, text, make_dirs=True, permissions=0o600, user=user)
            elif text:
                self._container.push(path, text, make_dirs=True)
            else:
                self._container.remove_path(path, recursive=True)
        if ROOT_CA_CERT in files:
            pebble.update_trust(self._container, self._deadline)

    def _apply(self, layer: ops.pebble.Layer) -> bool:
        """Add the layer to the plan, and return whether that changes its services."""
        before = self._container.get_plan()
        if pebble.covers(before, layer):
            return False
        self._container.add_layer(self._container.name, layer, combine=True)
        # Pebble may write the same values in another form, which does not count as a change.
        after = self._container.get_plan()
        return any(before.services.get(name) != after.services.get(name) for name in layer.services)


def _user(layer: ops.pebble.Layer) -> str | None:
    """Return the user of the services, who has to read the private key; None if there are several."""
    users = {service.user for service in layer.services.values()}
    return (users.pop() or None) if len(users) == 1 else None
