"""Requests to the real API server over connections that stay open."""

import http.client
import ssl
from collections import deque
from urllib.parse import urlsplit

from sandbox.control_plane import ApiAnswer, Connection


class Upstream:
    """The API server, with an administrator who can impersonate all users."""

    def __init__(self, admin: Connection):
        self._admin = admin
        self._context = ssl.create_default_context(cadata=admin.authority)
        self._idle: deque[http.client.HTTPSConnection] = deque()

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        content_type: str = "application/json",
        speaking_for: tuple[str, str] | None = None,
    ) -> ApiAnswer:
        """Send a request in the name of the administrator, or of a user in a group."""
        headers = {
            "Authorization": f"Bearer {self._admin.token}",
            "Content-Type": content_type,
            "Accept": "application/json",
        }
        if speaking_for:
            headers["Impersonate-User"], headers["Impersonate-Group"] = speaking_for
        connection = self._connection()
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        self._idle.append(connection)
        return ApiAnswer(answer.status, answer.getheader("Content-Type", ""), text)

    def _connection(self) -> http.client.HTTPSConnection:
        try:
            return self._idle.pop()
        except IndexError:
            address = urlsplit(self._admin.url)
            return http.client.HTTPSConnection(address.hostname or "", address.port, context=self._context)
