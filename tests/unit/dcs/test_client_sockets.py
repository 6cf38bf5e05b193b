"""No answer after which its connection is useless leaves a socket open."""

from __future__ import annotations

import gc
import socket
from typing import TYPE_CHECKING, Any

import pytest

from unit.dcs import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """Give the sockets of all calls; the garbage collector, which would close them, is off."""
    opened: list[socket.socket] = []
    connect = socket.socket.connect

    def recorded(sock: socket.socket, address: Any) -> None:
        opened.append(sock)
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", recorded)
    gc.disable()
    yield opened
    gc.enable()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"garbage\r\n\r\n", id="garbage"),
        pytest.param(OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n", id="long-header"),
        pytest.param(OK + b"Content-Length: 5, 6\r\n\r\n12345", id="two-lengths"),
        pytest.param(OK + b"Content-Length: 500\r\n\r\n{}", id="broken-off"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}", id="bad-chunk"),
        pytest.param(OK + b"\r\n{}", id="until-the-end"),
    ],
)
async def test_a_useless_connection_is_closed_with_its_call(
    answer: bytes, sockets: list[socket.socket]
) -> None:
    """It is not left to the garbage collector, some day."""
    async with wire.fixed_server(answer) as endpoint:
        await wire.error_of(wire.client_of(endpoint), "batch_stop", "id")
    assert [each.fileno() for each in sockets] == [-1]
