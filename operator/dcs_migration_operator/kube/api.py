"""The API-server calls that do not go through kopf: Secrets, status, Leases, Events, discovery.

They use a session apart from the watch's: in a shared pool the watch starves behind status writes
(measured with 16 connections). The Lease has a third session: hanging Secret reads would otherwise
take all connections, and leadership would be lost. This module retries no call.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp

from dcs_migration_operator.core.kinds import GROUP, VERSION
from dcs_migration_operator.kube.credentials import credentials_of
from dcs_migration_operator.kube.errors import ApiError, NotFound, api_error
from dcs_migration_operator.kube.problems import labels_problem, secret_problem
from dcs_migration_operator.kube.session import open_exchange, open_session, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

    from dcs_migration_operator.core.model import Credentials, ObjectRef
    from dcs_migration_operator.kube.exchange import Exchange
    from dcs_migration_operator.kube.session import Cluster

LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
ALL_LEASES: Final = "/apis/coordination.k8s.io/v1/leases"

TIMEOUT_S: Final = 30.0
"""Timeout of one call; kube-apiserver itself gives up after 60 s."""

LEASE_TIMEOUT_S: Final = 4.0
"""Timeout of one Lease call: two of them fit into the time for which a renewal lasts."""

LEASE_CONNECTIONS_MAX: Final = 2
"""One connection each for the two concurrent callers, the elector and the search for neighbors."""

CONNECT_S: Final = 10.0

LIST_CHUNK: Final = 500
"""Objects per page of a listing; the size client-go uses."""

EVENTS: Final = "/api/v1/namespaces/{namespace}/events"

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
ONE_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

MESSAGE_CHARS_MAX: Final = 256
"""Most of what an error says; the API server names the field first."""

_SUCCESSES: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED})


class KubeApi:
    """Calls the API server; use it as an async context manager.

    Args:
        cluster: The cluster to call.
        connections_max: Most connections at once; further calls wait.
        timeout_s: Timeout of one call, including the wait for a connection.
    """

    def __init__(
        self, cluster: Cluster, connections_max: int, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.cluster = cluster
        self._connections_max, self._timeout_s = connections_max, timeout_s
        self._dated: tuple[float, float] | None = None
        self._date = ""
        self._session: aiohttp.ClientSession | None = None
        self._exchange: Exchange | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(self.cluster, self._connections_max)
        self._exchange = open_exchange(self._session, self.cluster, CONNECT_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session:
            await self._session.close()

    def server_now(self) -> float | None:
        """Return the API server's clock, in seconds since 1970; None before it has answered."""
        if self._dated is None:
            return None
        then, at = self._dated
        return then + asyncio.get_running_loop().time() - at

    async def served(self) -> set[str]:
        """Return the served resources and subresources of our group; empty without the CRDs."""
        try:
            body = await self._call("GET", f"/apis/{GROUP}/{VERSION}")
        except NotFound:
            return set()
        return {str(item.get("name")) for item in body.get("resources") or ()}

    async def probe_list(self, plural: str, namespace: str) -> str:
        """List at most one object to find out whether that is allowed; return the version."""
        body = await self._call(
            "GET", _path(plural, namespace), params={"limit": "1"}, accept=METADATA_ONLY
        )
        return str(body.get("metadata", {}).get("resourceVersion", ""))

    async def probe_watch(self, plural: str, namespace: str, version: str) -> None:
        """Begin and end a watch to find out whether that is allowed."""
        moment = {"watch": "true", "timeoutSeconds": "1", "resourceVersion": version}
        await self._call("GET", _path(plural, namespace), params=moment, read=False)

    async def versions(self, plural: str, namespaces: Iterable[str]) -> dict[str, int]:
        """Return uid → resourceVersion of all objects, reading only metadata, page by page."""
        found: dict[str, int] = {}
        for namespace in namespaces or ("",):
            params = {"limit": str(LIST_CHUNK)}
            while True:
                body = await self._call(
                    "GET", _path(plural, namespace), params=params, accept=METADATA_ONLY
                )
                try:
                    for item in body["items"] or ():  # null when there are none
                        metadata = item["metadata"]
                        found[metadata["uid"]] = int(metadata["resourceVersion"])
                except (KeyError, TypeError, ValueError):
                    raise ApiError(0, "the API server answered with something else") from None
                following = body.get("metadata", {}).get("continue")
                if not following:
                    break
                params["continue"] = following
        return found

    async def patch_status(self, ref: ObjectRef, status: Mapping[str, Any]) -> int:
        """Replace the status of one object and return its new `resourceVersion`.

        The patch tests the uid first: if the object was replaced by another of the same name, the
        API server answers 422.
        """
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": ref.uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        path = f"{_path(ref.plural, ref.namespace)}/{ref.name}/status"
        body = await self._patch(path, patch)
        try:
            return int(body["metadata"]["resourceVersion"])
        except (KeyError, TypeError, ValueError):
            raise ApiError(0, "the API server answered with something else") from None

    async def read_credentials(self, namespace: str, name: str) -> Credentials:
        """Return the credentials of one Secret (`engine.ports.SecretReader`)."""
        try:
            body = await self._call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        except ApiError as error:
            raise secret_problem(namespace, name, error) from None
        return credentials_of(body.get("data") or {}, namespace, name)

    async def read_labels(self, namespace: str) -> Mapping[str, str]:
        """Return the labels of one Namespace (`engine.ports.LabelsReader`)."""
        path = f"/api/v1/namespaces/{namespace}"
        try:
            body = await self._call("GET", path, accept=ONE_METADATA_ONLY)
        except ApiError as error:
            raise labels_problem(namespace, error) from None
        return dict(body.get("metadata", {}).get("labels") or {})

    async def get_lease(self, namespace: str, name: str) -> dict[str, Any]:
        """Read a Lease (`kube.lease.LeaseCalls`)."""
        return await self._call("GET", f"{LEASES.format(namespace=namespace)}/{name}")

    async def list_leases(self, namespace: str, selector: str, count_max: int) -> list[Any]:
        """List at most `count_max` Leases with these labels, in one namespace or in all."""
        path = LEASES.format(namespace=namespace) if namespace else ALL_LEASES
        params = {"labelSelector": selector, "limit": str(count_max)}
        return list((await self._call("GET", path, params=params)).get("items") or ())

    async def create_lease(
        self,
        namespace: str,
        name: str,
        spec: Mapping[str, Any],
        marks: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Create a Lease, with labels and annotations."""
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"namespace": namespace, "name": name, **(marks or {})},
            "spec": spec,
        }
        await self._call("POST", LEASES.format(namespace=namespace), sent=lease)

    async def put_lease(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Replace a Lease, unless it was changed in the meantime."""
        metadata = lease["metadata"]
        path = f"{LEASES.format(namespace=metadata['namespace'])}/{metadata['name']}"
        return await self._call("PUT", path, sent=lease)

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Create an Event."""
        await self._call("POST", EVENTS.format(namespace=namespace), sent=event)

    async def patch_event(self, namespace: str, name: str, news: Mapping[str, Any]) -> None:
        """Change fields of an existing Event."""
        path = f"{EVENTS.format(namespace=namespace)}/{name}"
        await self._call("PATCH", path, sent=news, content_type=MERGE_PATCH)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        sent: object = None,
        accept: str = "application/json",
        content_type: str = "application/json",
        read: bool = True,
    ) -> dict[str, Any]:
        if self._session is None:
            raise RuntimeError("KubeApi is used outside of its context")
        with _errors():
            async with self._session.request(
                method,
                self.cluster.server.rstrip("/") + path,
                params=params,
                json=sent,
                headers={"Accept": accept, "Content-Type": content_type},
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, connect=CONNECT_S),
                allow_redirects=False,
            ) as response:
                self._note_date(response.headers.get("Date", ""))
                if response.status in _SUCCESSES and not read:
                    response.close()
                    return {}
                return _body(response.status, await response.read())

    async def _patch(self, path: str, patch: object) -> dict[str, Any]:
        """Patch one object with JSON Patch the shortest way, and return its metadata."""
        if self._exchange is None:
            return await self._call(
                "PATCH", path, sent=patch, content_type=JSON_PATCH, accept=ONE_METADATA_ONLY
            )
        with _errors():
            async with asyncio.timeout(self._timeout_s):
                answer = await self._exchange.send(
                    "PATCH",
                    path,
                    json.dumps(patch).encode(),
                    accept=ONE_METADATA_ONLY,
                    content_type=JSON_PATCH,
                )
            self._note_date(answer.date)
            return _body(answer.status, answer.body)

    def _note_date(self, text: str) -> None:
        if text == self._date:
            return  # hundreds of answers share a second; the first one is the most precise
        with contextlib.suppress(ValueError):
            moment = parsedate_to_datetime(text).timestamp()
            self._dated = (moment, asyncio.get_running_loop().time())
            self._date = text


def _path(plural: str, namespace: str) -> str:
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{GROUP}/{VERSION}{scope}/{plural}"


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Turn whatever keeps an answer from coming into an `ApiError`, without its text."""
    try:
        yield
    except TimeoutError:
        raise ApiError(0, "the API server did not answer in time") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ApiError(0, f"the API server cannot be reached ({reason_of(error)})") from None


def _body(status: int, text: bytes) -> dict[str, Any]:
    """Return the object in a success, empty if it is none; raises `ApiError` for all others."""
    if status not in _SUCCESSES:
        raise api_error(status, _message(status, text))
    body = json.loads(text)
    return body if isinstance(body, dict) else {}


def _message(status: int, text: bytes) -> str:
    """Return the message of a `Status` answer; any other body is left out."""
    try:
        return str(json.loads(text)["message"])[:MESSAGE_CHARS_MAX]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {status}"
