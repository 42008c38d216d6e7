"""Questions of operators about requests between workloads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from relation_data import in_quotes

_NAME = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
_NUMBER = r"[0-9]{1,9}"
_APPLICATION = re.compile(rf"(?:(?P<model>{_NAME})/)?(?P<name>{_NAME})(?:/(?P<unit>{_NUMBER}))?")
_UNIT = re.compile(rf"({_NAME})/({_NUMBER})")
_PORT = re.compile(r"[0-9]{1,5}")
_METHOD = re.compile(r"[A-Za-z]{1,32}")
_SENDABLE_PATH = re.compile(r"/[!-\"$-~]*")
_LONGEST_PATH = 2048


class UnclearQuestionError(ValueError):
    """A question that cannot be answered; the message is the reason."""


@dataclass(frozen=True)
class Workload:
    """An application, or one of its units."""

    model: str
    name: str
    unit: int | None = None

    @property
    def pod(self) -> str | None:
        """The pod of the unit; None for the whole application, which is reached by its Service."""
        return None if self.unit is None else f"{self.name}-{self.unit}"

    @property
    def application(self) -> str:
        """The application with its model."""
        return f"{self.model}/{self.name}"

    def __str__(self) -> str:
        application = self.application if self.model else self.name
        return application if self.unit is None else f"{application}/{self.unit}"


NODE = Workload("", "node")
"""The network namespace of a pod's own node as a source: the kubelet, and pods with `hostNetwork`."""


@dataclass(frozen=True)
class Question:
    """A request about which an operator asks whether it is allowed."""

    source: Workload
    target: Workload
    port: int | None = None
    """None: any that the target is known to have."""
    method: str | None = None
    """None: any."""
    path: str | None = None
    """None: any."""
    host: str | None = None
    """None: the target's own name."""

    def __str__(self) -> str:
        what = " ".join(filter(None, [self.method, self.path])) or "anything"
        where = f" on {self.port}" if self.port else ""
        return f"{self.source} → {self.target}: {what}{where}"


def read_question(params: Mapping[str, object], model: str) -> Question:
    """Read a question from an action's parameters.

    Args:
        params: `source` and `target`; `port`, `method`, `path` and `host` if the question names them. The
            source `node` is no application, but the target's node.
        model: the model of applications that are named without one.

    Raises:
        UnclearQuestionError: if a parameter is missing or invalid.
    """
    source = NODE if params.get("source") == NODE.name else _workload(params, "source", model)
    return Question(
        # Every unit of an application has the same identity.
        Workload(source.model, source.name),
        _workload(params, "target", model),
        _port(params),
        _method(params),
        _path(params),
        text_of(params, "host"),
    )


def text_of(params: Mapping[str, object], name: str) -> str | None:
    """Return a parameter as text; None if it was not given."""
    value = params.get(name)
    return None if value in (None, "") else str(value)


def _workload(params: Mapping[str, object], name: str, model: str) -> Workload:
    """Read `app`, `app/0`, `model/app` or `model/app/0`."""
    text = text_of(params, name)
    if text is None:
        raise UnclearQuestionError(f"{name}=… is missing: set it to app or model/app")
    if short := _UNIT.fullmatch(text):
        return Workload(model, short[1], int(short[2]))
    if found := _APPLICATION.fullmatch(text):
        unit = found["unit"]
        return Workload(found["model"] or model, found["name"], None if unit is None else int(unit))
    raise UnclearQuestionError(
        f"{name}={in_quotes(text)} is not an application: "
        "write app or model/app, with /0 after it for one unit"
    )


def _port(params: Mapping[str, object]) -> int | None:
    text = text_of(params, "port")
    if text is None:
        return None
    if not (_PORT.fullmatch(text) and 0 < int(text) < 65536):
        raise UnclearQuestionError(f"port={in_quotes(text)} is not a port number from 1 to 65535")
    return int(text)


def _method(params: Mapping[str, object]) -> str | None:
    method = text_of(params, "method")
    if method is not None and not _METHOD.fullmatch(method):
        raise UnclearQuestionError(f"method={in_quotes(method)} is not an HTTP method, such as GET")
    return method and method.upper()


def _path(params: Mapping[str, object]) -> str | None:
    """Read a path that a client can send; a proxy rejects others before any policy decides."""
    path = text_of(params, "path")
    if path is None:
        return None
    if not path.startswith("/"):
        raise UnclearQuestionError(f"path={in_quotes(path)} does not begin with /")
    if not _SENDABLE_PATH.fullmatch(path):
        raise UnclearQuestionError(
            f"path={in_quotes(path)} cannot be sent: percent-encode spaces, # and non-ASCII characters"
        )
    if len(path.partition("?")[0]) > _LONGEST_PATH:
        raise UnclearQuestionError(f"path={in_quotes(path)} is longer than {_LONGEST_PATH} characters")
    return path
