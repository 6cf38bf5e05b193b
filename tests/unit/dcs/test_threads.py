"""Calls in threads: their connections, and what becomes of one whose caller has gone."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.core.errors import OutcomeUnknown, ReadError, Unavailable
from dcs_migration_operator.core.model import Observation
from dcs_migration_operator.dcs import threads
from dcs_migration_operator.dcs.threads import ThreadedDcs, in_thread
from dcs_migration_operator.dcs.transport import IDLE_S
from dcs_migration_operator.settings import ChannelSettings
from unit.dcs import tls, wire
from unit.dcs.test_permit import IDS, accepting, held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CALL_S = 2.0
ACCOUNT = wire.account_of("https://dcs.example.com")
looptime = pytest.mark.looptime


class Client:
    """A client that notes when it closes its connections."""

    closed_at: list[float]

    def __init__(self, *_: object, **__: object) -> None:
        Client.closed_at = []

    def show(self, task_id: str) -> Observation:
        """Answer."""
        return Observation("MIGRATING", task_id)

    def close(self) -> None:
        """Take note."""
        Client.closed_at.append(asyncio.get_running_loop().time())


async def _later(function: Callable[..., object], *args: object) -> object:
    await asyncio.sleep(CALL_S)
    return function(*args)


@pytest.fixture
def dcs(monkeypatch: pytest.MonkeyPatch) -> ThreadedDcs:
    """Make the threads of that client, with virtual time in the place of threads."""
    monkeypatch.setattr(threads, "DcsClient", Client)
    monkeypatch.setattr(threads, "in_thread", _later)
    return ThreadedDcs(ACCOUNT, ChannelSettings())


@looptime
async def test_connections_are_closed_after_a_while_without_calls(dcs: ThreadedDcs) -> None:
    """Once, counted from the end of the last call."""
    await asyncio.gather(dcs.show("a"), dcs.show("b"))
    await asyncio.sleep(IDLE_S * 3)
    assert Client.closed_at == [CALL_S + IDLE_S]


@looptime
async def test_a_call_keeps_them(dcs: ThreadedDcs) -> None:
    """Nothing is closed under a call, or sooner than a while after it."""
    for _ in range(3):
        await dcs.show("a")
        await asyncio.sleep(IDLE_S - CALL_S / 2)
    assert Client.closed_at == []
    await asyncio.sleep(IDLE_S)
    assert len(Client.closed_at) == 1


@looptime
async def test_a_closed_bridge_closes_them_at_once(dcs: ThreadedDcs) -> None:
    """Closing it again changes nothing."""
    await dcs.show("a")
    dcs.close()
    await asyncio.sleep(IDLE_S * 2)
    assert Client.closed_at == [CALL_S]


@looptime
async def test_a_call_that_does_not_come_back_is_given_up(
    dcs: ThreadedDcs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its own time limit and half as much; the host is named, and no answer is claimed."""

    async def never(*_: object) -> None:
        await asyncio.sleep(1e6)

    monkeypatch.setattr(threads, "in_thread", never)
    with pytest.raises(OutcomeUnknown) as caught:
        await dcs.show("a")
    assert asyncio.get_running_loop().time() == 45.0
    assert (caught.value.detail.code, caught.value.answered) == ("timeout", False)
    assert "dcs.example.com" in caught.value.detail.message


def no_thread(*_: object, **__: object) -> None:
    """Do what a machine without a further thread does."""
    raise RuntimeError("can't start new thread")


async def test_a_machine_without_threads_is_a_passing_trouble(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of every call, also of what is fetched otherwise; the slot is given back each time."""
    dcs = ThreadedDcs(ACCOUNT, ChannelSettings(orders_parallel_max=1, shows_parallel_max=1))
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    for _ in range(5):
        for call in (
            dcs.batch_stop(IDS, wire.everything),
            dcs.list_page(0),
            dcs.show("a"),
            dcs.stats("a"),
        ):
            with pytest.raises(Unavailable) as caught:
                await call
            assert (caught.value.detail.code, caught.value.answered) == ("no-thread", False)
    with pytest.raises(ReadError, match="no further thread") as failed:
        await in_thread(int)
    assert failed.value.passing
    monkeypatch.undo()
    dcs.close()


async def test_permission_is_asked_on_the_event_loop() -> None:
    """Where the state it is judged by lives; and what it leaves out has no answer."""
    asked_in: list[asyncio.AbstractEventLoop] = []

    def some(task_ids: Sequence[str]) -> Sequence[str]:
        asked_in.append(asyncio.get_running_loop())
        return task_ids[:2]

    async with tls.server(None, answer=accepting(*IDS)) as (endpoint, asked):
        dcs = ThreadedDcs(wire.account_of(endpoint), ChannelSettings())
        answers = await dcs.batch_stop(IDS, some)
        dcs.close()
    assert (len(asked), len(answers)) == (1, 2)
    assert asked_in == [asyncio.get_running_loop()] * 2


async def test_an_error_of_the_permission_is_its_callers() -> None:
    """Nothing is written."""

    def broken(_: Sequence[str]) -> Sequence[str]:
        raise LookupError("broken")

    async with tls.server(None) as (endpoint, asked):
        dcs = ThreadedDcs(wire.account_of(endpoint), ChannelSettings())
        with pytest.raises(LookupError, match="broken"):
            await dcs.batch_stop(IDS, broken)
        dcs.close()
    assert asked == []


@pytest.fixture
def stalled(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Stall connections: one event tells that one does, the other lets it go on."""
    waits, goes_on = threading.Event(), threading.Event()
    monkeypatch.setattr(socket.socket, "connect", held(socket.socket.connect, waits, goes_on))
    yield waits, goes_on
    goes_on.set()


async def test_a_call_whose_caller_has_gone_writes_nothing(
    stalled: tuple[threading.Event, threading.Event],
) -> None:
    """Its loop ends, its Lease is lost, or its project: nobody would hear of the effect."""
    waits, goes_on = stalled
    async with tls.server(None) as (endpoint, asked):
        dcs = ThreadedDcs(wire.account_of(endpoint), ChannelSettings())
        call = asyncio.create_task(dcs.batch_stop(IDS, wire.everything))
        await asyncio.to_thread(waits.wait, 10.0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        goes_on.set()
        await asyncio.to_thread(_join)
        dcs.close()
    assert asked == []


async def test_an_order_that_is_given_up_before_it_was_written_had_no_effect(
    stalled: tuple[threading.Event, threading.Event],
) -> None:
    """It is known, since it never will be written; it can be tried again at once."""
    _, goes_on = stalled
    settings = ChannelSettings(request_timeout_s=0.1)
    async with tls.server(None) as (endpoint, asked):
        dcs = ThreadedDcs(wire.account_of(endpoint), settings)
        with pytest.raises(Unavailable) as caught:
            await dcs.batch_stop(IDS, wire.everything)
        goes_on.set()
        await asyncio.to_thread(_join)
        dcs.close()
    assert (caught.value.detail.code, asked) == ("connect-timeout", [])


async def test_a_frozen_loop_permits_nothing() -> None:
    """Whoever does not hear of a withdrawal must not act on what was wished before."""

    def freeze(task_ids: Sequence[str]) -> Sequence[str]:
        raise AssertionError(f"asked for {task_ids}")

    async with tls.server(None) as (endpoint, asked):
        dcs = ThreadedDcs(wire.account_of(endpoint), ChannelSettings(request_timeout_s=0.2))
        call = asyncio.create_task(dcs.batch_stop(IDS, freeze))
        for _ in range(3):
            await asyncio.sleep(0)  # the thread is started
        time.sleep(0.6)  # noqa: ASYNC251 - the loop is frozen: that is the point
        with pytest.raises(Unavailable):
            await call
        dcs.close()
    assert asked == []


async def test_an_order_that_may_have_been_written_has_an_unknown_outcome(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its permission was given, and then nothing was heard."""
    held = threading.Event()

    class Silent(Client):
        def batch_stop(self, task_ids: Sequence[str], permit: Callable[..., object]) -> None:
            permit(task_ids)
            held.wait(10.0)

    monkeypatch.setattr(threads, "DcsClient", Silent)
    dcs = ThreadedDcs(ACCOUNT, ChannelSettings(request_timeout_s=0.1))
    with pytest.raises(OutcomeUnknown):
        await dcs.batch_stop(IDS, wire.everything)
    held.set()
    await asyncio.to_thread(_join)
    dcs.close()


async def test_stats_wait_for_nobody_and_keep_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are many and can wait; an order cannot."""
    held = threading.Event()

    class Slow(Client):
        def stats(self, _: str) -> None:
            held.wait(10.0)

    monkeypatch.setattr(threads, "DcsClient", Slow)
    dcs = ThreadedDcs(ACCOUNT, ChannelSettings())
    sampling = [asyncio.create_task(dcs.stats(str(number))) for number in range(50)]
    await asyncio.sleep(0)
    assert (await dcs.show("a")).task_id == "a"
    held.set()
    await asyncio.gather(*sampling)
    dcs.close()


def _join() -> None:
    """Wait until no call is under way in a thread."""
    for thread in threading.enumerate():
        if thread.name == "blocking":
            thread.join(10.0)
