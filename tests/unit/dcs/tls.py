"""Certificates of a private CA, and servers that show them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import trustme

from unit.dcs.wire import GONE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EMPTY_LIST: Final = b'{"count": 0, "migration_tasks": []}'
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(EMPTY_LIST) + EMPTY_LIST


@functools.cache
def _made(name: str) -> trustme.CA:
    return trustme.CA(organization_name=name)


def ca(name: str = "a private CA") -> trustme.CA:
    """Return the CA of this name; it is made once per run."""
    return _made(name)


def pem_of(authority: trustme.CA) -> str:
    """Return the certificate of a CA in PEM."""
    return str(authority.cert_pem.bytes().decode())


def server_context(
    host: str = "localhost", *, authority: trustme.CA | None = None, **validity: Any
) -> ssl.SSLContext:
    """Return what a server for this host shows."""
    certificate = (authority or ca()).issue_cert(host, **validity)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@asynccontextmanager
async def server(
    context: ssl.SSLContext | None, *, answer: bytes = ANSWER, host: str = "localhost"
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answer every request alike; yields the endpoint, and the requests as they came."""
    asked: list[bytes] = []
    running: set[asyncio.Task[Any] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        try:
            with contextlib.suppress(*GONE, ssl.SSLError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                    body = await reader.readexactly(int(length[1]) if length else 0)
                    asked.append(head + body)
                    writer.write(answer)
                    await writer.drain()
        finally:
            writer.transport.abort()

    one: Any = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    port = one.sockets[0].getsockname()[1]
    async with one:
        yield f"{'https' if context else 'http'}://{host}:{port}", asked
        tasks = [task for task in running if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport closes its socket in the next round
