"""Opens HTTP sessions to the API server, with address, TLS, token and trace callbacks."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp

from dcs_migration_operator import __version__
from dcs_migration_operator.kube.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcs_migration_operator.kube.pulse import Pulse


USER_AGENT: Final = f"dcs-migration-operator/{__version__}"
"""Our name in audit logs and, up to the slash, in the `managedFields` of objects we write."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """How to reach the API server and authenticate to it.

    Attributes:
        headers: Headers of each request; they hold the token if it does not rotate.
        impersonation: Further headers of each request; a name may occur more than once.
        token_file: File with a token that rotates on disk; read again when it changes.
        namespace: The namespace of the pod or of the kubeconfig's context.
    """

    server: str
    namespace: str
    ssl: ssl.SSLContext | bool = field(default=True, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    impersonation: tuple[tuple[str, str], ...] = ()
    token_file: str = ""
    proxy: str | None = field(default=None, repr=False)


def open_session(
    cluster: Cluster,
    connections_max: int,
    heard: Callable[[], None] | None = None,
    listed: Callable[[], None] | None = None,
    pulse: Pulse | None = None,
    response_class: type[aiohttp.ClientResponse] = aiohttp.ClientResponse,
) -> aiohttp.ClientSession:
    """Return a session.

    Args:
        cluster: The API server to connect to.
        connections_max: Most connections at once; 0 means no limit.
        heard: Called whenever a request begins or a chunk of a response arrives, except for
            chunks of watches, which only `response_class` receives.
        listed: Called whenever a list call begins.
        pulse: Notified when a watch is requested and when its response begins.
        response_class: The class that reads responses.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections_max, ssl=cluster.ssl),
        headers=_headers(cluster),
        proxy=cluster.proxy,
        middlewares=(_authorizing(RotatingToken(cluster.token_file)),)
        if cluster.token_file
        else (),
        trace_configs=[_tracer(heard, listed, pulse)] if heard and listed and pulse else None,
        timeout=aiohttp.ClientTimeout(total=None),
        response_class=response_class,
        trust_env=False,
    )


def open_exchange(
    session: aiohttp.ClientSession, cluster: Cluster, connect_s: float
) -> Exchange | None:
    """Return the shorter way over the connections of a session; None if there is a proxy."""
    if cluster.proxy:
        return None
    token = RotatingToken(cluster.token_file) if cluster.token_file else None
    return Exchange(
        session,
        cluster.server,
        headers=_headers(cluster),
        authorization=token.header if token else str,
        connect_s=connect_s,
    )


def _headers(cluster: Cluster) -> list[tuple[str, str]]:
    """Return the headers of each request, without those of a token that rotates."""
    return [("User-Agent", USER_AGENT), *cluster.headers.items(), *cluster.impersonation]


def reason_of(error: Exception) -> str:
    """Return a text that says why a call was not answered; it holds no secret of the call."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            cause = error.certificate_error
            known = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else ""
            reason = f"its certificate does not verify: {known.rstrip('.') or 'unknown reason'}"
        case aiohttp.ClientHttpProxyError():
            reason = f"the proxy answers {error.status}"
        case aiohttp.ClientProxyConnectionError():
            reason = f"the proxy: {_system(error)}"
        case aiohttp.ClientConnectorDNSError():
            reason = "its name cannot be resolved"
        case aiohttp.ClientConnectorSSLError():
            reason = "it does not speak TLS as it should"
        case OSError():
            reason = _system(error)
        case _:
            reason = type(error).__name__
    return reason


def _system(error: OSError) -> str:
    """Return the operating system's text; that of a library may quote its input."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    what = f"{cause.filename}: " if cause.filename else ""
    return what + (os.strerror(error.errno) if error.errno else type(error).__name__)


def _tracer(
    heard: Callable[[], None], listed: Callable[[], None], pulse: Pulse
) -> aiohttp.TraceConfig:
    async def note(*_: object) -> None:
        heard()

    async def note_listing(
        _session: aiohttp.ClientSession, _: object, begun: aiohttp.TraceRequestStartParams
    ) -> None:
        if "limit" in begun.url.query and "continue" not in begun.url.query:
            listed()
        if begun.url.query.get("watch") == "true":
            pulse.asked(begun.url.path)

    async def note_answer(
        _session: aiohttp.ClientSession, _: object, ended: aiohttp.TraceRequestEndParams
    ) -> None:
        if ended.url.query.get("watch") == "true" and ended.response.ok:
            pulse.proven(ended.url.path)

    tracer = aiohttp.TraceConfig()
    tracer.on_request_start.append(note_listing)
    tracer.on_request_start.append(note)
    tracer.on_request_end.append(note_answer)
    tracer.on_response_chunk_received.append(note)
    return tracer


class RotatingToken:
    """Makes the `Authorization` header from a file that the kubelet renews."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._changed_ns = -1
        self._header = ""

    def header(self) -> str:
        """Return the value of the header; raises OSError if there is no such file."""
        changed_ns = self._path.stat().st_mtime_ns
        if changed_ns != self._changed_ns:
            self._header = f"Bearer {self._path.read_text().strip()}"
            self._changed_ns = changed_ns
        return self._header


def _authorizing(token: RotatingToken) -> aiohttp.ClientMiddlewareType:
    async def authorize(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.headers["Authorization"] = token.header()
        return await handler(request)

    return authorize
