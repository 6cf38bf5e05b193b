"""How the status queue waits, ends and tells that it is stuck; and what holds for all its runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import looptime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcs_migration_operator.kube.status import StatusQueue
from unit.kube.writes import Server, ref, status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcs_migration_operator.core.model import ObjectRef

DEEDS = st.tuples(
    st.sampled_from([0.0, 0.0, 0.3, 0.5, 1.0, 2.5]),
    st.sampled_from(["want", "want", "want", "drop"]),
    st.integers(1, 3),
)


@pytest.mark.looptime
async def test_a_status_wanted_at_the_moment_the_last_writer_ends_is_written() -> None:
    """Nobody else may come along to wake a writer for it."""
    loop, answer = asyncio.get_running_loop(), asyncio.Event()
    written: list[str] = []

    async def patch(target: ObjectRef, _: Mapping[str, Any]) -> int:
        await answer.wait()
        written.append(target.name)
        return 1

    queue = StatusQueue(
        patch=patch,
        encode=lambda _: {},
        written=lambda *_: None,
        count=lambda _: None,
        writers_max=1,
    )
    queue.want(ref(1), status("A"))
    await asyncio.sleep(1.0)
    answer.set()  # the writer goes on, and ends, in the next round of the loop
    loop.call_soon(queue.want, ref(2), status("A"))  # right behind it in the same round
    await asyncio.sleep(60.0)
    assert written == ["task-1", "task-2"]


@pytest.mark.looptime
async def test_draining_has_a_time_limit() -> None:
    """It says whether everything was written, and gives nothing up."""
    server = Server()
    queue = server.queue(writers_max=1)
    assert await queue.drain(0.0)
    queue.want(ref(1), status("A"))
    queue.want(ref(2), status("A"))
    assert not await queue.drain(1.5)
    assert asyncio.get_running_loop().time() == 1.5
    assert await queue.drain(1.5)
    assert server.outcomes == {"ok": 2}


@pytest.mark.looptime
async def test_draining_waits_for_objects_that_rest() -> None:
    """A write that failed is not written."""
    server = Server(500)
    queue = server.queue()
    queue.want(ref(), status("A"))
    assert not await queue.drain(1.2)
    assert await queue.drain(2.0)


@pytest.mark.looptime
async def test_closing_gives_up_what_is_not_written() -> None:
    """What is under way, what waits and what rests; nothing is taken or written afterwards."""
    server = Server(500)
    queue = server.queue(writers_max=1)
    for number in (1, 2, 3):
        queue.want(ref(number), status("A"))
    await asyncio.sleep(1.2)  # the first rests, the second is under way, the third waits
    await queue.close()
    queue.want(ref(4), status("A"))
    await asyncio.sleep(60.0)
    assert [name for _, name, _ in server.started] == ["task-1", "task-2"]
    assert server.written == []


@pytest.mark.looptime
async def test_an_idle_queue_is_never_stuck() -> None:
    """Neither before the first write nor long after the last, nor while objects rest."""
    server = Server(500)
    queue = server.queue()
    await asyncio.sleep(100.0)
    assert queue.stuck_s() == 0.0
    queue.want(ref(), status("A"))
    assert queue.stuck_s() == 0.0
    await asyncio.sleep(1.2)
    assert queue.stuck_s() == 0.0
    assert await queue.drain(5.0)
    await asyncio.sleep(100.0)
    assert queue.stuck_s() == 0.0


@pytest.mark.looptime
async def test_a_queue_without_an_end_in_sight_is_stuck() -> None:
    """Since the last write that ended, whether well or not."""
    server = Server(write_s=90.0)
    queue = server.queue(writers_max=1)
    queue.want(ref(1), status("A"))
    await asyncio.sleep(10.0)
    queue.want(ref(2), status("A"))
    await asyncio.sleep(40.0)
    assert queue.stuck_s() == pytest.approx(50.0)
    await asyncio.sleep(41.0)
    assert queue.stuck_s() == pytest.approx(1.0)
    await queue.close()


@given(
    st.lists(DEEDS, max_size=14),
    st.lists(st.sampled_from([None, 0, 409, 422, 500]), max_size=5),
    st.integers(1, 3),
)
@settings(deadline=None)
def test_every_run_ends_with_the_newest_status_of_each_object(
    deeds: list[tuple[float, str, int]], failures: list[int | None], writers_max: int
) -> None:
    """For all runs: bounded, never two of one object, nothing lost, nothing left to do."""
    newest: dict[str, str] = {}
    server = Server(*failures)

    async def run() -> None:
        queue = server.queue(writers_max)
        for step, (pause_s, deed, number) in enumerate(deeds):
            await asyncio.sleep(pause_s)
            if deed == "want":
                queue.want(ref(number), status(f"phase-{step}"))
                newest[f"uid-{number}"] = f"phase-{step}"
            else:
                queue.drop(ref(number))
                newest.pop(f"uid-{number}", None)
        assert await queue.drain(600.0)

    loop = looptime.new_event_loop(start=0.0)
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
    last = {uid: phase for uid, _, phase in server.written}
    assert newest.items() <= last.items()
    assert server.doubled == []
    assert server.most_busy <= writers_max
