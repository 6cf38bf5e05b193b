"""The API server, with the user's rights: lists, reads, server-side apply and watches.

Owns the requests, and the meaning of their errors for a person. Bodies are plain data, which the
callers interpret. Methods block and may be called from several threads.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import urllib3

from kubectl_dcs import kinds
from kubectl_dcs.kinds import FIELD_MANAGER
from kubectl_dcs.login import log_in
from kubectl_dcs.problems import ApiProblem, NotFound
from kubectl_dcs.refusals import cause_of, in_words, refusal

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from kubectl_dcs.kinds import Kind
    from kubectl_dcs.login import Login
    from kubectl_dcs.where import Where

Body = dict[str, Any]

JSON: Final = "application/json"
METADATA_ONLY: Final = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

PAGE_SIZE: Final = 500
"""Objects per page of a list, the same number as kubectl's."""

CONNECT_S_MAX: Final = 10.0
READ_S_MAX: Final = 60.0
"""Wait for the next bytes of an answer; the API server itself ends a request after 60 s."""

WATCH_S: Final = 60
"""The API server ends a watch after this time; a dead connection is noticed soon afterwards."""

WATCH_SLACK_S: Final = 15.0

TRIES_MAX: Final = 3
"""Every request may be repeated: none creates anything, and applying is idempotent."""

PAUSE_S: Final = 0.5
PAUSE_S_MAX: Final = 10.0
"""The longest pause, even if a server asks for a longer one."""

CHUNK_BYTES: Final = 64 * 2**10

PASSING: Final = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Listing:
    """A complete list, and the version from which a watch continues."""

    items: list[Body]
    version: str


class Cluster:
    """One API server as one user."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self.namespace = login.namespace

    def everything(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: str = "",
        name: str = "",
        limit: int = PAGE_SIZE,
        managers: bool = False,
    ) -> Listing:
        """Return all objects of one namespace, or of all, with these labels or this name.

        The managed fields are as large as the rest of an object, and included only on request.
        """
        found: list[Body] = []
        version = token = ""
        while True:
            query = {"limit": str(limit)} | _selecting(labels, name)
            query |= {"continue": token} if token else {}
            try:
                page = self._json("GET", kind.path(namespace), query, kind=kind)
            except ApiProblem as problem:
                if problem.code != HTTPStatus.GONE or not token:
                    raise
                # The list took longer than the API server keeps its version: start over.
                found, token = [], ""
                continue
            for body in page.get("items") or []:
                found.append(body if managers else _without_managers(body))
            metadata = page.get("metadata") or {}
            version = version or str(metadata.get("resourceVersion", ""))
            token = str(metadata.get("continue") or "")
            if not token:
                return Listing(found, version)

    def first_names(self, kind: Kind, limit: int) -> list[str]:
        """Return only the names of the first objects of the current namespace."""
        path = kind.path(self.namespace)
        page = self._json("GET", path, {"limit": str(limit)}, kind=kind, accept=METADATA_ONLY)
        return [str(item["metadata"]["name"]) for item in page.get("items") or []]

    def get(self, kind: Kind, namespace: str, name: str) -> Body:
        """Return one object; raises `NotFound`."""
        return self._json("GET", kind.path(namespace, name), kind=kind)

    def apply(
        self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any], *, dry_run: bool
    ) -> Body:
        """Apply fields by server-side apply, with the plugin's own field manager.

        Conflicts are forced: the caller has already decided, by the manager of the object, whether
        its fields may be taken over. Most fields belong to the creator of the object, because
        defaults do, so nothing could be changed without force.
        """
        query = {"fieldManager": FIELD_MANAGER, "force": "true"} | _writing(dry_run=dry_run)
        full = {"apiVersion": kinds.GROUP_VERSION, "kind": kind.kind, **body}
        path = kind.path(namespace, name)
        return self._json("PATCH", path, query, full, "application/apply-patch+yaml", kind=kind)

    def merge(
        self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any], *, dry_run: bool
    ) -> Body:
        """Change fields by a merge patch, which can remove what another manager applied."""
        query = {"fieldManager": FIELD_MANAGER} | _writing(dry_run=dry_run)
        path = kind.path(namespace, name)
        return self._json("PATCH", path, query, body, "application/merge-patch+json", kind=kind)

    def schema(self) -> Body:
        """Return the OpenAPI document of this project's group; empty if it is not served."""
        try:
            return self._json("GET", f"/openapi/v3/apis/{kinds.GROUP_VERSION}")
        except NotFound:
            return {}

    def watch(
        self, kind: Kind, namespace: str | None, *, labels: str, name: str, version: str
    ) -> Generator[tuple[str, Body]]:
        """Yield the type and the object of each event, until the server ends the watch.

        Raises:
            ApiProblem: The watch cannot continue; with code 410 a new list is needed.
        """
        query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
        query |= {"timeoutSeconds": str(WATCH_S)} | _selecting(labels, name)
        try:
            response = self._send(
                "GET", kind.path(namespace), query, read_s=WATCH_S + WATCH_SLACK_S
            )
            try:
                if response.status != HTTPStatus.OK:
                    raise refusal(response.status, response.data, kind)
                for line in _lines(response):
                    event = json.loads(line)
                    word, body = str(event.get("type")), event.get("object") or {}
                    if word == "ERROR":
                        raise ApiProblem(str(body.get("message")), int(body.get("code") or 0))
                    yield word, _without_managers(body)
            finally:
                response.close()
        except urllib3.exceptions.HTTPError as error:
            raise self._lost(error) from None
        except ValueError:
            raise ApiProblem("the watch broke off in the middle of an event") from None

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "",
        *,
        kind: Kind | None = None,
        accept: str = JSON,
    ) -> Body:
        """Return the decoded answer; transient errors are retried a few times."""
        attempt = 1
        while True:
            last = attempt == TRIES_MAX
            try:
                response = self._send(method, path, query or {}, body, content_type, accept=accept)
                data = response.data
            except urllib3.exceptions.HTTPError as error:
                if last or isinstance(cause_of(error), urllib3.exceptions.SSLError):
                    raise self._lost(error) from None
                pause_s = PAUSE_S * attempt
            else:
                if response.status not in PASSING or last:
                    return self._decoded(response.status, data, kind)
                pause_s = _pause_s(response.headers.get("Retry-After"), attempt)
            time.sleep(pause_s)
            attempt += 1

    def _decoded(self, status: int, data: bytes, kind: Kind | None) -> Body:
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise refusal(status, data, kind)
        try:
            answer = json.loads(data)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ApiProblem(f"{self._login.host} does not answer as an API server does")
        return answer

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = "",
        *,
        read_s: float = READ_S_MAX,
        accept: str = JSON,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": accept, "User-Agent": FIELD_MANAGER}
        headers["Accept-Encoding"] = "gzip"  # a list of thousands of objects compresses well
        headers |= {"Content-Type": content_type} if content_type else {}
        return self._login.pool.request(
            method,
            f"{self._login.host}{path}" + (f"?{urlencode(query)}" if query else ""),
            body=None if body is None else json.dumps(body).encode(),
            headers=headers | self._login.headers(),
            timeout=urllib3.Timeout(connect=CONNECT_S_MAX, read=read_s),
            retries=False,
            redirect=False,
            preload_content=False,
        )

    def _lost(self, error: urllib3.exceptions.HTTPError) -> ApiProblem:
        return ApiProblem(f"the API server {self._login.host} {in_words(cause_of(error))}")


def connect(where: Where) -> Cluster:
    """Return the cluster that the command line names, without contacting it yet."""
    return Cluster(log_in(where))


def _without_managers(body: Body) -> Body:
    (body.get("metadata") or {}).pop("managedFields", None)
    return body


def _selecting(labels: str, name: str) -> dict[str, str]:
    """Return the query of a list or watch; with a name, a right on that object is enough."""
    by_labels = {"labelSelector": labels} if labels else {}
    return by_labels | ({"fieldSelector": f"metadata.name={name}"} if name else {})


def _writing(*, dry_run: bool) -> dict[str, str]:
    """Return the query of every write: fields unknown to the CRD are an error, not dropped."""
    return {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Yield the complete lines of an answer as they arrive."""
    rest = b""
    while chunk := response.read1(CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line.strip())


def _pause_s(header: str | None, attempt: int) -> float:
    """Return the pause before the next try: what the server asks for, within bounds."""
    asked_s = float(header) if header and header.isdecimal() else 0.0
    return min(max(asked_s, PAUSE_S * attempt), PAUSE_S_MAX)
