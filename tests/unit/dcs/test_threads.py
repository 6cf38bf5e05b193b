"""Connections to DCS are kept while there are calls, and closed when there are none for a while."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, NoReturn, cast

import pytest

from dcs_migration_operator.core.errors import ReadError, Unavailable
from dcs_migration_operator.core.model import Account, Observation
from dcs_migration_operator.dcs import threads
from dcs_migration_operator.dcs.threads import ThreadedDcs, in_thread
from dcs_migration_operator.dcs.transport import IDLE_S
from dcs_migration_operator.settings import ChannelSettings

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]

CALL_S = 2.0


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
    """A threads to that client, with virtual time in the place of threads."""
    monkeypatch.setattr(threads, "DcsClient", Client)
    monkeypatch.setattr(threads, "in_thread", _later)
    return ThreadedDcs(cast("Account", None), ChannelSettings())


async def test_connections_are_closed_after_a_while_without_calls(dcs: ThreadedDcs) -> None:
    """Once, counted from the end of the last call."""
    await asyncio.gather(dcs.show("a"), dcs.show("b"))
    await asyncio.sleep(IDLE_S * 3)
    assert Client.closed_at == [CALL_S + IDLE_S]


async def test_a_call_keeps_them(dcs: ThreadedDcs) -> None:
    """Nothing is closed under a call, or sooner than a while after it."""
    for _ in range(3):
        await dcs.show("a")
        await asyncio.sleep(IDLE_S - CALL_S / 2)
    assert Client.closed_at == []
    await asyncio.sleep(IDLE_S)
    assert len(Client.closed_at) == 1


async def test_a_closed_bridge_closes_them_at_once(dcs: ThreadedDcs) -> None:
    """And not a second time."""
    await dcs.show("a")
    dcs.close()
    await asyncio.sleep(IDLE_S * 2)
    assert Client.closed_at == [CALL_S]


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that allows no further thread, as a node with a limit on a pod's processes."""

    def start(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads, "DcsClient", Client)
    monkeypatch.setattr(threading.Thread, "start", start)


@pytest.mark.usefixtures("crowded")
async def test_a_call_that_gets_no_thread_had_no_effect() -> None:
    """It is an answer like an absent DCS, again and again, and takes no slot for good."""
    dcs = ThreadedDcs(cast("Account", None), ChannelSettings())
    for _ in range(20):
        with pytest.raises(Unavailable, match="no further thread"):
            await dcs.show("a")


@pytest.mark.usefixtures("crowded")
async def test_what_is_fetched_in_a_thread_may_be_had_later() -> None:
    """What was known before still holds."""
    with pytest.raises(ReadError, match="no further thread") as caught:
        await in_thread(int)
    assert caught.value.passing
