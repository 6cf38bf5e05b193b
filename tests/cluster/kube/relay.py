"""A relay in front of a server of this machine: another address for it, or a proxy to it.

Passes bytes on in a thread of its own and knows nothing of what they mean, but for one `CONNECT`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final, Self

from support.loops import LoopThread

CHUNK: Final = 65_536

HOSTS: Final = {"::1": "[::1]"}


class Relay:
    """Listens on an address and passes everything on; use it as a context manager.

    Args:
        target: Host and port of the server.
        host: Where to listen.
        proxy: Expect a `CONNECT` first, and pass on to where it says.

    Attributes:
        tunnels: What was asked for by `CONNECT`.
    """

    def __init__(
        self, target: tuple[str, int], host: str = "127.0.0.1", *, proxy: bool = False
    ) -> None:
        self._target, self._host, self._proxy = target, host, proxy
        self._loop = LoopThread("relay")
        self._server: asyncio.Server
        self._passing: set[asyncio.Task[None]] = set()
        self.tunnels: list[str] = []

    def __enter__(self) -> Self:
        self._loop.start()
        self._loop.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._close())
        self._loop.close()

    @property
    def address(self) -> str:
        """Host and port, as in a URL."""
        port = self._server.sockets[0].getsockname()[1]
        return f"{HOSTS.get(self._host, self._host)}:{port}"

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, self._host, 0)

    async def _close(self) -> None:
        self._server.close()
        passing = list(self._passing)
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._passing.add(task)
        ends = [writer]
        try:
            host, port = self._target
            if self._proxy:
                head = await reader.readuntil(b"\r\n\r\n")
                self.tunnels.append(head.decode().split()[1])
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            there, back = await asyncio.open_connection(host, port)
            ends.append(back)
            await asyncio.gather(_pass(reader, back), _pass(there, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for end in ends:
                end.close()
            for end in ends:
                with contextlib.suppress(OSError):
                    await end.wait_closed()
            self._passing.discard(task)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on until one side has enough."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()
