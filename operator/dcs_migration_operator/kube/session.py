"""Opens HTTP sessions to the API server: where it is, whom to trust, which token, who listens."""

from __future__ import annotations

import ssl  # noqa: TC003 - dataclass fields are resolved at run time by some tools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Cluster:
    """How to reach and convince the API server.

    Attributes:
        headers: Sent with each request; holds the token if that does not rotate.
        token_file: A token that rotates on disk; read again when the file changes.
        namespace: Of the pod, or of the kubeconfig's context.
    """

    server: str
    namespace: str
    ssl: ssl.SSLContext | bool = field(default=True, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    token_file: str = ""
    proxy: str | None = None


def open_session(
    cluster: Cluster,
    connections_max: int,
    heard: Callable[[], None] | None = None,
    listed: Callable[[], None] | None = None,
    response_class: type[aiohttp.ClientResponse] = aiohttp.ClientResponse,
) -> aiohttp.ClientSession:
    """Return a session.

    Args:
        cluster: Where to connect.
        connections_max: 0 means no limit.
        heard: Called whenever a request begins or a piece of an answer arrives, but for watches:
            their pieces are seen by `response_class` alone.
        listed: Called whenever a listing begins.
        response_class: How answers are read.
    """
    token = _RotatingToken(cluster.token_file) if cluster.token_file else None
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections_max, ssl=cluster.ssl),
        headers=cluster.headers,
        proxy=cluster.proxy,
        middlewares=(token,) if token else (),
        trace_configs=[_tracer(heard, listed)] if heard and listed else None,
        timeout=aiohttp.ClientTimeout(total=None),
        response_class=response_class,
        trust_env=False,
    )


def _tracer(heard: Callable[[], None], listed: Callable[[], None]) -> aiohttp.TraceConfig:
    async def note(*_: object) -> None:
        heard()

    async def note_listing(
        _session: aiohttp.ClientSession, _: object, begun: aiohttp.TraceRequestStartParams
    ) -> None:
        if "limit" in begun.url.query and "continue" not in begun.url.query:
            listed()

    tracer = aiohttp.TraceConfig()
    tracer.on_request_start.append(note_listing)
    tracer.on_request_start.append(note)
    tracer.on_response_chunk_received.append(note)
    return tracer


class _RotatingToken:
    """Sets the `Authorization` header of each request from a file that the kubelet renews."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._changed_ns = -1
        self._header = ""

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        changed_ns = self._path.stat().st_mtime_ns
        if changed_ns != self._changed_ns:
            self._header = f"Bearer {self._path.read_text().strip()}"
            self._changed_ns = changed_ns
        request.headers["Authorization"] = self._header
        return await handler(request)
