"""The readiness of a workload, from its endpoint's answer."""

import enum
import http.client
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass

_LONGEST_ANSWER = 1000


class ServiceEndpointStatus(enum.Enum):
    """The readiness of a worker's services."""

    starting = "starting"
    up = "up"
    down = "down"


@dataclass(frozen=True)
class Readiness:
    """The readiness of a workload, with the reason if it is not ready."""

    status: ServiceEndpointStatus
    reason: str = ""


def probe(url: str, ca_cert: str | None = None, *, timeout: float = 3.0) -> Readiness:
    """Ask a workload once whether it is ready.

    Args:
        url: the endpoint, which answers `ready`; another answer, or a 503, means that the workload is
            starting.
        ca_cert: PEM text of the CA to trust besides those that the system does.
        timeout: the seconds to wait for an answer; with 0, nothing is asked.
    """
    if not timeout:
        return Readiness(ServiceEndpointStatus.starting, "no time left in this hook to check it")
    try:
        code, answer = _ask(url, ca_cert, timeout)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Readiness(ServiceEndpointStatus.down, f"no answer from {url}: {_first_line(str(error))}")
    if code >= http.HTTPStatus.BAD_REQUEST:
        unready = code == http.HTTPStatus.SERVICE_UNAVAILABLE
        status = ServiceEndpointStatus.starting if unready else ServiceEndpointStatus.down
        return Readiness(status, f"it answered {code} {_first_line(answer)}".strip())
    if answer.strip() == "ready":
        return Readiness(ServiceEndpointStatus.up)
    return Readiness(ServiceEndpointStatus.starting, _first_line(answer))


def _ask(url: str, ca_cert: str | None, timeout: float) -> tuple[int, str]:
    """Return status and body of the answer.

    Raises:
        OSError, ValueError, http.client.HTTPException: if there is none, or it is incomplete.
    """
    try:
        with _opener(url, ca_cert).open(url, timeout=timeout) as response:
            return response.status, response.read(_LONGEST_ANSWER).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_LONGEST_ANSWER).decode(errors="replace")


def _opener(url: str, ca_cert: str | None) -> urllib.request.OpenerDirector:
    # The workload is in this pod, which no proxy can reach.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if url.startswith("https:"):
        context = ssl.create_default_context()
        if ca_cert:
            context.load_verify_locations(cadata=ca_cert)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:100]
