"""A real API server: one that is started here, or one that runs already."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from ..children import own_folder
from . import _custom_resources
from ._connection import Connection, Kubeconfig, encode
from ._errors import ControlPlaneError
from ._processes import Process, free_port
from ._programs import ETCD, KUBE_APISERVER

_ADMIN = "admin"


class RealKubernetes(ABC):
    """A real API server while its context lasts."""

    admin: Connection
    """Requests of an administrator."""

    def __init__(self):
        self._provided: list[str] = []

    @abstractmethod
    def __enter__(self) -> RealKubernetes:
        """Start it."""

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """Remove it completely."""

    @abstractmethod
    def user_name(self, user: str) -> str:
        """The user as errors name it."""

    @abstractmethod
    def _cluster(self) -> dict[str, Any]:
        """The cluster as a kubeconfig has it."""

    @abstractmethod
    def _user(self, user: str) -> dict[str, Any]:
        """A user as a kubeconfig has it. Only `admin` may do anything, unless allowed."""

    def write_kubeconfig(self, path: Path | str, *, user: str = _ADMIN, namespace: str = "default") -> Path:
        """Write a kubeconfig for this API and return its path.

        Args:
            path: the file to write.
            user: the user of the requests.
            namespace: the default namespace of a client.
        """
        context = {"cluster": "real", "user": user, "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "real",
            "clusters": [{"name": "real", "cluster": self._cluster()}],
            "contexts": [{"name": "real", "context": context}],
            "users": [{"name": user, "user": self._user(user)}],
        }
        file = Path(path)
        file.write_text(yaml.safe_dump(config))
        return file

    def provide(self, path: str, obj: dict[str, Any]) -> None:
        """Create an object if there is none of its name; it is deleted with the context.

        Args:
            path: the path of the objects of its kind and namespace.
            obj: the object, with its name.

        Raises:
            ControlPlaneError: it was refused.
        """
        name = obj["metadata"]["name"]
        answer = self.admin.send("POST", path, obj)
        if answer.code == 201:
            self._provided.append(f"{path}/{name}")
        elif answer.code != 409:
            raise ControlPlaneError(f"{path}/{name} cannot be created: {answer.code} {answer.text[:500]}")

    def install_custom_resources(self, *groups: str) -> None:
        """Create the CRDs of these API groups, or of Istio and the Gateway API, where they are missing."""
        wanted = _custom_resources.definitions(*groups)
        for definition in wanted:
            self.provide(_custom_resources.PATH, definition)
        _custom_resources.wait_until_served(self.admin, wanted)

    def uninstall_custom_resources(self, *groups: str) -> None:
        """Delete the CRDs of these API groups, or all, with their objects."""
        _custom_resources.uninstall(self.admin, _custom_resources.definitions(*groups))


class StartedKubernetes(RealKubernetes):
    """An etcd and an API server on free ports of this machine, empty at first, gone afterwards.

    Args:
        users: who can authenticate, besides `admin`; they may do nothing at first.
        audit_log: the file for the log of requests, a JSON object for each line; None for no log.
        watch_cache: whether lists come from the server's memory, as in clusters. Each then waits until that
            memory is as new as etcd, usually for 50 ms.
    """

    def __init__(self, *users: str, audit_log: Path | None = None, watch_cache: bool = True):
        super().__init__()
        self._users = (_ADMIN, *users)
        self._audit_log = audit_log
        self._watch_cache = watch_cache
        self._stack = ExitStack()

    def __enter__(self) -> StartedKubernetes:
        with ExitStack() as stack:
            folder = stack.enter_context(own_folder("kubernetes"))
            etcd = self._start_etcd(stack, folder)
            self._start_apiserver(stack, folder, etcd)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def user_name(self, user: str) -> str:
        """The name itself."""
        return user

    def _cluster(self) -> dict[str, Any]:
        return {"server": self.admin.url, "certificate-authority-data": encode(self.admin.authority)}

    def _user(self, user: str) -> dict[str, Any]:
        if user not in self._users:
            raise ValueError(f"unknown user {user}: known are {', '.join(self._users)}")
        return {"token": _token(user)}

    def _start_etcd(self, stack: ExitStack, folder: Path) -> str:
        clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        command = [
            str(ETCD.build()),
            *("--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"),
            *("--listen-client-urls", clients, "--advertise-client-urls", clients),
            *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
            *("--initial-cluster", f"default={peers}"),
        ]
        etcd = stack.enter_context(Process(command, folder / "etcd.log"))
        health = Connection(clients)
        etcd.wait_until(lambda: _answers(health, "/health"))
        return clients

    def _start_apiserver(self, stack: ExitStack, folder: Path, etcd: str) -> None:
        port = free_port()
        key = _write_key(folder / "service-account.key")
        tokens = folder / "tokens.csv"
        groups = {_ADMIN: ',"system:masters"'}
        tokens.write_text(
            "".join(f"{_token(user)},{user},{user}{groups.get(user, '')}\n" for user in self._users)
        )
        command = [
            str(KUBE_APISERVER.build()),
            f"--etcd-servers={etcd}",
            *(f"--secure-port={port}", "--bind-address=127.0.0.1", f"--cert-dir={folder}"),
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            *(f"--token-auth-file={tokens}", "--authorization-mode=RBAC"),
            # It would make each pod wait for a service account that only a controller creates.
            "--disable-admission-plugins=ServiceAccount",
            "--service-cluster-ip-range=10.0.0.0/16",
            f"--watch-cache={str(self._watch_cache).lower()}",
            *self._audit_flags(folder),
        ]
        server = stack.enter_context(Process(command, folder / "kube-apiserver.log"))
        certificate = folder / "apiserver.crt"
        # The key is written after the certificate.
        server.wait_until(certificate.with_suffix(".key").exists)
        self.admin = Connection(f"https://127.0.0.1:{port}", _token(_ADMIN), certificate.read_text())
        server.wait_until(lambda: _answers(self.admin, "/readyz"))
        server.wait_until(lambda: _answers(self.admin, "/api/v1/namespaces/default"))

    def _audit_flags(self, folder: Path) -> list[str]:
        if not self._audit_log:
            return []
        rules = [{"level": "Metadata", "users": list(self._users)}, {"level": "None"}]
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": rules,
        }
        file = folder / "audit.yaml"
        file.write_text(yaml.safe_dump(policy))
        return [f"--audit-policy-file={file}", f"--audit-log-path={self._audit_log}"]


class ExistingKubernetes(RealKubernetes):
    """A cluster that a kubeconfig names, whose user has all permissions."""

    def __init__(self, kubeconfig: Path):
        super().__init__()
        self._config = Kubeconfig.load(kubeconfig)

    def __enter__(self) -> ExistingKubernetes:
        self.admin = self._config.connection()
        return self

    def __exit__(self, *_: object) -> None:
        """It is not stopped; only the objects created in it are deleted."""
        for path in reversed(self._provided):
            self.admin.send("DELETE", path)

    def user_name(self, user: str) -> str:
        """The name of a service account."""
        return f"system:serviceaccount:default:{user}"

    def _cluster(self) -> dict[str, Any]:
        return self._config.cluster

    def _user(self, user: str) -> dict[str, Any]:
        """The user of the kubeconfig, or a service account of the name in the default namespace."""
        if user == _ADMIN:
            return self._config.user
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        self.provide(accounts, {"metadata": {"name": user}})
        request: dict[str, object] = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {},
        }
        return {"token": self.admin.must("POST", f"{accounts}/{user}/token", request)["status"]["token"]}


def named_kubeconfig() -> Path | None:
    """Return the first file in $KUBECONFIG, if it names any."""
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first) if first else None


def real_kubernetes(*users: str) -> RealKubernetes:
    """Return the cluster that $KUBECONFIG names, or else a new API server.

    Raises:
        ControlPlaneError: its file is invalid.
    """
    if kubeconfig := named_kubeconfig():
        return ExistingKubernetes(kubeconfig)
    return StartedKubernetes(*users)


def _token(user: str) -> str:
    return f"{user}-token"


def _answers(connection: Connection, path: str) -> bool:
    try:
        return connection.send("GET", path).code == 200
    except OSError:
        return False


def _write_key(path: Path) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return path
