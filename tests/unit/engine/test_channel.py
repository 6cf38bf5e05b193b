"""One account at DCS: how it is closed, and how it is seen when its polling has failed."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

import pytest

from dcs_migration_operator.engine.channel import Channel, log_failure
from dcs_migration_operator.engine.facts import ChannelFacts
from unit.engine.parts import ACCOUNT, ENDPOINT, queue

if TYPE_CHECKING:
    from collections.abc import Coroutine

pytestmark = pytest.mark.looptime


class Parts:
    """Stands for all parts of a channel; keeps in which order they were closed."""

    def __init__(self, polling: Coroutine[Any, Any, None], *, drain_s: float = 0.0) -> None:
        self.closed: list[str] = []
        self.drain_s = drain_s
        self.polling = asyncio.get_running_loop().create_task(polling)
        names = ("poller", "dcs", "stops", "sampler")
        poller, dcs, stops, sampler = (cast("Any", _Part(self, name)) for name in names)
        facts = ChannelFacts(queue(), queue())
        self.channel = Channel(ACCOUNT, facts, dcs, poller, stops, sampler, self.polling)
        stops.close = self._drain

    async def _drain(self, timeout_s: float) -> None:
        await asyncio.sleep(min(self.drain_s, timeout_s))
        self.closed.append("stops")


class _Part:
    def __init__(self, parts: Parts, name: str) -> None:
        self._parts, self._name = parts, name

    def close(self) -> None:
        """Keep that it was closed, and whether the polling had ended by then."""
        ended = " after the polling" if self._parts.polling.done() else ""
        self._parts.closed.append(f"{self._name}{ended}")

    def stuck_s(self) -> float:
        """Return what a poller would."""
        return 7.0


async def poll() -> None:
    """Poll for ever."""
    await asyncio.sleep(1e9)


async def break_down() -> None:
    """Fail as our own code would."""
    raise ValueError("our own")


async def test_stops_are_drained_before_anything_that_they_need_is_closed() -> None:
    """The polling ends first, so that nobody asks for what is about to go."""
    parts = Parts(poll(), drain_s=2.0)
    await asyncio.sleep(0)
    await parts.channel.close(3.0)
    names = ["stops", *(f"{name} after the polling" for name in ("poller", "sampler", "dcs"))]
    assert parts.closed == names
    assert asyncio.get_running_loop().time() == 2.0
    assert parts.polling.cancelled()


async def test_a_close_without_patience_gives_up_at_once() -> None:
    """As when the process has lost its Lease."""
    parts = Parts(poll(), drain_s=2.0)
    await parts.channel.close()
    assert asyncio.get_running_loop().time() == 0.0


async def test_polling_that_has_failed_is_stuck_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    """The health page turns red and the process starts anew; a close bears it."""
    parts = Parts(break_down())
    parts.polling.add_done_callback(log_failure)
    assert parts.channel.stuck_s() == 7.0
    await asyncio.sleep(0.1)
    assert parts.channel.stuck_s() == float("inf")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    await parts.channel.close()
    assert len(parts.closed) == 4


async def test_polling_that_was_ended_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged for it."""
    parts = Parts(poll())
    parts.polling.add_done_callback(log_failure)
    await asyncio.sleep(0)
    await parts.channel.close()
    await asyncio.sleep(0)
    assert caplog.records == []


async def test_its_site_is_what_the_facts_speak_of() -> None:
    """Whoever asks: another key of the same cloud project sees the same tasks."""
    parts = Parts(poll())
    assert parts.channel.site == (ENDPOINT, ACCOUNT.project_id)
    await parts.channel.close()
