"""Permission is asked when the connection stands, and only what it admits is ever written."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from dcs_migration_operator.core.errors import Unavailable
from dcs_migration_operator.core.model import Outcome, task_key
from dcs_migration_operator.dcs import transport
from dcs_migration_operator.dcs.client import PERMIT_ROUNDS_MAX
from sandbox.dcs import SECRET_KEY
from sandbox.dcs.signature import SignedRequest, verify
from unit.dcs import tls, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dcs_migration_operator.dcs.client import DcsClient
    from sandbox.dcs import Simulator

IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(5)]


def sent_ids(request: bytes) -> list[str]:
    """Return the ids in an order as it came."""
    ids: list[str] = json.loads(request.partition(b"\r\n\r\n")[2])["migration_tasks"]
    return ids


def accepting(*task_ids: str) -> bytes:
    """Return the answer that accepts these ids."""
    rows = [{"task_id": task_id, "result": "success"} for task_id in task_ids]
    body = json.dumps({"migration_tasks": rows}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Gate:
    """A permission that may change while a call is under way; notes when it was asked for what."""

    def __init__(self, *, admits: Sequence[str] = IDS) -> None:
        self.admits: Sequence[str] = admits
        self.asked: list[tuple[str, ...]] = []
        self.threads: list[int] = []

    def __call__(self, task_ids: Sequence[str]) -> Sequence[str]:
        """Return those that are admitted at this moment."""
        self.asked.append(tuple(task_ids))
        self.threads.append(threading.get_ident())
        return [task_id for task_id in task_ids if task_id in self.admits]


@pytest.fixture
def stall() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Two events: somebody waits, and may go on; at the end everybody may."""
    waits, goes_on = threading.Event(), threading.Event()
    yield waits, goes_on
    goes_on.set()


def held(
    function: Callable[..., Any], waits: threading.Event, goes_on: threading.Event
) -> Callable[..., Any]:
    """Return a function that waits before it does what it did."""

    def later(*args: Any, **kwargs: Any) -> Any:
        waits.set()
        assert goes_on.wait(10.0)
        return function(*args, **kwargs)

    return later


STALLS: dict[str, tuple[Any, str]] = {
    "name resolution": (socket, "getaddrinfo"),
    "connecting": (socket.socket, "connect"),
    "the handshake": (ssl.SSLSocket, "do_handshake"),
}


@pytest.mark.parametrize("where", STALLS)
@pytest.mark.parametrize("left", [[], IDS[1:3]])
async def test_what_is_withdrawn_while_a_connection_stalls_is_not_written(
    stall: tuple[threading.Event, threading.Event],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    left: list[str],
) -> None:
    """Resolution, TCP and TLS take as long as they like; what counts is the moment behind them."""
    waits, goes_on = stall
    owner, name = STALLS[where]
    async with tls.server(tls.server_context(), answer=accepting(*left)) as (endpoint, asked):
        client = wire.client_of(endpoint, ca_bundle=tls.pem_of(tls.ca()))
        monkeypatch.setattr(owner, name, held(getattr(owner, name), waits, goes_on))
        gate = Gate()
        call = asyncio.create_task(asyncio.to_thread(client.batch_stop, IDS, gate))
        await asyncio.to_thread(waits.wait, 10.0)
        assert gate.asked == []
        gate.admits = left
        goes_on.set()
        answers = await call
        client.close()
    assert [sent_ids(request) for request in asked] == ([left] if left else [])
    assert list(answers) == [task_key(task_id) for task_id in left]
    assert {answer.outcome for answer in answers.values()} <= {Outcome.ACCEPTED}


async def test_a_smaller_order_is_signed_as_it_is_sent(dcs: Simulator, ids: list[str]) -> None:
    """The body is part of the signature, which DCS verifies."""
    client = wire.client_of(dcs.endpoint)
    answers = await asyncio.to_thread(client.batch_stop, ids, Gate(admits=ids[1:]))
    client.close()
    assert [call.ids for call in dcs.calls.of("batch_stop")] == [tuple(ids[1:])]
    assert list(answers) == [task_key(task_id) for task_id in ids[1:]]


async def test_the_last_answer_admits_all_that_is_written() -> None:
    """It is asked again with fewer ids until it admits all of them, before anything is written."""
    admitted = [IDS[:4], IDS[:2], IDS[:2]]
    asked_with: list[tuple[str, ...]] = []

    def shrinking(task_ids: Sequence[str]) -> Sequence[str]:
        asked_with.append(tuple(task_ids))
        return admitted[len(asked_with) - 1]

    async with tls.server(None, answer=accepting(*IDS[:2])) as (endpoint, asked):
        client = wire.client_of(endpoint)
        answers = await asyncio.to_thread(client.batch_stop, IDS, shrinking)
        client.close()
    assert asked_with == [tuple(IDS), tuple(IDS[:4]), tuple(IDS[:2])]
    (request,) = asked
    assert (sent_ids(request), len(answers)) == (IDS[:2], 2)
    head = request.partition(b"\r\n\r\n")[0].decode()
    lines = (line.split(": ", 1) for line in head.split("\r\n")[1:])
    headers = {name.lower(): value for name, value in lines}
    moment = datetime.strptime(headers["x-sdk-date"], "%Y%m%dT%H%M%S%z").timestamp()
    body = request.partition(b"\r\n\r\n")[2]
    verify(SignedRequest("POST", head.split(" ")[1], headers, body), SECRET_KEY, moment)


async def test_a_permission_that_keeps_shrinking_sends_nothing() -> None:
    """The rounds are bounded."""
    many = [f"{number:032x}" for number in range(50)]
    rounds = 0

    def shrinking(task_ids: Sequence[str]) -> Sequence[str]:
        nonlocal rounds
        rounds += 1
        return task_ids[1:]

    async with tls.server(None) as (endpoint, asked):
        client = wire.client_of(endpoint)
        assert await asyncio.to_thread(client.batch_stop, many, shrinking) == {}
        client.close()
    assert (rounds, asked) == (PERMIT_ROUNDS_MAX, [])


async def test_a_permission_cannot_add_ids() -> None:
    """What it returns besides is ignored, and its order does not matter."""
    async with tls.server(None, answer=accepting(*IDS[:2])) as (endpoint, asked):
        client = wire.client_of(endpoint)
        await asyncio.to_thread(client.batch_stop, IDS[:2], lambda _: [*reversed(IDS)])
        client.close()
    assert [sent_ids(request) for request in asked] == [IDS[:2]]


async def test_it_is_asked_on_a_kept_connection_too(
    dcs: Simulator, client: DcsClient, ids: list[str]
) -> None:
    """Each time; one over which nothing was written is closed, and the next call opens another."""
    gate = Gate(admits=[])
    await asyncio.to_thread(client.list_page, 0)
    assert await asyncio.to_thread(client.batch_stop, ids, gate) == {}
    gate.admits = ids
    assert len(await asyncio.to_thread(client.batch_stop, ids, gate)) == len(ids)
    assert len(gate.asked) == 2
    assert (dcs.calls.count("batch_stop"), len(dcs.calls.connections)) == (1, 2)


async def test_a_kept_connection_that_has_ended_is_opened_again_before_it_is_asked() -> None:
    """Nothing was written over the old one, so nothing is unknown."""
    opened: list[asyncio.StreamWriter] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        with contextlib.suppress(*wire.GONE):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(accepting(IDS[0]) if head.startswith(b"POST") else tls.ANSWER)
            await writer.drain()
        writer.close()

    gate = Gate()
    async with await asyncio.start_server(once, "127.0.0.1", 0) as server:
        client = wire.client_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await asyncio.to_thread(client.list_page, 0)
        await opened[0].wait_closed()
        answers = await asyncio.to_thread(client.batch_stop, IDS[:1], gate)
        client.close()
    assert [answer.outcome for answer in answers.values()] == [Outcome.ACCEPTED]
    assert (len(opened), len(gate.asked)) == (2, 1)


async def test_a_way_past_the_permission_would_write_nothing_that_is_signed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A release of the libraries that writes by another method cannot stop anything."""
    monkeypatch.delattr(transport._Http, "request")  # noqa: SLF001 - as if it were never called
    async with tls.server(tls.server_context()) as (endpoint, asked):
        client = wire.client_of(endpoint, ca_bundle=tls.pem_of(tls.ca()))
        gate = Gate()
        with pytest.raises(AssertionError):
            await asyncio.to_thread(client.batch_stop, IDS, gate)
        client.close()
    assert (gate.asked, len(asked)) == ([], 1)
    assert b"authorization" not in b"".join(asked).lower()
    assert not [task_id for task_id in IDS if task_id.encode() in b"".join(asked)]


async def test_it_is_asked_in_the_thread_of_the_call(client: DcsClient, ids: list[str]) -> None:
    """Where nothing can come between it and the first byte."""
    gate, threads = Gate(admits=ids), []

    def call() -> None:
        threads.append(threading.get_ident())
        client.batch_stop(ids, gate)

    await asyncio.to_thread(call)
    assert gate.threads == threads


async def test_nothing_is_asked_without_a_connection(client: DcsClient, dcs: Simulator) -> None:
    """Nobody listens: it is no use."""
    await dcs.hang_up()
    gate = Gate()
    with pytest.raises(Unavailable):
        await asyncio.to_thread(client.batch_stop, IDS, gate)
    assert gate.asked == []


async def test_nothing_is_written_once_the_time_is_over(
    stall: tuple[threading.Event, threading.Event],
) -> None:
    """By then its caller has given the call up, and must not be proven wrong."""
    waits, goes_on = stall
    async with tls.server(None) as (endpoint, asked):
        client = wire.client_of(endpoint, timeout_s=0.1)
        gate = Gate()

        def late(task_ids: Sequence[str]) -> Sequence[str]:
            waits.set()
            assert goes_on.wait(10.0)
            return gate(task_ids)

        call = asyncio.create_task(asyncio.to_thread(client.batch_stop, IDS, late))
        await asyncio.to_thread(waits.wait, 10.0)
        await asyncio.sleep(0.15)
        goes_on.set()
        with pytest.raises(Unavailable) as caught:
            await call
        client.close()
    assert (caught.value.detail.code, asked) == ("connect-timeout", [])


@pytest.mark.parametrize("kind", [LookupError, ValueError])
async def test_an_error_of_the_permission_is_its_callers(
    dcs: Simulator, client: DcsClient, kind: type[Exception]
) -> None:
    """Nothing is written, and the connection is not left open."""

    def broken(_: Sequence[str]) -> Sequence[str]:
        raise kind("broken")

    with pytest.raises(kind, match="broken"):
        await asyncio.to_thread(client.batch_stop, IDS, broken)
    assert dcs.calls.count() == 0
