"""The pump on virtual time: turns, moments, and one key's error that is nobody else's."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from dcs_migration_operator.engine.pump import FAILED, MARGIN_S, TURN_KEYS_MAX, Pump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.looptime


class Work:
    """Processes keys: remembers when, and does what a test wants for a key."""

    def __init__(self) -> None:
        self.done: list[tuple[float, str]] = []
        self.does: dict[str, Callable[[], float | None]] = {}
        self.failures = 0
        self.pump: Pump[str] = Pump(self._failed)

    def __call__(self, key: str) -> float | None:
        """Process one key."""
        self.done.append((round(asyncio.get_running_loop().time(), 3), key))
        return self.does[key]() if key in self.does else None

    @property
    def keys(self) -> list[str]:
        """The keys that were processed, in order."""
        return [key for _, key in self.done]

    def times(self, key: str) -> list[float]:
        """Return when a key was processed."""
        return [at for at, one in self.done if one == key]

    def _failed(self) -> None:
        self.failures += 1


@pytest.fixture
def work() -> Iterator[Work]:
    """Work, and no timer left behind."""
    work = Work()
    yield work
    work.pump.stop()


def broken() -> float | None:
    """Fail as our own code would."""
    raise ValueError("our own")


def nothing() -> float | None:
    """Come to no moment."""
    return None


def in_turn(*outcomes: Callable[[], float | None]) -> Callable[[], float | None]:
    """Return what has these outcomes, one after the other."""
    left = iter(outcomes)

    def process() -> float | None:
        return next(left)()

    return process


async def test_a_key_is_processed_after_its_caller() -> None:
    """Whoever adds one goes on first, so nobody is changed in the middle of a round."""
    work = Work()
    work.pump.start(work)
    work.pump.queue.add("a")
    work.pump.queue.add("a")
    assert work.keys == []
    await asyncio.sleep(0)
    assert work.keys == ["a"]


async def test_keys_gather_until_it_starts(work: Work) -> None:
    """A standby knows everything and does nothing."""
    for key in ("b", "a", "b"):
        work.pump.queue.add(key)
    work.pump.queue.add_at("c", 5.0)
    await asyncio.sleep(10.0)
    assert work.done == []
    work.pump.start(work)
    await asyncio.sleep(0)
    assert work.keys == ["b", "a", "c"]


async def test_a_key_that_is_added_while_it_is_processed_is_processed_again(work: Work) -> None:
    """What changed meanwhile may not have been seen."""
    again = iter([True])

    def add() -> float | None:
        if next(again, False):
            work.pump.queue.add("a")
        return None

    work.does["a"] = add
    work.pump.start(work)
    work.pump.queue.add("a")
    await asyncio.sleep(1.0)
    assert work.keys == ["a", "a"]


async def test_a_moment_is_never_early(work: Work) -> None:
    """What asks for a moment is processed once it has surely come, once."""
    moments = iter([5.0, None])
    work.does["a"] = lambda: next(moments)
    work.pump.start(work)
    work.pump.queue.add("a")
    await asyncio.sleep(60.0)
    assert work.times("a") == [0.0, 5.0 + MARGIN_S]


async def test_without_a_moment_an_earlier_one_is_void(work: Work) -> None:
    """The newest word of a key decides."""
    moments = iter([5.0, None])
    work.does["a"] = lambda: next(moments)
    work.pump.start(work)
    work.pump.queue.add("a")
    await asyncio.sleep(1.0)
    work.pump.queue.add("a")
    await asyncio.sleep(60.0)
    assert work.times("a") == [0.0, 1.0]


async def test_an_earlier_moment_is_not_kept_waiting_by_a_later_one(work: Work) -> None:
    """The one timer follows the next moment, both ways."""
    work.pump.start(work)
    work.pump.queue.add_at("late", 50.0)
    work.pump.queue.add_at("early", 5.0)
    work.pump.queue.add_at("moved", 2.0)
    work.pump.queue.add_at("moved", 20.0)
    await asyncio.sleep(100.0)
    assert work.done == [(5.0, "early"), (20.0, "moved"), (50.0, "late")]


async def test_a_thousand_keys_leave_turns_to_others(work: Work) -> None:
    """What else is due gets its turn after at most 200 keys."""
    count = 5 * TURN_KEYS_MAX
    seen = []
    work.pump.start(work)
    for number in range(count):
        work.pump.queue.add(str(number))
    for _ in range(6):
        await asyncio.sleep(0)
        seen.append(len(work.done))
    assert seen[-1] == count
    assert [after - before for before, after in pairwise([0, *seen])] == [TURN_KEYS_MAX] * 5 + [0]
    assert work.keys == [str(number) for number in range(count)]


async def test_a_key_that_always_asks_again_keeps_nobody_waiting(work: Work) -> None:
    """The first to be added is the first to be processed, whoever else is busy."""

    def busy() -> float | None:
        if len(work.done) < 100:
            work.pump.queue.add("busy")
        return None

    work.does["busy"] = busy
    work.pump.start(work)
    work.pump.queue.add("busy")
    work.pump.queue.add("other")
    await asyncio.sleep(0)
    assert work.keys[:3] == ["busy", "other", "busy"]


async def test_an_error_is_of_its_key_alone(work: Work) -> None:
    """It is told and tried again with growing pauses, while all others go on as ever."""
    work.does["bad"] = broken
    work.pump.start(work)
    for key in ("a", "bad", "b"):
        work.pump.queue.add(key)
    await asyncio.sleep(5.0)
    assert work.keys == ["a", "bad", "b"]
    await asyncio.sleep(3600.0)
    times = work.times("bad")
    gaps = [round(after - before, 2) for before, after in pairwise(times)]
    assert gaps == [FAILED.seconds(number) for number in range(1, len(gaps) + 1)]
    assert (gaps[-1], work.failures) == (FAILED.most_s, len(times))


async def test_a_success_forgets_the_errors_before(work: Work) -> None:
    """The next error begins with the shortest pause again."""
    work.does["a"] = in_turn(broken, broken, nothing, broken, nothing)
    work.pump.start(work)
    work.pump.queue.add("a")
    await asyncio.sleep(100.0)
    work.pump.queue.add("a")
    await asyncio.sleep(100.0)
    assert work.times("a") == [0.0, 5.001, 15.002, 100.0, 105.001]


async def test_news_does_not_wait_for_the_pause_after_an_error(work: Work) -> None:
    """What failed is tried at once when something about it changes."""
    work.does["a"] = in_turn(broken, nothing)
    work.pump.start(work)
    work.pump.queue.add("a")
    await asyncio.sleep(1.0)
    work.pump.queue.add("a")
    await asyncio.sleep(100.0)
    assert work.times("a") == [0.0, 1.0]


async def test_a_forgotten_key_is_not_processed(work: Work) -> None:
    """Neither because it was due, nor for its moment, nor to be tried again."""
    work.does["bad"] = broken
    work.pump.start(work)
    work.pump.queue.add("bad")
    await asyncio.sleep(0)
    work.pump.queue.add_at("later", 5.0)
    work.pump.queue.add("due")
    for key in ("bad", "later", "due"):
        work.pump.forget(key)
    await asyncio.sleep(100.0)
    assert work.keys == ["bad"]


async def test_after_a_stop_nothing_is_processed(work: Work) -> None:
    """Neither what waits, nor what is added, nor what a timer would bring."""
    work.pump.start(work)
    work.pump.queue.add_at("later", 5.0)
    work.pump.queue.add("a")
    work.pump.stop()
    work.pump.queue.add("b")
    await asyncio.sleep(10.0)
    assert work.done == []


async def test_a_key_may_stop_the_pump(work: Work) -> None:
    """Those behind it are left."""
    work.does["a"] = work.pump.stop
    work.pump.start(work)
    work.pump.queue.add("a")
    work.pump.queue.add("b")
    await asyncio.sleep(10.0)
    assert work.keys == ["a"]


async def test_draining_processes_at_once_what_is_due(work: Work) -> None:
    """Once: what is added meanwhile, or due later, waits."""
    work.does["a"] = partial(work.pump.queue.add, "c")
    work.pump.start(work)
    work.pump.queue.add("a")
    work.pump.queue.add("b")
    work.pump.queue.add_at("later", 5.0)
    work.pump.drain()
    assert work.keys == ["a", "b"]
    work.pump.stop()


async def test_draining_what_never_started_does_nothing(work: Work) -> None:
    """A standby that ends writes nothing."""
    work.pump.queue.add("a")
    work.pump.drain()
    assert work.done == []
