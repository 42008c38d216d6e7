"""The workload of a worker: its files and services, as the coordinator and the charm define them."""

import copy
import logging
import os
import re
from collections.abc import Mapping, Sequence

import ops

from k8s_charm import Deadline
from relation_data import Message

from . import pebble
from .worker_facts import WorkerFacts
from .workload import (
    CERT_FILE,
    CLIENT_CA_FILE,
    CONFIG_FILE,
    KEY_FILE,
    ROOT_CA_CERT,
    S3_TLS_CA_CHAIN_FILE,
    WorkloadContainer,
)

logger = logging.getLogger(__name__)

# One that Juju's tools parse as an argument, and not as an option.
_VERSION = re.compile(r"[Vv]ersion:?\s*([A-Za-z0-9][!-~]{0,99})")
_VERSION_SECONDS = 10.0
_PROXY_VARIABLES = {
    "JUJU_CHARM_HTTP_PROXY": "http_proxy",
    "JUJU_CHARM_HTTPS_PROXY": "https_proxy",
    "JUJU_CHARM_NO_PROXY": "no_proxy",
}


class _NotYetError(Exception):
    """The workload cannot be updated now; running services continue."""

    def __init__(self, status: ops.StatusBase):
        super().__init__(status.message)
        self.status = status


class WorkerWorkload(WorkerFacts):
    """The part of `Worker` that runs its services."""

    _name: str
    _deadline: Deadline
    _workload: WorkloadContainer
    _reread: Sequence[str]
    _problems: list[ops.StatusBase]

    def restart(self) -> bool:
        """Restart the services of the layer, or start those that do not run.

        Returns:
            Whether they were started. They may not be ready yet: see `status`.
        """
        layer = self.pebble_layer
        if not layer or not layer.services or not self.roles:
            return False
        try:
            if self._running_worker_config() is None:
                return False
            self._container.restart(*layer.services)
        except ops.pebble.Error as error:
            self._problems.append(self._container_status(error))
            return False
        return True

    def stop(self) -> None:
        """Stop all services of the container.

        Raises:
            ops.pebble.Error: if the container cannot be reached.
        """
        self._workload.stop()

    def running_version(self) -> str | None:
        """Return the workload's version, as `/bin/NAME -version` prints it; None if it does not."""
        try:
            command = [f"/bin/{self._name}", "-version"]
            output = pebble.run(self._container, command, self._deadline, at_most=_VERSION_SECONDS)
        except ops.pebble.Error as error:
            logger.info("cannot read the workload's version: %s", _in_one_line(error))
            return None
        match = _VERSION.search(output)
        return match[1] if match else None

    def _reconcile_workload(self) -> list[ops.StatusBase]:
        """Apply the desired state to the container, and return the problems."""
        if not self._container.can_connect() or self._data_problem:
            return []
        try:
            if not self.is_ready():
                self._workload.clear()
            elif self._workload.reconcile(self._files(), self._whole_layer(), reread=self._reread):
                self.restart()
        except _NotYetError as error:
            return [error.status]
        except ops.pebble.Error as error:
            return [self._container_status(error)]
        return []

    def _container_status(self, error: ops.pebble.Error) -> ops.StatusBase:
        problem = Message(f"container {self._name}", _in_one_line(error))
        logger.warning("%s", problem)
        return problem.waiting()

    def _files(self) -> dict[str, str | None]:
        """Path → text of each file that the workload may have; None to remove it."""
        files: dict[str, str | None] = {CONFIG_FILE: self._config_text()}
        if tls := self.cluster.get_tls_data(allow_none=True):
            key = self._private_key(tls.privkey_secret_id) if tls.privkey_secret_id else None
            files |= {
                CLIENT_CA_FILE: tls.ca_cert,
                ROOT_CA_CERT: tls.ca_cert,
                CERT_FILE: tls.server_cert,
                KEY_FILE: key,
                S3_TLS_CA_CHAIN_FILE: tls.s3_tls_ca_chain,
            }
        return files

    def _private_key(self, secret_id: str) -> str:
        try:
            return self.model.get_secret(id=secret_id).get_content(refresh=True)["private-key"]
        except (ops.ModelError, KeyError) as error:
            # neither its id, which may be any text, nor the error's text, which contains it
            logger.warning("cannot read the secret with the private key: %s", type(error).__name__)
            status = ops.WaitingStatus("waiting for the secret with the private key from the coordinator")
            raise _NotYetError(status) from error

    def _whole_layer(self) -> ops.pebble.Layer:
        """Return the charm's layer, with the readiness check and the model's proxies."""
        charm_layer = self.pebble_layer
        if charm_layer is None:
            raise _NotYetError(ops.BlockedStatus("the charm's Pebble layer failed: see juju debug-log"))
        layer = ops.pebble.Layer(copy.deepcopy(charm_layer.to_dict()))
        if readiness_url := self._readiness_url():
            check: ops.pebble.CheckDict = {
                "override": "replace",
                # Juju counts a pod as ready only while its checks of this level pass.
                "level": "ready",
                "threshold": 3,
                "http": {"url": readiness_url},
            }
            name = self.readiness_check_name
            layer.checks[name] = ops.pebble.Check(name, check)
        for service in layer.services.values():
            service.environment.update(_proxies())
        return layer

    def _running_worker_config(self) -> str | None:
        """Return the configuration that the workload has, as text; None if it has none."""
        return pebble.read(self._container, CONFIG_FILE)

    def _services_down(self) -> str:
        """Return the reason why the workload cannot answer yet; empty if there is none."""
        if not self._container.can_connect():
            return f"container {self._name} is not ready"
        if self._running_worker_config() is None:
            return "no configuration"
        layer = self.pebble_layer
        if layer is None:
            return "the charm's Pebble layer failed"
        down = self._workload.services_down(layer)
        return f"not running: {', '.join(down)}" if down else ""


def _proxies() -> Mapping[str, str]:
    """Return the variables of the model's proxies, in both cases: programs look for either."""
    found = {
        name: value for variable, name in _PROXY_VARIABLES.items() if (value := os.environ.get(variable))
    }
    return {**found, **{name.upper(): value for name, value in found.items()}}


def _in_one_line(error: ops.pebble.Error) -> str:
    # The text of a ChangeError also has the services' output, which may be private.
    text = error.err if isinstance(error, ops.pebble.ChangeError) else str(error)
    return text.strip().rpartition("\n")[2].removeprefix("- ")[:150]
