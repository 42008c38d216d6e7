"""Requests from inside pods, and their outcome in the mesh."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from juju.unit import Unit

_REFUSED = 403
_SECONDS_BETWEEN = 3


@dataclass(frozen=True)
class Fetched:
    """The outcome of a request."""

    code: int | None
    """The HTTP status; None if there was no answer."""
    body: str = ""
    error: str = ""

    @property
    def allowed(self) -> bool:
        """Return whether the request reached the server: a waypoint denies with 403, a pod by no answer."""
        return self.code is not None and self.code != _REFUSED


@dataclass(frozen=True)
class Visitor:
    """A unit of mesh-tester-k8s."""

    unit: "Unit"

    async def fetch(self, url: str, method: str = "GET", body: str = "") -> Fetched:
        """Make a request from the unit's pod."""
        action = await self.unit.run_action("fetch", url=url, method=method, body=body)
        results: dict[str, str] = (await action.wait()).results
        code = results.get("code")
        return Fetched(int(code) if code else None, results.get("body", ""), results.get("error", ""))

    async def sees(self, url: str, *, allowed: bool, method: str = "GET", body: str = "") -> Fetched:
        """Wait until a request is allowed, or denied: a change takes some seconds to reach the mesh.

        Raises:
            TimeoutError: if it never is.
        """
        return await eventually(
            lambda: self.fetch(url, method, body), lambda fetched: fetched.allowed is allowed
        )


async def eventually(
    look: Callable[[], Awaitable[Fetched]], is_so: Callable[[Fetched], bool], *, within: float = 120
) -> Fetched:
    """Look again and again until it is so.

    Args:
        look: makes a request.
        is_so: whether its outcome is the one that is waited for.
        within: seconds after which it is given up.

    Returns:
        The outcome that is as wanted.

    Raises:
        TimeoutError: with the last outcome, if there is no such one in time.
    """
    deadline = time.monotonic() + within
    while True:
        seen = await look()
        if is_so(seen):
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {within:.0f} seconds: {seen}")
        await asyncio.sleep(_SECONDS_BETWEEN)


def service(app: str, model: str, port: int, path: str = "/") -> str:
    """The URL of something at an application's Service."""
    return f"http://{app}.{model}.svc.cluster.local:{port}{path}"


def pod(unit: str, model: str, port: int, path: str = "/") -> str:
    """The URL of something at a unit's pod; `unit` as Juju names it."""
    app, _, number = unit.partition("/")
    return f"http://{app}-{number}.{app}-endpoints.{model}.svc.cluster.local:{port}{path}"
