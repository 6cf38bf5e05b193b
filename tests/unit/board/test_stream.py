"""The stream: bursts are joined, tabs resume, a slow one gets a snapshot, nothing grows."""

from __future__ import annotations

import asyncio
import json

import pytest

from kubectl_dcs.board import stream as streams
from kubectl_dcs.board.state import State
from kubectl_dcs.board.stream import MESSAGES_MAX, Stream
from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import TASK
from unit.plugin import bodies


def change(state: State, stream: Stream, lag: int = 0, name: str = "a") -> None:
    """Let a task change."""
    state.hear(News(What.CHANGED, TASK, (bodies.task(name, lag=lag),)), 0.0)
    stream.touch()


@pytest.mark.looptime
async def test_a_thousand_changes_in_ten_seconds_are_at_most_five_messages_a_second() -> None:
    """And none of them is lost."""
    state = State()
    stream = Stream(state, asyncio.get_running_loop().time)
    job = asyncio.create_task(stream.run())
    for number in range(1000):
        change(state, stream, number, f"t{number}")
        await asyncio.sleep(0.01)
    await asyncio.sleep(1)
    job.cancel()
    assert 40 <= stream.number <= 51
    messages = stream.after(0)
    assert messages is not None
    names = [one["name"] for m in messages for one in json.loads(m.data)[TASK.plural]]
    assert sorted(names) == sorted(f"t{number}" for number in range(1000))


@pytest.mark.looptime
async def test_the_first_change_after_a_pause_is_told_at_once() -> None:
    """Joining must not make a quiet board slow."""
    state, loop = State(), asyncio.get_running_loop()
    stream = Stream(state, loop.time)
    job = asyncio.create_task(stream.run())
    await asyncio.sleep(5)
    began_s = loop.time()
    change(state, stream)
    assert await stream.wait(0)
    job.cancel()
    assert loop.time() - began_s < 0.01


def test_nothing_new_is_no_message() -> None:
    """A touch alone tells no tab anything."""
    stream = Stream(State(), lambda: 0.0)
    stream.publish()
    stream.publish()
    assert stream.number == 0


def test_a_tab_that_was_away_for_a_while_gets_what_it_missed() -> None:
    """Each message once, in order."""
    state = State()
    stream = Stream(state, lambda: 0.0)
    for number in range(10):
        change(state, stream, number)
        stream.publish()
    place = stream.place_of(stream.id_of(stream.snapshot()).replace("-10", "-7"))
    assert place == 7
    missed = stream.after(place)
    assert missed is not None
    assert [message.number for message in missed] == [8, 9, 10]


def test_a_tab_that_was_away_for_long_gets_a_snapshot_instead() -> None:
    """Only so many messages are kept, however many tabs there are."""
    state = State()
    stream = Stream(state, lambda: 0.0)
    for number in range(MESSAGES_MAX + 5):
        change(state, stream, number)
        stream.publish()
    assert stream.after(4) is None
    kept = stream.after(5)
    assert kept is not None
    assert len(kept) == MESSAGES_MAX


def test_messages_are_kept_by_their_length_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst of five thousand rows is long."""
    monkeypatch.setattr(streams, "BYTES_MAX", 2000)
    state = State()
    stream = Stream(state, lambda: 0.0)
    for number in range(20):
        change(state, stream, number)
        stream.publish()
    kept = [stream.after(number) for number in range(21)]
    sizes = [sum(len(m.data) for m in messages) for messages in kept if messages]
    assert sizes
    assert max(sizes) <= 2000
    assert kept[0] is None


@pytest.mark.parametrize(
    "event_id", ["", "x", "-", "0-1", "{epoch}-", "{epoch}-x", "{epoch}-9", "{epoch}-٣"]
)
def test_an_id_of_another_board_or_of_nobody_means_a_snapshot(event_id: str) -> None:
    """A board that was started again counts from 1 again."""
    stream = Stream(State(), lambda: 0.0)
    epoch = stream.id_of(stream.snapshot()).partition("-")[0]
    assert stream.place_of(event_id.format(epoch=epoch)) is None


def test_tabs_that_come_together_share_one_snapshot() -> None:
    """Ten people open the page at once."""
    state = State()
    stream = Stream(state, lambda: 0.0)
    change(state, stream)
    assert stream.snapshot() is stream.snapshot()
    before = stream.snapshot()
    change(state, stream, 1)
    assert stream.snapshot() is not before


@pytest.mark.looptime
async def test_silence_is_told_apart_from_a_board_that_is_gone() -> None:
    """By a sign of life after some seconds."""
    stream = Stream(State(), lambda: 0.0)
    began_s = asyncio.get_running_loop().time()
    assert not await stream.wait(0)
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(streams.BEAT_S)
