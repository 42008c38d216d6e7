"""Who asks what of whom, in an operator's words."""

import re
from dataclasses import dataclass

from ._paths import is_sendable

_NAME = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
_APPLICATION = re.compile(rf"(?:(?P<model>{_NAME})/)?(?P<name>{_NAME})(?:/(?P<unit>[0-9]+))?")


class UnclearQuestionError(ValueError):
    """A question that can't be understood; the message says why."""


@dataclass(frozen=True)
class Place:
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
        return self.application if self.unit is None else f"{self.application}/{self.unit}"


@dataclass(frozen=True)
class Question:
    """May this application ask that of the other?"""

    source: Place
    target: Place
    port: int | None = None
    """None: the only one that there is."""
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


def place(text: str, model: str, parameter: str) -> Place:
    """Read the name of an application or a unit: `app`, `app/0`, `model/app` or `model/app/0`.

    Args:
        text: what an operator wrote.
        model: the one that is meant if none is named.
        parameter: which parameter that is, for the message.

    Raises:
        UnclearQuestionError: if it is no such name.
    """
    if short := re.fullmatch(rf"({_NAME})/([0-9]+)", text):
        return Place(model, short[1], int(short[2]))
    if found := _APPLICATION.fullmatch(text):
        unit = found["unit"]
        return Place(found["model"] or model, found["name"], None if unit is None else int(unit))
    raise UnclearQuestionError(
        f"{parameter}={text!r} is no application: write app or model/app, with /0 after it for one unit"
    )


def question(
    *,
    source: str,
    target: str,
    model: str,
    port: int | None = None,
    method: str | None = None,
    path: str | None = None,
    host: str | None = None,
) -> Question:
    """Read a question as it comes from an operator.

    Raises:
        UnclearQuestionError: if it can't be understood.
    """
    asking = place(source, model, "source")
    if port is not None and not 0 < port < 65536:
        raise UnclearQuestionError(f"port={port} is no port: it is a number from 1 to 65535")
    if method is not None and not re.fullmatch(r"[A-Za-z]{1,32}", method):
        raise UnclearQuestionError(f"method={method!r} is no HTTP method, such as GET")
    if path is not None and not path.startswith("/"):
        raise UnclearQuestionError(f"path={path!r} does not begin with /")
    if path is not None and not is_sendable(path):
        raise UnclearQuestionError(
            f"path={path!r} is no path of a request: write spaces, #, and what is not ASCII as %20 and so on"
        )
    return Question(
        # Every unit of an application has the same identity.
        Place(asking.model, asking.name),
        place(target, model, "target"),
        port,
        method and method.upper(),
        path,
        host,
    )
