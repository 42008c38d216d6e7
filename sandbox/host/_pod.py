"""The surroundings of a charm in its pod that ops-scenario does not provide.

Only public names of ops and of the standard library are replaced, where ops has one.
"""

import functools
import io
import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ops
from ops import jujucontext, pebble

from .messages import ContainerReply, ContainerRequest

Ask = Callable[[ContainerRequest], ContainerReply]


@dataclass
class SecretsRead:
    """The charm's operations on secrets that ops-scenario does not report."""

    consumed: list[ops.Secret] = field(default_factory=list[ops.Secret])
    refreshed: list[ops.Secret] = field(default_factory=list[ops.Secret])
    removed_revisions: list[tuple[ops.Secret, int]] = field(default_factory=list[tuple[ops.Secret, int]])


def name_host(fqdn: str) -> None:
    """Give this process the host name of a pod."""
    real = socket.getfqdn
    socket.getfqdn = lambda name="": real(name) if name else fqdn
    socket.gethostname = lambda: fqdn.partition(".")[0]
    if hosts := os.environ.get("SANDBOX_HOSTS"):
        _find_names(Path(hosts))


def _find_names(hosts: Path) -> None:
    """Resolve the names of a cluster in this process, by a JSON file of names and their addresses."""
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> list[Any]:
        known: dict[Any, list[str]] = json.loads(hosts.read_text()) if hosts.exists() else {}
        found: list[Any] = []
        for each in known.get(host, [host]):
            found += real(each, *args, **kwargs)
        return found

    socket.getaddrinfo = getaddrinfo


def set_environment(changes: Mapping[str, str]) -> None:
    """Put what Juju sets for an event into the environment that ops reads."""
    context, name = _reader_of_environment()
    original = getattr(context, name)

    def read(environ: dict[str, str]) -> Any:
        environ.update(changes)
        return original(environ)

    setattr(context, name, read)


def _reader_of_environment() -> tuple[Any, str]:
    """The class method by which ops reads its environment."""
    if hasattr(ops, "JujuContext"):
        return ops.JujuContext, "from_environ"
    return vars(jujucontext)["_JujuContext"], "from_dict"


def watch_secrets() -> SecretsRead:
    """Record from now on the secrets that are read and the revisions that are removed."""
    read = SecretsRead()
    get_secret, get_content = ops.Model.get_secret, ops.Secret.get_content
    remove_revision = ops.Secret.remove_revision

    @functools.wraps(get_secret)
    def noting_get_secret(
        self: ops.Model,
        *,
        id: str | None = None,  # noqa: A002  # the name is ops's
        label: str | None = None,
    ) -> ops.Secret:
        secret = get_secret(self, id=id, label=label)
        read.consumed.append(secret)
        return secret

    @functools.wraps(get_content)
    def noting_get_content(self: ops.Secret, *, refresh: bool = False) -> dict[str, str]:
        content = get_content(self, refresh=refresh)
        read.consumed.append(self)
        if refresh:
            read.refreshed.append(self)
        return content

    @functools.wraps(remove_revision)
    def noting_remove_revision(self: ops.Secret, revision: int) -> None:
        remove_revision(self, revision)
        read.removed_revisions.append((self, revision))

    ops.Model.get_secret = noting_get_secret
    ops.Secret.get_content = noting_get_content
    ops.Secret.remove_revision = noting_remove_revision
    return read


def connect_workload(ask: Ask) -> None:
    """Pass a charm's operations on the processes of a container to the model, which runs these."""

    def exec_(container: ops.Container, command: list[str], **options: Any) -> "ExecProcess":
        if not container.can_connect():
            raise pebble.ConnectionError(f"can't connect to Pebble in container {container.name!r}")
        answer = ask(_question(container, "exec", command=command, **_input_of(options)))
        if answer["error"]:
            raise pebble.APIError({}, 500, "Internal Server Error", answer["error"])
        return ExecProcess(command, answer, options)

    ops.Container.exec = exec_  # pyright: ignore[reportAttributeAccessIssue]  # the real one is overloaded
    for verb in ("start", "stop", "restart"):
        setattr(ops.Container, verb, _asking(getattr(ops.Container, verb), verb, ask))
    for verb in ("replan", "autostart"):
        setattr(ops.Container, verb, _asking(getattr(ops.Container, verb), "replan", ask))

    send_signal = ops.Container.send_signal

    @functools.wraps(send_signal)
    def asking_send_signal(self: ops.Container, sig: int | str, *service_names: str) -> None:
        send_signal(self, sig, *service_names)
        _fail_on(ask(_question(self, "signal", services=list(service_names), signal=str(sig))), "signal")

    ops.Container.send_signal = asking_send_signal


class ExecProcess:
    """A command that has run in a container; stands in for `ops.pebble.ExecProcess`."""

    def __init__(self, command: list[str], answer: ContainerReply, options: Mapping[str, Any]):
        self._command = command
        self._code = answer["code"]
        self._encoding: str | None = options.get("encoding", "utf-8")
        error = "" if options.get("combine_stderr") else answer["stderr"]
        output = answer["stdout"] + (answer["stderr"] if options.get("combine_stderr") else "")
        self.stdin = None
        self.stdout = self._stream(output, options.get("stdout"))
        self.stderr = None if options.get("combine_stderr") else self._stream(error, options.get("stderr"))

    def _stream(self, text: str, given: Any) -> io.StringIO | io.BytesIO | None:
        content = text if self._encoding else text.encode()
        if given is not None:
            given.write(content)
            return None
        return io.StringIO(content) if isinstance(content, str) else io.BytesIO(content)

    def wait(self) -> None:
        """Raise `ops.pebble.ExecError` unless the command succeeded."""
        if self._code:
            raise pebble.ExecError[str](self._command, self._code, None, None)

    def wait_output(self) -> tuple[Any, Any]:
        """Return the command's output, and its errors.

        Raises:
            ops.pebble.ExecError: if the command did not succeed.
        """
        output: Any = self.stdout.read() if self.stdout else None
        error: Any = self.stderr.read() if self.stderr else None
        if self._code:
            raise pebble.ExecError(self._command, self._code, output, error)
        return output, error

    def send_signal(self, sig: int | str) -> None:
        """Do nothing: the command has ended."""


def _asking(method: Callable[..., None], verb: str, ask: Ask) -> Callable[..., None]:
    @functools.wraps(method)
    def asking(container: ops.Container, *services: str) -> None:
        method(container, *services)
        _fail_on(ask(_question(container, verb, services=list(services))), verb)

    return asking


def _question(container: ops.Container, verb: str, **details: Any) -> ContainerRequest:
    question: ContainerRequest = {
        "container": container.name,
        "verb": verb,
        "services": [],
        "plan": dict(container.get_plan().to_dict()),
        "signal": "",
        "command": [],
        "environment": {},
        "working_dir": None,
        "stdin": "",
        "timeout": None,
    }
    return {**question, **details}  # pyright: ignore[reportReturnType]  # the details are of these names


def _input_of(options: Mapping[str, Any]) -> dict[str, Any]:
    given: Any = options.get("stdin") or ""
    content: str | bytes = given.read() if hasattr(given, "read") else given
    working_dir = options.get("working_dir")
    return {
        "environment": options.get("environment") or {},
        "working_dir": str(working_dir) if working_dir else None,
        "stdin": content.decode() if isinstance(content, bytes) else content,
        "timeout": options.get("timeout"),
    }


def _fail_on(answer: ContainerReply, verb: str) -> None:
    if answer["error"]:
        now = "2000-01-01T00:00:00Z"
        change = {"id": "1", "kind": verb, "summary": verb, "status": "Error", "ready": True}
        raise pebble.ChangeError(
            answer["error"],
            pebble.Change.from_dict({**change, "spawn-time": now, "ready-time": now}),  # pyright: ignore[reportArgumentType]  # a ChangeDict
        )
