"""Makes requests from inside the pod, with its identity in the mesh."""

import urllib.error
import urllib.request

_SECONDS = 10


def fetch(url: str, method: str, body: str) -> dict[str, str]:
    """Send a request; return `code` and `body` of the answer, or else `error`."""
    request = urllib.request.Request(url, data=body.encode() or None, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return {"code": str(answer.status), "body": answer.read().decode()}
    except urllib.error.HTTPError as refusal:
        return {"code": str(refusal.code), "body": refusal.read().decode()}
    except OSError as error:
        return {"error": str(error)}
