"""HTTP exchanges with one host: connect, compose the request, write it, read the answer.

This is the only module that uses requests and urllib3. They receive only the destination of a
request; its content is composed once the connection is established, so that no path around this
module could write a signed request. At every step it is known whether the request was written;
until then the call had no effect. Nothing is retried or redirected: redirects, cookies, `.netrc`
and proxies from the environment are off.

requests limits the time of each read, not of the call, so that a server which sends a byte now and
then could hold its caller for ever. Here every step gets the time that is left of the call's limit.
"""

from __future__ import annotations

import http.client
import io
import logging
import math
import re
import ssl
import threading
import time
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter

from dcs_migration_operator.core.errors import (
    TIMEOUT,
    DcsError,
    Misconfigured,
    OutcomeUnknown,
    Unavailable,
    Untrusted,
)
from dcs_migration_operator.core.model import ErrorDetail
from dcs_migration_operator.dcs import addresses
from dcs_migration_operator.dcs.trust import NoCertificate, why_untrusted

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from dcs_migration_operator.dcs.proxy import Proxy

logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
"""Its warnings about unparsable headers quote them, and a gateway may repeat the key in one."""

CHUNK_BYTES: Final = 64 * 2**10

ERROR_BODY_BYTES_MAX: Final = 64 * 2**10
"""Bytes read of an unsuccessful answer: its code and text are in the first kilobyte."""

IDLE_S: Final = 30.0
"""A connection that was idle for this long is not used any more: a gateway or NAT on the way drops
it after a minute or more, often silently, and a request sent into it has an unknown outcome."""

PROXY_REFUSALS: Final = frozenset({401, 403, 405, 407})
"""Statuses of a proxy that only a person can resolve."""

_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
"""The standard library's text for a proxy that answers anything but 200."""

_OF_A_LIBRARY: Final = (requests.RequestException, urllib3.exceptions.HTTPError)

_BROKEN: Final = (*_OF_A_LIBRARY, OSError, ValueError, http.client.HTTPException)
"""The errors of a connection that broke or was never made; their texts may come from outside."""


@dataclass(frozen=True, slots=True)
class Route:
    """How to reach an endpoint.

    Attributes:
        base: The endpoint without a path, as in `https://dcs.example.com:8443`.
        context: Returns the TLS context for a new connection.
        anywhere: Whether the host may be a loopback or link-local address.
    """

    base: str
    host: str
    port: int
    context: Callable[[], ssl.SSLContext]
    anywhere: bool
    proxy: Proxy | None


@dataclass(frozen=True, slots=True)
class Request:
    """A request to write; `path` includes the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Attributes:
        request: The request as it was written.
        headers: The headers of the answer; names are case-insensitive.
        body: The part of the body that arrived.
        broken: Code and text that say why the body is incomplete; None if it is complete.
    """

    request: Request
    status: int
    headers: Mapping[str, str]
    body: bytes
    broken: tuple[str, str] | None = None


class Transport:
    """Makes exchanges with one host; may be used from several threads.

    Args:
        connect_timeout_s: Time limit for TCP, the proxy and TLS together.
        timeout_s: Time limit for the whole exchange.
        connections_max: Most idle connections to keep.
    """

    def __init__(
        self, route: Route, *, connect_timeout_s: float, timeout_s: float, connections_max: int
    ) -> None:
        self._route = route
        self._connect_timeout_s, self._timeout_s = connect_timeout_s, timeout_s
        self._session = _Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.mount(route.base, _Adapter(pool_connections=1, pool_maxsize=connections_max))

    def exchange(
        self, method: str, path: str, compose: Callable[[], Request | None], bytes_max: int
    ) -> Answer | None:
        """Write what `compose` returns once there is a connection, and return the answer.

        Args:
            method: The HTTP method.
            path: The path of the request, without its query.
            compose: Called in this thread right before the first byte is written; nothing is
                written if it returns None or takes longer than the time that is left.
            bytes_max: Largest body of a successful answer.

        Raises:
            OutcomeUnknown: The request was written, but no head of an answer came.
            DcsError: For any other class, nothing was written.
        """
        call = _here.call = _Call(self._route, compose, self._connect_timeout_s, self._timeout_s)
        try:
            # Prepared without the session's headers, cookies and environment: none of it is sent.
            request = requests.Request(method, self._route.base + path).prepare()
            response = self._session.send(
                request, timeout=self._timeout_s, proxies={}, allow_redirects=False, stream=True
            )
        except _Withdrawn:
            return None
        except _BROKEN as error:
            if call.written is None and not isinstance(error, _OF_A_LIBRARY):
                raise  # it came from `compose`
            raise _failure(call, error) from None
        with response:
            if call.written is None:
                raise AssertionError("an answer, but nothing was asked")
            ok = response.status_code == requests.codes.ok
            body, broken = _body(response.raw, bytes_max if ok else ERROR_BODY_BYTES_MAX)
        return Answer(call.written, response.status_code, response.headers, body, broken)

    def close(self) -> None:
        """Close idle connections; an exchange in progress ends by its own deadline."""
        self._session.close()


class _Withdrawn(Exception):
    """There is no request to send any more."""


class _Call:
    """What a connection has to know about the call that its thread makes.

    The monotonic clock does not jump when the wall clock is set. It stands still while a machine
    sleeps, as socket timeouts do; a call in progress then ends that much later, or finds its
    connection broken.
    """

    def __init__(
        self,
        route: Route,
        compose: Callable[[], Request | None],
        connect_timeout_s: float,
        timeout_s: float,
    ) -> None:
        self.route, self.compose = route, compose
        self.connect_timeout_s = connect_timeout_s
        self.ends_at = self.until = time.monotonic() + timeout_s
        self.written: Request | None = None
        self.answer: _Response | None = None

    def left_s(self) -> float:
        """Return the seconds that are left for this step.

        Raises:
            TimeoutError: No time is left.
        """
        left_s = self.until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the call exceeded its deadline")
        return left_s


class _Here(threading.local):
    call: _Call


_here = _Here()
"""The call that the current thread makes; a call stays in one thread."""


class _Raw(io.RawIOBase):
    """The bytes of one answer; no read takes longer than the time left of the call."""

    def __init__(self, sock: socket.socket, original: io.RawIOBase) -> None:
        self._sock, self._original = sock, original

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_here.call.left_s())
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        self._original.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Raw(sock, self.fp.detach()))
        _here.call.answer = self


class _Http(urllib3.connection.HTTPConnection):
    auto_open = 0  # connect only explicitly, never in the middle of a request
    response_class = _Response
    _written_at_s = math.inf

    def connect(self) -> None:
        """Connect, through the proxy if there is one, and verify the server by TLS.

        Raises:
            DcsError: The connection failed; at most a `CONNECT` was written.
        """
        call, self._written_at_s = _here.call, math.inf
        route, proxy = call.route, call.route.proxy
        try:
            if proxy:
                self.set_tunnel(route.host, route.port, proxy.headers(route.host, route.port))
            super().connect()
            if not route.anywhere and not proxy and self.sock:
                addresses.judge(route.host, str(self.sock.getpeername()[0]))
        except DcsError as error:
            raise _behind(route, error) from None
        except _BROKEN as error:
            raise _behind(route, _unconnected(route, error)) from None
        finally:
            call.until = call.ends_at

    def _new_conn(self) -> socket.socket:
        """Return a connected socket; urllib3's own method would not check the resolved address."""
        call, route = _here.call, _here.call.route
        host, port, anywhere = route.host, route.port, route.anywhere
        if route.proxy:
            if not anywhere:
                addresses.judge(host, host)  # the proxy resolves names, so check addresses only
            host, port, anywhere = route.proxy.host, route.proxy.port, True
        found = addresses.resolved(host, port, anywhere=anywhere)
        call.until = min(time.monotonic() + call.connect_timeout_s, call.ends_at)
        return addresses.connected(host, found, until_s=call.until)

    def request(self, *_: Any, **options: Any) -> None:
        """Write the request that the call composes, and ignore the arguments."""
        call = _here.call
        if not self.is_closed and self._is_doubtful():
            self.close()
        if self.is_closed:
            self.connect()
        request = call.compose()
        if time.monotonic() >= call.ends_at:
            text = f"{call.route.host}: it took too long until the request could be sent"
            raise _fault(Unavailable, "connect-timeout", text)
        if request is None:
            raise _Withdrawn
        self.timeout = call.left_s()
        call.written, self._written_at_s = request, _age_clock_s()
        options |= {"body": request.body or None, "headers": request.headers, "chunked": False}
        try:
            super().request(request.method, request.path, **options)
        except (ValueError, http.client.InvalidURL):  # nothing was sent; the texts quote a value
            raise _unwritable() from None

    def getresponse(self) -> Any:
        """Read the head of an answer; close the answer if urllib3 refuses it.

        http.client hands the socket over to an answer that ends with its connection. If urllib3
        then rejects a header, such as two lengths, the socket would never be closed.
        """
        try:
            return super().getresponse()
        except BaseException:
            if _here.call.answer:
                _here.call.answer.close()
            raise

    def _is_doubtful(self) -> bool:
        """Tell whether the connection was idle for too long, or TLS holds unsolicited bytes.

        The pool itself closes a connection that ended or became readable.
        """
        stray = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()
        return bool(stray) or _age_clock_s() - self._written_at_s > IDLE_S


class _Https(_Http, urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        """Connect with the certificates that the route trusts at this moment."""
        try:
            self.ssl_context, self.ca_certs = _here.call.route.context(), None
        except NoCertificate as error:
            text = f"spec.caBundle cannot be used: {error}"
            raise _fault(Untrusted, "ca-bundle", text) from None
        super().connect()


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pools with our connection classes."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: requests parses the target of a redirect even if it does not follow it."""


def _age_clock_s() -> float:
    """Return seconds from a clock that also runs while the machine sleeps, if there is one.

    A gateway drops idle connections during that time too, but Linux's monotonic clock stands still.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _body(
    raw: urllib3.response.BaseHTTPResponse, bytes_max: int
) -> tuple[bytes, tuple[str, str] | None]:
    """Return the body and, if it is incomplete, code and text that say why."""
    body = bytearray()
    try:
        while chunk := raw.read1(CHUNK_BYTES):
            body += chunk
            if len(body) > bytes_max:
                return bytes(body), ("bad-answer", "DCS answered, but with far more than it should")
    except (TimeoutError, urllib3.exceptions.TimeoutError):
        return bytes(body), (TIMEOUT, "the answer came too slowly")
    except _BROKEN:
        return bytes(body), ("connection-lost", "the answer broke off")
    return bytes(body), None


def _unconnected(route: Route, error: Exception) -> DcsError:
    """Return the error for a failed connection whose address was resolved."""
    host = route.host
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"{host} shows a certificate that is not trusted: {why_untrusted(error)}"
        return _fault(Untrusted, "untrusted", text)
    if isinstance(error, TimeoutError):
        return _fault(Unavailable, "connect-timeout", f"{host}: no connection in time")
    if refused := _TUNNEL.match(str(error)):
        kind = Misconfigured if int(refused[1]) in PROXY_REFUSALS else Unavailable
        return _fault(kind, "proxy", f"it answers HTTP {refused[1]} instead of connecting")
    if isinstance(error, http.client.HTTPException):
        return _fault(Unavailable, "proxy", "it gives no answer that is understood")
    why = getattr(error, "reason", None) or getattr(error, "strerror", None)
    text = f"{host}: the TLS handshake failed" + (f" ({why})" if why else "")
    return _fault(Unavailable, "tls", text)


def _behind(route: Route, error: DcsError) -> DcsError:
    """Return the same error with the proxy, if there is one, in its text."""
    if not route.proxy:
        return error
    text = f"{route.host} through the proxy {route.proxy}: {error.detail.message}"
    return _fault(type(error), error.detail.code, text)


def _failure(call: _Call, error: Exception) -> DcsError:
    """Return the error for a call to which no head of an answer came."""
    host = call.route.host
    if call.written is None:
        if isinstance(error, ValueError):  # such as an invalid URL
            return _unwritable()
        return _fault(Unavailable, "no-connection", f"{host}: the connection was given up")
    if isinstance(error, requests.exceptions.SSLError):
        return _fault(OutcomeUnknown, "tls", f"{host}: TLS broke after the request")
    if isinstance(error, requests.exceptions.Timeout) or time.monotonic() >= call.ends_at:
        return _fault(OutcomeUnknown, TIMEOUT, f"{host}: no answer in time")
    text = f"{host}: the connection broke before an answer came"
    return _fault(OutcomeUnknown, "connection-lost", text)


def _unwritable() -> Misconfigured:
    text = "a value of the project or of its Secret cannot be sent in a header"
    return Misconfigured(ErrorDetail("request", text))


def _fault(kind: type[DcsError], code: str, text: str) -> DcsError:
    return kind(ErrorDetail(code, text))
