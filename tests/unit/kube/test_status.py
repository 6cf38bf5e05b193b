"""The status queue: who is written when, how often, and how many at once."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dcs_migration_operator.kube.status import RETRY
from unit.kube.writes import Server, ref, status

pytestmark = pytest.mark.looptime


async def test_a_status_is_written_at_once_and_once() -> None:
    """The version of the answer is told with what was written."""
    server = Server()
    queue = server.queue()
    queue.want(ref(), status("A"))
    assert await queue.drain(5.0)
    assert server.started == [(0.0, "task-1", "A")]
    assert server.written == [("uid-1", 1, "A")]
    assert server.outcomes == {"ok": 1}


async def test_the_newest_status_wins() -> None:
    """What is wanted during a write follows it; what was overtaken is never written."""
    server = Server()
    queue = server.queue()
    for word in "AB":
        queue.want(ref(), status(word))
    await asyncio.sleep(0.5)
    for word in "CDE":
        queue.want(ref(), status(word))
    assert await queue.drain(5.0)
    assert server.started == [(0.0, "task-1", "B"), (1.0, "task-1", "E")]


async def test_a_bounded_number_is_under_way() -> None:
    """Exactly as many as there are writers, in the order of wanting, until all are written."""
    server = Server()
    queue = server.queue(writers_max=3)
    for number in range(10):
        queue.want(ref(number), status("A"))
    assert await queue.drain(60.0)
    assert [at for at, _, _ in server.started] == [0.0] * 3 + [1.0] * 3 + [2.0] * 3 + [3.0]
    assert [name for _, name, _ in server.started] == [f"task-{n}" for n in range(10)]
    assert server.most_busy == 3


async def test_one_object_does_not_keep_the_others_waiting() -> None:
    """An object that changes all the time takes its turn behind those that wait."""
    server = Server()
    queue = server.queue(writers_max=1)
    queue.want(ref(1), status("A"))
    await asyncio.sleep(0.1)
    queue.want(ref(2), status("A"))
    queue.want(ref(1), status("B"))
    assert await queue.drain(60.0)
    assert [name for _, name, _ in server.started] == ["task-1", "task-2", "task-1"]


@pytest.mark.parametrize("code", [0, 401, 403, 409, 422, 429, 500, 503])
async def test_a_failed_write_is_tried_again(code: int) -> None:
    """Conflicts, refusals, an API server that is away and a lost Lease, after half a second."""
    server = Server(code)
    queue = server.queue()
    queue.want(ref(), status("A"))
    assert await queue.drain(60.0)
    assert server.times() == [0.0, 1.5]
    assert server.outcomes == {"error": 1, "ok": 1}
    assert server.written == [("uid-1", 2, "A")]


async def test_the_pauses_grow_up_to_a_limit() -> None:
    """Doubled from half a second to half a minute, for as long as it takes."""
    server = Server(*[500] * 9, write_s=0.0)
    queue = server.queue()
    queue.want(ref(), status("A"))
    assert await queue.drain(600.0)
    pauses = [b - a for a, b in zip(server.times(), server.times()[1:], strict=False)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, *[RETRY.most_s] * 3]


async def test_a_success_forgets_the_failures() -> None:
    """The next failure begins with the shortest pause."""
    server = Server(500, 500, None, 500, write_s=0.0)
    queue = server.queue()
    for word in "AB":
        queue.want(ref(), status(word))
        assert await queue.drain(60.0)
    assert server.times() == [0.0, 0.5, 1.5, 1.5, 2.0]


async def test_a_newer_status_takes_the_place_of_one_that_failed() -> None:
    """It waits for the rest of the pause, and the old one is not written any more."""
    server = Server(500)
    queue = server.queue()
    queue.want(ref(), status("A"))
    await asyncio.sleep(1.2)
    queue.want(ref(), status("B"))
    assert await queue.drain(60.0)
    assert server.started == [(0.0, "task-1", "A"), (1.5, "task-1", "B")]


async def test_a_newer_status_wanted_during_a_write_that_fails_survives() -> None:
    """The failed one does not come back in front of it."""
    server = Server(500)
    queue = server.queue()
    queue.want(ref(), status("A"))
    await asyncio.sleep(0.5)
    queue.want(ref(), status("B"))
    assert await queue.drain(60.0)
    assert [phase for _, _, phase in server.started] == ["A", "B"]


async def test_resting_objects_do_not_hold_a_writer() -> None:
    """Others are written during the pause."""
    server = Server(500)
    queue = server.queue(writers_max=1)
    queue.want(ref(1), status("A"))
    await asyncio.sleep(1.1)
    queue.want(ref(2), status("A"))
    assert await queue.drain(60.0)
    assert server.times("task-2") == [1.1]


async def test_an_object_that_is_gone_is_not_written_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The watch tells that it is; until then it is tried again, without a word in the log."""
    server = Server(404, 404)
    queue = server.queue()
    queue.want(ref(), status("A"))
    await asyncio.sleep(3.0)
    queue.drop(ref())
    assert await queue.drain(60.0)
    assert (server.outcomes, server.written) == ({"gone": 2}, [])
    assert not [one for one in caplog.records if one.levelno > logging.DEBUG]


async def test_an_object_that_only_seems_gone_is_written() -> None:
    """Another API server may answer so for a moment, after the CRDs came back."""
    server = Server(404)
    queue = server.queue()
    queue.want(ref(), status("A"))
    assert await queue.drain(60.0)
    assert server.outcomes == {"gone": 1, "ok": 1}


async def test_a_dropped_object_is_not_written() -> None:
    """Neither while it waits for a writer nor while it rests."""
    server = Server(None, 500)
    queue = server.queue(writers_max=1)
    for number in (1, 2, 3):
        queue.want(ref(number), status("A"))
    queue.drop(ref(3))
    await asyncio.sleep(2.2)
    queue.drop(ref(2))
    assert await queue.drain(0.1)
    await asyncio.sleep(60.0)
    assert [name for _, name, _ in server.started] == ["task-1", "task-2"]


async def test_a_write_that_fails_after_its_object_was_dropped_is_not_repeated() -> None:
    """The object was dropped while the write was under way."""
    server = Server(500)
    queue = server.queue()
    queue.want(ref(), status("A"))
    await asyncio.sleep(0.5)
    queue.drop(ref())
    await asyncio.sleep(60.0)
    assert server.times() == [0.0]


async def test_a_dropped_object_may_come_back() -> None:
    """And is still never written twice at a time."""
    server = Server()
    queue = server.queue(writers_max=2)
    queue.want(ref(1), status("A"))
    await asyncio.sleep(0.5)
    queue.want(ref(2), status("A"))
    queue.want(ref(3), status("A"))
    queue.drop(ref(3))
    queue.want(ref(3), status("B"))
    await asyncio.sleep(0.7)
    queue.want(ref(3), status("C"))
    assert await queue.drain(60.0)
    assert [phase for _, name, phase in server.started if name == "task-3"] == ["B", "C"]
    assert server.doubled == []
