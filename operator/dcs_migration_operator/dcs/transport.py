"""Exchanges over HTTP with one host: connect, ask what to send, write it, read the answer.

At every step it is known whether the request was written; until then a call had no effect. Nothing
is retried, and nothing leads elsewhere: redirects, cookies, `.netrc` and proxies of the environment
do not exist here.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dcs_migration_operator.core.errors import Unavailable
from dcs_migration_operator.core.model import ErrorDetail
from dcs_migration_operator.dcs.connection import Connection, Deadline, Route

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from dcs_migration_operator.dcs.connection import Answer, Request
    from dcs_migration_operator.dcs.proxy import Proxy

IDLE_S: Final = 30.0
"""A connection without a call for so long is not used any more: a gateway or a NAT on the way
forgets it after a minute or more, often without a word, and an order sent into it has an unknown
outcome."""


def _age_clock_s() -> float:
    """Return seconds that also pass while the machine sleeps, where there is such a clock.

    A gateway forgets a connection then as well, and the monotonic clock of Linux stands still.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def route_of(
    endpoint: str,
    *,
    context: Callable[[], ssl.SSLContext],
    anywhere: bool,
    proxy: Proxy | None,
) -> Route:
    """Return the route to an endpoint such as `https://dcs.example.com:8443`."""
    parts = urlsplit(endpoint)
    plain = parts.scheme == "http"
    return Route(
        host=parts.hostname or "",
        port=parts.port or (80 if plain else 443),
        context=None if plain else context,
        anywhere=anywhere,
        proxy=proxy,
    )


class Transport:
    """Exchanges with one host. May be used from several threads.

    Args:
        connect_timeout_s: For the connection: TCP, the proxy and TLS together.
        timeout_s: For an exchange as a whole.
        connections_max: Idle connections that are kept.
    """

    def __init__(
        self, route: Route, *, connect_timeout_s: float, timeout_s: float, connections_max: int
    ) -> None:
        self._route, self._idle_max = route, connections_max
        self._connect_timeout_s, self._timeout_s = connect_timeout_s, timeout_s
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def exchange(self, compose: Callable[[], Request | None], bytes_max: int) -> Answer | None:
        """Write what `compose` returns once there is a connection, and return the answer.

        Args:
            compose: Called in this thread right before the first byte is written; nothing is
                written if it returns None, or later than an exchange may take.
            bytes_max: Limit of the body of a success.

        Raises:
            OutcomeUnknown: It was written, and no head of an answer came.
            DcsError: Any other kind means that nothing was written.
        """
        deadline = Deadline(self._timeout_s)
        connection = self._take() or Connection(self._route)
        usable = False
        try:
            if connection.sock is None:
                connection.open(deadline, self._connect_timeout_s)
            request = compose()
            if time.monotonic() >= deadline.at_s:
                text = f"{self._route.host}: it took too long until the request could be sent"
                raise Unavailable(ErrorDetail("timeout", text))
            if request is None:
                usable = True
                return None
            answer, usable = connection.exchange(request, deadline, bytes_max)
            return answer
        finally:
            if usable:
                self._give(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close idle connections; an exchange under way ends by its own deadline."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection | None:
        """Return an idle connection that can be expected to work, the youngest first."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            young = _age_clock_s() - connection.idle_since <= IDLE_S
            if young and connection.is_silent():
                return connection
            connection.close()

    def _give(self, connection: Connection) -> None:
        connection.idle_since = _age_clock_s()
        with self._lock:
            if len(self._idle) < self._idle_max:
                self._idle.append(connection)
                return
        connection.close()
