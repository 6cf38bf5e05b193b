"""How answers end, well and badly: no socket stays open, and each is known as an answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, Final

import pytest

from dcs_migration_operator.core.errors import DcsError, OutcomeUnknown
from dcs_migration_operator.dcs.client import BODY_BYTES_MAX
from unit.dcs import wire

EMPTY_LIST: Final = b'{"count": 0, "migration_tasks": []}'
OK: Final = b"HTTP/1.1 200 OK\r\nX-Request-Id: req-7\r\n"
WHOLE: Final = OK + b"Content-Length: %d\r\n\r\n" % len(EMPTY_LIST) + EMPTY_LIST

ENDS: dict[str, bytes] = {
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "204, closed": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "302": b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 5\r\n\r\nmoved",
    "empty": OK + b"Content-Length: 0\r\n\r\n",
    "empty, closed": OK + b"Connection: close\r\n\r\n",
    "whole": WHOLE,
    "whole, closed": b"HTTP/1.0 200 OK\r\n\r\n" + EMPTY_LIST,
    "too short": OK + b"Content-Length: 500\r\n\r\n" + EMPTY_LIST,
    "two lengths": OK + b"Content-Length: 5, 6\r\n\r\n12345",
    "two lengths, closed": OK + b"Connection: close\r\nContent-Length: 5, 6\r\n\r\n12345",
    "too long": WHOLE + b"more",
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n23\r\n" + EMPTY_LIST + b"\r\n0\r\n\r\n",
    "chunked, cut": OK + b"Transfer-Encoding: chunked\r\n\r\n23\r\n" + EMPTY_LIST,
    "error": b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}",
    "nothing": b"",
    "garbage": b"garbage\r\n\r\n",
    "head only": b"HTTP/1.1 200 OK\r\n",
}


@pytest.mark.parametrize("end", ENDS)
async def test_no_way_to_end_leaves_a_socket_open(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """With a body and without one, whole and broken: after `close` all are closed."""
    opened: list[socket.socket] = []
    connect = socket.socket.connect

    def noted(sock: socket.socket, address: Any) -> None:
        opened.append(sock)
        connect(sock, address)

    async with wire.fixed_server(ENDS[end]) as endpoint:
        client = wire.client_of(endpoint)
        monkeypatch.setattr(socket.socket, "connect", noted)
        for _ in range(2):
            with contextlib.suppress(DcsError):
                await asyncio.to_thread(client.list_page, 0)
        monkeypatch.undo()
        client.close()
    assert opened
    assert [sock.fileno() for sock in opened] == [-1] * len(opened)


async def test_what_comes_unasked_is_nobodys_answer() -> None:
    """A connection on which something came while it was idle is not used any more."""
    stray = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    served: list[object] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(writer)
        with contextlib.suppress(*wire.GONE):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(WHOLE)
                await writer.drain()
                await asyncio.sleep(0.05)
                writer.write(stray)
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        client = wire.client_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        for _ in range(3):
            assert (await asyncio.to_thread(client.list_page, 0)).rows == 0
            await asyncio.sleep(0.1)
        client.close()
    assert len(served) == 3


async def test_a_body_of_16_mb_is_read_and_no_more() -> None:
    """A full page has 1 MB; this is what the largest may have."""
    largest = EMPTY_LIST + b" " * (BODY_BYTES_MAX - len(EMPTY_LIST))
    async with wire.fixed_server(OK + b"\r\n", largest) as endpoint:
        client = wire.client_of(endpoint)
        assert (await asyncio.to_thread(client.list_page, 0)).rows == 0
        client.close()
    async with wire.fixed_server(OK + b"\r\n", largest + b" ") as endpoint:
        client = wire.client_of(endpoint)
        error = await wire.error_of(client, "list", "")
        client.close()
    assert (type(error), error.detail.code) == (OutcomeUnknown, "bad-answer")
    assert error.detail.request_id == "req-7"


async def test_a_byte_order_mark_does_not_matter() -> None:
    """Some gateways put one before everything."""
    async with wire.fixed_server(OK + b"\r\n\xef\xbb\xbf" + EMPTY_LIST) as endpoint:
        client = wire.client_of(endpoint)
        assert (await asyncio.to_thread(client.list_page, 0)).rows == 0
        client.close()


@pytest.mark.parametrize(
    "head, status",
    [
        (b"HTTP/1.1 200 OK\r\n", 200),
        (b"HTTP/1.1 204 No Content\r\n", 204),
        (b"HTTP/1.1 302 Found\r\n", 302),
        (b"HTTP/1.1 400 Bad\r\n", 400),
        (b"HTTP/1.1 401 No\r\n", 401),
        (b"HTTP/1.1 429 Slow\r\n", 429),
        (b"HTTP/1.1 500 No\r\n", 500),
        (b"HTTP/1.1 599 No\r\n", 599),
    ],
)
@pytest.mark.parametrize("rest", [b"\r\n", b"Content-Length: 50\r\n\r\n{", b"\r\n<html>"])
async def test_every_answer_is_known_as_one(head: bytes, status: int, rest: bytes) -> None:
    """By its status, however little of it arrives behind the head."""
    async with wire.fixed_server(head + rest) as endpoint:
        client = wire.client_of(endpoint)
        for verb in wire.VERBS:
            error = await wire.error_of(client, verb, "id")
            assert (error.http_status, error.answered) == (status, True)
        client.close()
