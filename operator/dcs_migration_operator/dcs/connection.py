"""One HTTP connection to DCS: opened step by step, and every step in what is left of the time.

The standard library's client bounds each read, not the call: a server that sends a byte now and
then holds its caller for ever. Here a read gets what is left of the call's time.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import select
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.errors import (
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

CHUNK_BYTES: Final = 64 * 2**10

ERROR_BODY_BYTES_MAX: Final = 64 * 2**10
"""What is read of an answer that is no success: its code and text are in the first kilobyte."""

PROXY_REFUSALS: Final = frozenset({401, 403, 405, 407})
"""Statuses of a proxy that a person has to change something about."""


class Deadline:
    """A moment on the monotonic clock, which does not jump when somebody sets a clock.

    It stands still while a machine sleeps, as the time limits of sockets do; a call that was under
    way then ends that much later, or finds its connection broken.
    """

    def __init__(self, after_s: float) -> None:
        self.at_s = time.monotonic() + after_s

    def left_s(self) -> float:
        """Return the seconds left.

        Raises:
            TimeoutError: There are none.
        """
        left_s = self.at_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the call has taken its time")
        return left_s


@dataclass(frozen=True, slots=True)
class Route:
    """How the host of an endpoint is reached.

    Attributes:
        context: Makes the TLS context; None for plain http.
        anywhere: The host may be an address of this machine or its link.
    """

    host: str
    port: int
    context: Callable[[], ssl.SSLContext] | None
    anywhere: bool
    proxy: Proxy | None


@dataclass(frozen=True, slots=True)
class Request:
    """What is written; `path` is with its query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        headers: Those of the answer; names in any case.
        body: As far as it arrived.
        broken: Why the body is not whole: code and text; None if it is.
    """

    request: Request
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    broken: tuple[str, str] | None = None


class Connection(http.client.HTTPConnection):
    """Keeps one connection to one host; it is opened by name, never in the middle of a request."""

    auto_open = 0

    def __init__(self, route: Route) -> None:
        super().__init__(route.host, route.port)
        self._route = route
        self.sock: socket.socket | None = None
        self.idle_since = 0.0

    def is_silent(self) -> bool:
        """Tell whether nothing came while nobody asked: neither an end nor a stray byte."""
        if self.sock is None or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return False
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def open(self, deadline: Deadline, connect_timeout_s: float) -> None:
        """Connect, through the proxy if there is one, and shake hands.

        Raises:
            DcsError: It did not come about; nothing but a `CONNECT` was written.
        """
        route = self._route
        try:
            self.sock = _opened(route, deadline, connect_timeout_s)
        except TimeoutError:
            raise _failure(Unavailable, "connect-timeout", f"{route.host}: no time left") from None
        except DcsError as error:
            if not route.proxy:
                raise
            text = f"{route.host} through the proxy {route.proxy}: {error.detail.message}"
            raise _failure(type(error), error.detail.code, text) from None

    def exchange(self, request: Request, deadline: Deadline, bytes_max: int) -> tuple[Answer, bool]:
        """Write a request; return the answer, and whether the connection can be used again.

        Raises:
            OutcomeUnknown: No head of an answer came.
            Misconfigured: The request cannot be written; not a byte of it was.
        """
        host = self._route.host
        self.response_class = functools.partial(_Response, deadline)  # type: ignore[assignment] # typeshed wants a class, but it is only called
        try:
            response = self._head(request, deadline)
        except TimeoutError:
            raise _failure(OutcomeUnknown, "timeout", f"{host}: no answer in time") from None
        except ssl.SSLError:
            raise _failure(OutcomeUnknown, "tls", f"{host}: TLS broke after the request") from None
        except (http.client.HTTPException, OSError, ValueError):
            text = f"{host}: the connection broke before an answer came"
            raise _failure(OutcomeUnknown, "connection-lost", text) from None
        with contextlib.closing(response):
            ok = response.status == http.client.OK
            body, broken = _body(response, bytes_max if ok else ERROR_BODY_BYTES_MAX)
            answer = Answer(request, response.status, response.headers, body, broken)
            return answer, broken is None and not response.will_close

    def _head(self, request: Request, deadline: Deadline) -> http.client.HTTPResponse:
        if self.sock is None:
            raise ConnectionError("it is not open")
        self.sock.settimeout(deadline.left_s())
        try:
            self.request(request.method, request.path, request.body or None, request.headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # an answer may have come before all was written
        except (ValueError, http.client.InvalidURL):  # the library repeats the value
            text = "a value of the project or of its Secret cannot be sent in a header"
            raise _failure(Misconfigured, "request", text) from None
        return self.getresponse()


class _Raw(io.RawIOBase):
    """The bytes of one answer; a read takes no longer than the call may."""

    def __init__(self, sock: socket.socket, original: io.RawIOBase, deadline: Deadline) -> None:
        self._sock, self._original, self._deadline = sock, original, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left_s())
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        self._original.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, deadline: Deadline, sock: socket.socket, **options: Any) -> None:
        super().__init__(sock, **options)
        self.fp = io.BufferedReader(_Raw(sock, self.fp.detach(), deadline))


def _opened(route: Route, deadline: Deadline, connect_timeout_s: float) -> socket.socket:
    context = _context(route)
    if route.proxy:
        if not route.anywhere:
            addresses.judge(route.host, route.host)  # all that can be judged from here
        host, port, anywhere = route.proxy.host, route.proxy.port, True
    else:
        host, port, anywhere = route.host, route.port, route.anywhere
    found = addresses.resolved(host, port, anywhere=anywhere)
    until = Deadline(min(connect_timeout_s, deadline.left_s()))
    sock = addresses.connected(host, found, anywhere=anywhere, until_s=until.at_s)
    try:
        if route.proxy:
            _tunnel(sock, route, route.proxy, until)
        return _shaken(sock, context, route.host, until) if context else sock
    except BaseException:
        sock.close()
        raise


def _context(route: Route) -> ssl.SSLContext | None:
    try:
        return route.context() if route.context else None
    except NoCertificate as error:
        raise _failure(Untrusted, "ca-bundle", f"spec.caBundle cannot be used: {error}") from None


def _shaken(
    sock: socket.socket, context: ssl.SSLContext, host: str, until: Deadline
) -> socket.socket:
    """Return the socket after the handshake; what fails is told apart from TLS trouble later on."""
    try:
        sock.settimeout(until.left_s())
        return context.wrap_socket(sock, server_hostname=host.rstrip("."))
    except ssl.SSLCertVerificationError as error:
        text = f"{host} shows a certificate that is not trusted: {why_untrusted(error)}"
        raise _failure(Untrusted, "untrusted", text) from None
    except TimeoutError:
        text = f"{host}: no TLS handshake in time"
        raise _failure(Unavailable, "connect-timeout", text) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None)
        text = f"{host}: the TLS handshake failed" + (f" ({why})" if why else "")
        raise _failure(Unavailable, "tls", text) from None


def _tunnel(sock: socket.socket, route: Route, proxy: Proxy, until: Deadline) -> None:
    """Have the proxy connect to the host; what it says besides its status is not repeated."""
    host = f"[{route.host}]" if ":" in route.host else route.host
    lines = [f"CONNECT {host}:{route.port} HTTP/1.1", f"Host: {host}:{route.port}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    try:
        sock.settimeout(until.left_s())
        sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        with contextlib.closing(_Response(until, sock, method="CONNECT")) as response:
            response.begin()
            status = response.status
    except TimeoutError:
        raise _failure(Unavailable, "proxy", "it does not answer in time") from None
    except (http.client.HTTPException, OSError, ValueError):
        raise _failure(Unavailable, "proxy", "it gives no answer that is understood") from None
    if status != http.client.OK:
        kind = Misconfigured if status in PROXY_REFUSALS else Unavailable
        raise _failure(kind, "proxy", f"it answers HTTP {status} instead of connecting")


def _body(
    response: http.client.HTTPResponse, bytes_max: int
) -> tuple[bytes, tuple[str, str] | None]:
    """Return the body, and why it is not whole."""
    body = bytearray()
    if response.length is None and not response.chunked and "Content-Length" in response.headers:
        return b"", ("connection-lost", "the answer gives a length that is none")
    try:
        while chunk := response.read1(CHUNK_BYTES):
            body += chunk
            if len(body) > bytes_max:
                return bytes(body), ("bad-answer", "DCS answered, but with far more than it should")
    except TimeoutError:
        return bytes(body), ("timeout", "the answer came too slowly")
    except (http.client.HTTPException, OSError, ValueError):
        return bytes(body), ("connection-lost", "the answer broke off")
    if response.length:
        return bytes(body), ("connection-lost", "the answer broke off")
    return bytes(body), None


def _failure(kind: type[DcsError], code: str, text: str) -> DcsError:
    return kind(ErrorDetail(code, text))
