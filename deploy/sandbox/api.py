"""The API client of the tests, the demo and the bench: pykube-ng's, addressed by paths.

Owns what pykube-ng lacks: many creates at once, the types of patches (its objects support neither
JSON patch nor server-side apply), and refusals with the server's own message as an `OSError`, so
that `sandbox.waiting` waits through them. kubectl is used for what people would type.

It blocks, and several threads may use one client: all they share of pykube-ng's session is its
connection pool, which urllib3 locks. urllib3 also notices kept connections that the server has
closed in the meantime, before anything is sent on them.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Self

from pykube.config import KubeConfig
from pykube.http import HTTPClient, KubernetesHTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

JSON: Final = "application/json"

PATCH_TYPES: Final = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "apply": "application/apply-patch+yaml",
}

REQUEST_TIMEOUT_S: Final = 30.0
"""Time limit of one request; a paused API server shows as a timeout after this."""

WORKERS: Final = 16
"""Concurrent requests of `create_many`; more would not be faster with a server on two cores."""


class ApiError(OSError):
    """The API server answered with an error.

    Attributes:
        status: The HTTP status.
        message: The server's own message, as kubectl shows it.
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
        name = "sandbox"
        config = KubeConfig(
            {
                "clusters": [
                    {"name": name, "cluster": {"server": url, "certificate-authority": ca_file}}
                ],
                "users": [{"name": name, "user": {"token": token}}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
                "current-context": name,
            }
        )
        adapter = KubernetesHTTPAdapter(config, pool_maxsize=WORKERS)
        self._client = HTTPClient(config, timeout=timeout_s, http_adapter=adapter)
        # Everything is on loopback: neither a proxy nor the CAs of the environment matter.
        self._client.session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all kept connections."""
        self._client.session.close()

    def get(self, path: str, **query: str) -> Any:
        """Read an object or a list; `query` takes for example `fieldSelector`."""
        return self.request("GET", path, **query)

    def create(self, path: str, body: Any) -> Any:
        """Create an object in the collection at `path`."""
        return self.request("POST", path, body)

    def create_many(self, path: str, bodies: Iterable[Any]) -> list[Any]:
        """Create objects in parallel and return them in the order given."""
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(lambda body: self.create(path, body), bodies))

    def replace(self, path: str, body: Any) -> Any:
        """Replace an object as a whole."""
        return self.request("PUT", path, body)

    def patch(self, path: str, body: Any, kind: str = "merge") -> Any:
        """Change parts of an object; `kind` is one of `PATCH_TYPES`."""
        return self.request("PATCH", path, body, PATCH_TYPES[kind])

    def apply(self, path: str, body: Any, manager: str) -> Any:
        """Apply an object by server-side apply as this field manager, forcing conflicts."""
        kind = PATCH_TYPES["apply"]
        return self.request("PATCH", path, body, kind, fieldManager=manager, force="true")

    def delete(self, path: str) -> Any:
        """Delete an object."""
        return self.request("DELETE", path)

    def watch(self, path: str, version: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a collection after a resourceVersion, until no more arrive.

        Raises:
            OSError: No event arrived within the time limit of one request.
        """
        response = self._client.request(
            "GET",
            base="",
            version="",
            url=path,
            params={"watch": "true", "resourceVersion": version},
            stream=True,
        )
        with response:
            for line in response.iter_lines(chunk_size=None):
                yield json.loads(line)

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = JSON, **query: str
    ) -> Any:
        """Send one request and return the decoded answer; text if it is not JSON.

        Raises:
            ApiError: The server refused.
            OSError: The server cannot be reached or does not answer in time.
        """
        response = self._client.request(
            method,
            # An empty base and version leave the path as it is.
            base="",
            version="",
            url=path,
            params=query,
            data=None if body is None else json.dumps(body),
            headers={"Accept": JSON} | ({} if body is None else {"Content-Type": content_type}),
        )
        is_json = response.headers.get("Content-Type", "").startswith(JSON)
        answer = response.json() if is_json else response.text
        if not response.ok:
            message = answer["message"] if isinstance(answer, dict) else answer
            raise ApiError(response.status_code, message)
        return answer
