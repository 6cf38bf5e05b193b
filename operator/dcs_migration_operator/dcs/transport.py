"""An HTTP session whose calls end at their deadline, whatever the other side does.

requests bounds each read, not the call: a server that sends a byte now and then holds its caller
for ever. Here every read gets what is left of the call's time. Redirects are not even looked at:
requests parses where they lead although it is told not to follow them.
"""

from __future__ import annotations

import http.client
import io
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    import socket

IDLE_S: Final = 30.0
"""A connection without a call for so long is not used any more: a gateway or a NAT on the way
forgets it after a minute or more, often without a word, and an order sent into it has an unknown
outcome."""

_call = threading.local()
"""The deadline of the call that this thread makes; a call stays in one thread."""


def set_deadline(monotonic_s: float) -> None:
    """Let the next call of this thread end at this second of the monotonic clock."""
    _call.deadline = monotonic_s


class NoTls(urllib3.exceptions.NewConnectionError):
    """The TLS handshake failed: the request was never sent."""


class Session(requests.Session):
    """Does not look at redirects."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - theirs
        """Return nothing, whatever the answer says."""
        return None


class Adapter(HTTPAdapter):
    """Makes connections that keep the deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools with our kind of connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


class _Raw(io.RawIOBase):
    """The bytes of one answer; a read takes no longer than the call may."""

    def __init__(self, sock: socket.socket, original: io.RawIOBase) -> None:
        self._sock, self._original = sock, original

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = _call.deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the call has taken its time")
        self._sock.settimeout(left_s)
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        self._original.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Raw(sock, self.fp.detach()))


class _Http(urllib3.connection.HTTPConnection):
    response_class = _Response

    def getresponse(self) -> Any:
        """Read the head of an answer; close the answer if urllib3 refuses it.

        http.client hands the socket over to an answer that ends with its connection. If urllib3
        then takes offence at a header, such as two lengths, nobody else would close that socket.
        """
        made: list[_Response] = []

        def make(*args: Any, **kwargs: Any) -> _Response:
            made.append(_Response(*args, **kwargs))
            return made[0]

        self.response_class = make  # type: ignore[assignment] # http.client only calls it
        try:
            return super().getresponse()
        except BaseException:
            for response in made:
                response.close()
            raise


class _Https(_Http, urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        """Connect; a failed handshake is told apart from TLS trouble later on."""
        try:
            super().connect()
        except (ssl.SSLError, urllib3.exceptions.SSLError) as error:
            raise NoTls(self, "the TLS handshake failed") from error


class _Aging(urllib3.HTTPConnectionPool):
    """A pool that closes a connection instead of using it after `IDLE_S` (it opens again)."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection: Any = super()._get_conn(timeout)
        if time.monotonic() - getattr(connection, "idle_since", float("inf")) > IDLE_S:
            connection.close()
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = time.monotonic()
        super()._put_conn(conn)


class _HttpPool(_Aging):
    ConnectionCls = _Http


class _HttpsPool(_Aging, urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https
