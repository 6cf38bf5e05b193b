"""A small client of the API server: JSON over HTTPS, no framework, no proxies.

Owns what tests and the demo need at speed, such as creating a thousand objects; kubectl is for
what people would type. It blocks and may be used from several threads.
"""

from __future__ import annotations

import http.client
import json
import queue
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PATCH_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "apply": "application/apply-patch+yaml",
}

REQUEST_TIMEOUT_S = 30.0
"""For one request; a paused API server shows as a timeout after this."""

WORKERS = 16
"""Parallel requests of `create_many`; more do not make a server on two cores faster."""

STALE = (
    http.client.RemoteDisconnected,
    ConnectionResetError,
    BrokenPipeError,
    ssl.SSLEOFError,
)
"""How a kept connection shows that the server has closed it in the meantime."""


class ApiError(OSError):
    """The API server answered with an error.

    Attributes:
        status: The HTTP status.
        message: The server's own words, as a person reads them in kubectl.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Api:
    """Requests to one API server as one user; `timeout_s` is for one request."""

    def __init__(
        self, url: str, ca_file: Path, token: str, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> None:
        self._timeout_s = timeout_s
        self._address = urlsplit(url).netloc
        self._tls = ssl.create_default_context(cafile=str(ca_file))
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._idle: queue.LifoQueue[http.client.HTTPSConnection] = queue.LifoQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all kept connections."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def get(self, path: str, **query: str) -> Any:
        """Read an object or a list; `query` takes for example `fieldSelector`."""
        return self.request("GET", f"{path}?{urlencode(query)}" if query else path)

    def create(self, path: str, body: Any) -> Any:
        """Create an object in the collection at `path`."""
        return self.request("POST", path, body)

    def create_many(self, path: str, bodies: Iterable[Any], workers: int = WORKERS) -> list[Any]:
        """Create objects in parallel and return them in the order given."""
        with ThreadPoolExecutor(max_workers=workers) as pool:
            return list(pool.map(lambda body: self.create(path, body), bodies))

    def replace(self, path: str, body: Any) -> Any:
        """Replace an object as a whole."""
        return self.request("PUT", path, body)

    def patch(self, path: str, body: Any, kind: str = "merge") -> Any:
        """Change parts of an object; `kind` is `merge`, `json` or `apply`."""
        return self.request("PATCH", path, body, PATCH_TYPES[kind])

    def delete(self, path: str) -> Any:
        """Delete an object."""
        return self.request("DELETE", path)

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Any:
        """Send one request and return the decoded answer; text if it is not JSON.

        Raises:
            ApiError: The server refused.
            OSError: The server cannot be reached or does not answer in time.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({"Content-Type": content_type} if data else {})
        status, kind, text = self._exchange(method, path, data, headers)
        answer = json.loads(text) if kind.startswith("application/json") else text
        if status >= http.HTTPStatus.BAD_REQUEST:
            message = answer["message"] if isinstance(answer, dict) else answer
            raise ApiError(status, message)
        return answer

    def _exchange(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, str, str]:
        """Send and receive on a kept connection, or on a new one if the kept one is stale."""
        try:
            connection, kept = self._idle.get_nowait(), True
        except queue.Empty:
            connection, kept = self._connect(), False
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            text = response.read().decode()
        except STALE:
            connection.close()
            if not kept:
                raise
            # Closed while idle, so the request was not seen; the next kept one may be stale too.
            return self._exchange(method, path, data, headers)
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)
        return response.status, response.getheader("Content-Type", ""), text

    def _connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self._address, timeout=self._timeout_s, context=self._tls
        )
