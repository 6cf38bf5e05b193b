"""What goes wrong below HTTP: no connection, no answer in time, bytes that are no answer."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.core.errors import (
    AuthFailed,
    DcsError,
    Misconfigured,
    OutcomeUnknown,
    Throttled,
    Unavailable,
    Unresolved,
)
from dcs_migration_operator.dcs import client as client_module
from dcs_migration_operator.dcs import transport
from sandbox.dcs import Fault, FaultKind
from unit.dcs import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcs_migration_operator.dcs.client import DcsClient
    from sandbox.dcs import Simulator

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]

EMPTY_LIST = b'{"count": 0, "migration_tasks": []}'
OK = b"HTTP/1.1 200 OK\r\nX-Request-Id: req-7\r\n"
WHOLE = OK + b"Content-Length: %d\r\n\r\n" % len(EMPTY_LIST) + EMPTY_LIST
TIMEOUT_S = 0.3


@contextlib.contextmanager
def full_backlog() -> Iterator[str]:
    """Yield an endpoint that takes no further connection, as an overloaded machine does."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - the standard library's signature
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def failed(client: DcsClient, verb: str = "list") -> tuple[type[DcsError], str, str]:
    """Return class, code and request id of a call that has to fail; closes the client."""
    error = await wire.error_of(client, verb, "id")
    client.close()
    return type(error), error.detail.code, error.detail.request_id


@pytest.mark.parametrize("verb", wire.VERBS)
async def test_a_refused_connection_had_no_effect(
    dcs: Simulator, client: DcsClient, verb: str
) -> None:
    """Nobody listens; and once somebody does again, the same client works."""
    await dcs.hang_up()
    assert await failed(client, verb) == (Unavailable, "no-connection", "")
    await dcs.listen()
    await asyncio.to_thread(client.list_page, 0)


@pytest.mark.parametrize("idle_s, connections", [(0.0, 3), (3600.0, 1)])
async def test_a_connection_that_was_idle_for_long_is_not_used(
    monkeypatch: pytest.MonkeyPatch, idle_s: float, connections: int
) -> None:
    """Whoever is on the way may have forgotten it; a younger one is."""
    monkeypatch.setattr(transport, "IDLE_S", idle_s)
    opened: list[object] = []

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        with contextlib.suppress(*wire.GONE):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(WHOLE)
        writer.close()

    async with await asyncio.start_server(answers, "127.0.0.1", 0) as server:
        client = wire.client_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        for _ in range(3):
            await asyncio.to_thread(client.list_page, 0)
        client.close()
    assert len(opened) == connections


async def test_a_connection_ages_while_the_machine_sleeps(
    dcs: Simulator, client: DcsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the way forgets it all the same; the monotonic clock stands still then."""
    await asyncio.to_thread(client.list_page, 0)
    clock = time.clock_gettime
    asleep_s = transport.IDLE_S + 1.0
    monkeypatch.setattr(time, "clock_gettime", lambda which: clock(which) + asleep_s)
    await asyncio.to_thread(client.list_page, 0)
    assert len(dcs.calls.connections) == 2


async def test_a_name_that_does_not_resolve_had_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text says which of the two it was."""

    def unresolved(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    client = wire.client_of("https://dcs.nowhere.myhuaweicloud.com")
    assert await failed(client) == (Unresolved, "name-resolution", "")


async def test_a_connection_that_is_not_made_in_time_had_no_effect() -> None:
    """It has a limit of its own."""
    with full_backlog() as endpoint:
        client = wire.client_of(endpoint, connect_timeout_s=0.1)
        assert await failed(client) == (Unavailable, "connect-timeout", "")


async def test_a_failed_handshake_had_no_effect() -> None:
    """What answers there does not speak TLS."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = wire.client_of(f"https://127.0.0.1:{port}")
        error = await wire.error_of(client, "list", "id")
        client.close()
        assert (type(error), error.detail.code) == (Unavailable, "tls")
        assert error.detail.message.startswith("127.0.0.1: the TLS handshake failed (")


async def test_tls_that_fails_after_the_request_leaves_the_outcome_open(
    client: DcsClient, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order was sent by then, so it may have been carried out."""

    def broken(_: object) -> None:
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, "[SSL] bad record mac")

    monkeypatch.setattr(http.client.HTTPConnection, "getresponse", broken)
    error = await wire.error_of(client, "batch_stop", ids[0])
    assert type(error) is OutcomeUnknown


async def test_a_call_without_an_answer_may_have_had_an_effect(dcs: Simulator) -> None:
    """Three calls wait at once; each ends at its time limit and is not sent again."""
    dcs.faults.add(Fault(kind=FaultKind.HANG))
    clients = [wire.client_of(dcs.endpoint, timeout_s=TIMEOUT_S) for _ in wire.VERBS]
    calls = zip(clients, wire.VERBS, strict=True)
    ends = await asyncio.gather(*(failed(client, verb) for client, verb in calls))
    assert ends == [(OutcomeUnknown, "timeout", "")] * 3
    assert dcs.calls.count() == 3


async def test_a_dripping_answer_ends_at_the_limit_of_the_call(dcs: Simulator) -> None:
    """No single read takes long, the call as a whole does; its request id is known."""
    dcs.faults.add(Fault(kind=FaultKind.DRIP, seconds=3.0))
    clients = [wire.client_of(dcs.endpoint, timeout_s=TIMEOUT_S) for _ in wire.VERBS]
    task_id = next(iter(dcs.fleet)).spec.task_id
    started = time.monotonic()
    errors = await asyncio.gather(
        *(
            wire.error_of(client, verb, task_id)
            for client, verb in zip(clients, wire.VERBS, strict=True)
        )
    )
    assert time.monotonic() - started < 1.5
    for client, error, verb in zip(clients, errors, wire.VERBS, strict=True):
        client.close()
        assert (type(error), error.detail.code) == (OutcomeUnknown, "timeout")
        assert error.detail.request_id == dcs.calls.of(verb)[0].request_id


async def drip_headers(writer: asyncio.StreamWriter) -> None:
    """Send the head of an answer byte by byte: 2 s in all."""
    for byte in b"HTTP/1.1 200 OK\r\nX: y":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def drip_redirect(writer: asyncio.StreamWriter) -> None:
    """Send a redirect and the page that comes with it, slowly: 2 s in all."""
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(20):
        writer.write(b"<")
        await writer.drain()
        await asyncio.sleep(0.1)


async def stall_after_headers(writer: asyncio.StreamWriter) -> None:
    """Use up most of the time for the headers, then fall silent."""
    await asyncio.sleep(0.45)
    writer.write(OK + b"Content-Length: 5\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(2.0)


@pytest.mark.parametrize(
    "script, timeout_s, within_s",
    [(drip_headers, 0.3, 1.0), (drip_redirect, 0.3, 1.0), (stall_after_headers, 0.5, 0.8)],
)
async def test_the_limit_is_one_of_the_whole_call(
    script: Script, timeout_s: float, within_s: float
) -> None:
    """Not of each read: headers, redirects and silences are in it."""
    async with wire.raw_server(script) as endpoint:
        client = wire.client_of(endpoint, timeout_s=timeout_s)
        started = time.monotonic()
        kind, _, _ = await failed(client)
        assert time.monotonic() - started < within_s
        assert kind in {OutcomeUnknown, Misconfigured}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
        OK + b"X: y\r\n" * 200 + b"\r\n",
        OK + b"Content-Length: 5, 6\r\n\r\n" + EMPTY_LIST,
        OK + b"Content-Length: 500\r\n\r\n" + EMPTY_LIST,
        OK + b"Transfer-Encoding: chunked\r\n\r\n23\r\n" + EMPTY_LIST + b"\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + EMPTY_LIST,
        OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_bytes_that_are_no_answer_leave_the_outcome_open(answer: bytes) -> None:
    """No success and no other kind of exception comes of them."""
    async with wire.fixed_server(answer) as endpoint:
        kind, _, _ = await failed(wire.client_of(endpoint), "batch_stop")
        assert kind is OutcomeUnknown


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE,
        OK + b"\r\n" + EMPTY_LIST,
        OK + b"Transfer-Encoding: chunked\r\n\r\n23\r\n" + EMPTY_LIST + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE,
        b"HTTP/1.0 200 OK\r\n\r\n" + EMPTY_LIST,
        b"HTTP/1.1 200 OK\r\nX-Request-Id: \xff\xfe\r\n\r\n" + EMPTY_LIST,
    ],
)
async def test_every_way_to_send_a_whole_answer_is_understood(answer: bytes) -> None:
    """With a length, in chunks, until the end, and after an interim answer."""
    async with wire.fixed_server(answer) as endpoint:
        client = wire.client_of(endpoint)
        assert (await asyncio.to_thread(client.list_page, 0)).rows == 0
        client.close()


@pytest.mark.parametrize(
    "location",
    [b"/elsewhere", b"//", b"", b"http://[::1", b"http://h:99999/", b"\xff\xfe", b"/\xe9", b"x:"],
)
async def test_a_redirect_is_never_followed_wherever_it_leads(location: bytes) -> None:
    """It is a wrong endpoint; the place it names is not even read."""
    answer = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % location
    async with wire.fixed_server(answer) as endpoint:
        assert await failed(wire.client_of(endpoint)) == (Misconfigured, "HTTP 302", "")


@pytest.mark.parametrize(
    "status, kind", [(b"401", AuthFailed), (b"429", Throttled), (b"503", Unavailable)]
)
async def test_an_error_with_a_broken_body_is_the_error_it_says_it_is(
    status: bytes, kind: type[DcsError]
) -> None:
    """A 401 counts towards the lock of the key whether its text arrived or not."""
    answer = b"HTTP/1.1 %b No\r\nX-Request-Id: req-7\r\nContent-Length: 500\r\n\r\n{" % status
    async with wire.fixed_server(answer) as endpoint:
        assert (await failed(wire.client_of(endpoint)))[0] is kind


async def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """After what a full page could take; an error page likewise."""
    monkeypatch.setattr(client_module, "BODY_BYTES_MAX", 100_000)
    for status in (b"200 OK", b"500 Broken"):

        async def answer(writer: asyncio.StreamWriter, status: bytes = status) -> None:
            writer.write(b"HTTP/1.1 %b\r\nX-Request-Id: req-7\r\n\r\n" % status)
            while not writer.transport.is_closing():
                writer.write(b"x" * 10_000)
                await writer.drain()

        async with wire.raw_server(answer) as endpoint:
            kind, _, request_id = await failed(wire.client_of(endpoint))
            assert (kind, request_id) == (OutcomeUnknown, "req-7")
