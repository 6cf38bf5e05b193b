"""Accepts connections for a web server, and can be made slow at it.

Two failures between the resolved address and the answer cannot be imitated by an application behind
a server, so this module owns the socket:

- `stall`: connections cannot be made. The kernel's queue is full, so that a caller hangs in
  `connect`, before it has written a byte: what a slow resolver, a firewall that drops packets or
  a dead address feel like. Connections that exist are cut, since a caller that kept one would
  notice nothing. After `resume` a caller gets through with its next attempt, which Linux makes
  1 s, 3 s, 7 s ... after the first.
- `read_after_s`: a connection is accepted at once, but not read from for this long.
"""

import asyncio
import contextlib
import functools
import socket
import weakref
from typing import Final

from aiohttp import web

BACKLOG: Final = 128
"""Connections that wait to be accepted."""
FILLERS_MAX: Final = 8
"""The number of own connections that fill the shortest queue; Linux needs two."""
FILL_S: Final = 0.05
"""A loopback connection not established by then has found the queue full."""
PAUSE_S: Final = 0.1
"""Pause before the next attempt to accept, if the process has no file descriptor left."""


class Listener:
    """The listening socket of one server.

    Args:
        read_after_s: See the module; may be changed at any time and holds for new connections.
    """

    def __init__(self, read_after_s: float = 0.0) -> None:
        self.read_after_s = read_after_s
        self._server: web.Server | None = None
        self._socket: socket.socket | None = None
        self._again: asyncio.TimerHandle | None = None
        self._waiting: set[asyncio.Task[None]] = set()
        # Weak references: ended connections are forgotten automatically.
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        self._fillers: list[socket.socket] = []

    @property
    def stalled(self) -> bool:
        """Whether no connection can be made."""
        return bool(self._fillers)

    async def open(self, server: web.Server, host: str, port: int) -> int:
        """Listen; returns the port. Raises `OSError` if the address cannot be had.

        Args:
            server: Gets the connections.
            host: A name or address of this machine.
            port: 0: a free one.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self._socket.settimeout(0)
        self._server = server
        self._start_accepting()
        return int(self._socket.getsockname()[1])

    async def close(self) -> None:
        """Refuse connections from now on; those that exist belong to the server."""
        self._empty()
        self._stop_accepting()
        await self._give_up_waiting()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._transports.clear()

    async def stall(self) -> None:
        """Accept no more connections, and cut all existing ones; may be called repeatedly."""
        if self._socket is None or self.stalled:
            return
        self._stop_accepting()
        # Connections in the queue are accepted and cut, so that it can be filled for sure.
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.accept()[0].close()
        self._socket.listen(0)
        for _ in range(FILLERS_MAX):
            filler = socket.socket(self._socket.family, socket.SOCK_STREAM)
            filler.settimeout(0)
            self._fillers.append(filler)
            with contextlib.suppress(BlockingIOError):
                filler.connect(self._socket.getsockname())
            await asyncio.sleep(FILL_S)
            if not _is_connected(filler):
                break
        await self._give_up_waiting()
        for transport in list(self._transports):
            transport.abort()
        self._transports.clear()

    async def resume(self) -> None:
        """Accept connections again; may be called repeatedly."""
        if self._socket is None or not self.stalled:
            return
        self._empty()
        self._socket.listen(BACKLOG)
        self._start_accepting()

    def _empty(self) -> None:
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()

    async def _give_up_waiting(self) -> None:
        """Cut the connections that are not read from yet."""
        for task in list(self._waiting):
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    def _start_accepting(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _stop_accepting(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)

    def _accept(self) -> None:
        """Accept all waiting connections at once, so that none is lost between two steps."""
        if self._socket is None or self._server is None:
            return
        try:
            while True:
                accepted = self._socket.accept()[0]
                accepted.settimeout(0)
                task = asyncio.create_task(self._serve(accepted, self._server))
                self._waiting.add(task)
                task.add_done_callback(functools.partial(self._served, accepted))
        except BlockingIOError:
            return
        except OSError:
            self._stop_accepting()
            loop = asyncio.get_running_loop()
            self._again = loop.call_later(PAUSE_S, self._start_accepting)

    async def _serve(self, accepted: socket.socket, server: web.Server) -> None:
        """Hand one connection to the server, after a while."""
        await asyncio.sleep(self.read_after_s)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(server, accepted)
        self._transports.add(transport)

    def _served(self, accepted: socket.socket, task: asyncio.Task[None]) -> None:
        """Close a connection that could not be handed over, even if nothing was started for it."""
        self._waiting.discard(task)
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error is not None:
            accepted.close()
        if error is not None and not isinstance(error, OSError):
            raise error  # not a caller that gave up: the event loop reports it


def _is_connected(one: socket.socket) -> bool:
    try:
        one.getpeername()
    except OSError:
        return False
    return True
