"""Samples the lag of those tasks of one channel that wait to be stopped.

Opened tasks are sampled in rounds of at most one batch and a few seconds; that a lag is within its
limit is told at the end of a round, so that the tasks that are ready leave together. A sample that
fails is a sample that says nothing, and that task is asked again a little later; it holds up nobody
else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from dcs_migration_operator.core.backoff import Backoff
from dcs_migration_operator.core.cloud import BATCH_IDS_MAX, Stats
from dcs_migration_operator.core.cutover import Lag, Sampling
from dcs_migration_operator.core.errors import DcsError
from dcs_migration_operator.engine.key_ledger import CLOCK_S
from dcs_migration_operator.engine.room import YOUNG_S, room_at
from dcs_migration_operator.engine.turns import Seat, Turns
from dcs_migration_operator.engine.workqueue import WorkQueue

if TYPE_CHECKING:
    from dcs_migration_operator.engine.facts import ChannelFacts
    from dcs_migration_operator.engine.ports import Clock

SAMPLE_S: Final = 5.0
"""Interval between samples of an opened task: the usual 10 s take three samples."""

ROUND_S_MAX: Final = 5.0
"""Longest round, so that its first sample is young enough when its requests are sent."""

GATHER_S: Final = 0.5
"""How long a round waits for tasks that are opened along with its first one."""

FAILED: Final = Backoff(SAMPLE_S, 60.0)
"""Pause before a task whose sample failed is sampled again."""

CALLS_MAX: Final = 16
"""Most concurrent calls, including hanging ones; each ends by its own time limit."""

HOLDING_S: Final = 10.0
"""Shortest interval between samples of a holding task, however few there are."""

Wait = Callable[[float], float]
"""Returns the seconds until one more call may be made; its argument is the monotonic time."""


class AsksStats(Protocol):
    """The stats call; it returns the monotonic time of the request before the answer."""

    async def stats(self, task_id: str) -> tuple[float, Stats]:
        """Return what DCS says about the progress of one task."""


@dataclass(slots=True, eq=False)
class _Watched:
    """One task to sample.

    Attributes:
        due_at: Monotonic time in seconds of the next sample.
        seat: Its place in the queue for turns, if it is opened.
        failures: Number of failed samples in a row.
        asking: Whether a call is in progress.
    """

    key: str
    task_id: str
    sampling: Sampling
    due_at: float
    seat: Seat | None = None
    failures: int = 0
    asking: bool = False

    @property
    def seated(self) -> bool:
        return self.seat is not None and self.seat.since is not None


class Sampler:
    """Samples the tasks of one channel.

    Args:
        dcs: Makes the calls.
        facts: Receives the samples.
        turns: The turns of the access key, which its channels share.
    """

    def __init__(self, dcs: AsksStats, facts: ChannelFacts, turns: Turns, clock: Clock) -> None:
        self._dcs, self._facts, self._turns, self._clock = dcs, facts, turns, clock
        self._watched: dict[str, _Watched] = {}
        self._open_bell, self._holding_bell = asyncio.Event(), asyncio.Event()
        self._open: WorkQueue[str] = WorkQueue(self._open_bell.set)
        self._holding: WorkQueue[str] = WorkQueue(self._holding_bell.set)
        self._calls: dict[asyncio.Task[None], float] = {}
        self._found: dict[str, Lag] = {}

    def watch(self, key: str, task_id: str, sampling: Sampling) -> None:
        """Sample this task at this rate from now on; `Sampling.NEVER` forgets it."""
        watched = self._watched.get(key)
        if watched is None:
            if sampling is Sampling.NEVER:
                return
            watched = _Watched(key, task_id, Sampling.NEVER, self._now())
            self._watched[key] = watched
        if watched.sampling is sampling:
            return
        watched.sampling, watched.due_at = sampling, min(watched.due_at, self._now())
        if watched.seat and sampling is not Sampling.OPEN:
            self._turns.leave(watched.seat, self._now())
            watched.seat = None
        if sampling is Sampling.NEVER:
            del self._watched[key]
        elif sampling is Sampling.OPEN:
            watched.seat = Seat(partial(self._arrange, watched))
            self._turns.join(watched.seat, self._now())
        self._arrange(watched)

    async def run(self) -> None:
        """Sample whenever a task is due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._open_again_and_again(group))
            group.create_task(self._holding_again_and_again(group))

    def close(self) -> None:
        """Release all turns."""
        for watched in self._watched.values():
            if watched.seat:
                self._turns.leave(watched.seat, self._now())
        self._watched.clear()

    async def _open_again_and_again(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._open_bell.clear()
            self._turns.pass_on(self._now())
            due_at = self._open.next_at()
            if due_at is None or due_at > self._now() + CLOCK_S:
                await self._rest(self._open_bell, due_at)
            else:
                await self._sample_round(group)

    async def _sample_round(self, group: asyncio.TaskGroup) -> None:
        """Sample the opened tasks that are due during a round, and report all samples together."""
        began = self._now()
        calls: list[asyncio.Task[None]] = []
        while len(calls) < BATCH_IDS_MAX:
            due_at = self._open.next_at()
            if due_at is None or due_at >= began + ROUND_S_MAX:
                if self._now() >= began + GATHER_S:
                    break
                await asyncio.sleep(began + GATHER_S - self._now())
                continue
            await asyncio.sleep(max(due_at - self._now(), 0.0))
            await self._room(self._turns.open_wait_s)
            if self._now() >= began + ROUND_S_MAX:
                break
            one = self._take(self._open)
            if one:
                self._turns.take_open(self._now())
                calls.append(self._ask(one, group))
        if calls:
            await asyncio.wait(calls, timeout=max(began + ROUND_S_MAX - self._now(), YOUNG_S))
        self._tell()

    async def _holding_again_and_again(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._holding_bell.clear()
            due_at = self._holding.next_at()
            if due_at is None or due_at > self._now() + CLOCK_S:
                await self._rest(self._holding_bell, due_at)
                continue
            await self._room(self._turns.holding_wait_s)
            one = self._take(self._holding)
            if one:
                self._turns.take_holding(self._now())
                _ = self._ask(one, group)

    def _take(self, queue: WorkQueue[str]) -> _Watched | None:
        """Return the task that is due first, if one is due by now."""
        key = queue.take(self._now() + CLOCK_S)
        return self._watched.get(key) if key else None

    def _arrange(self, one: _Watched) -> None:
        """Let a task be asked for when it is due, if it is its turn and no call is under way.

        What it costs does not depend on how many other tasks are watched.
        """
        current = self._watched.get(one.key)
        if current is not one and current is not None:
            return  # of an earlier life
        waits = current is one and not one.asking
        mine = one.sampling is Sampling.HOLDING
        for queue, has_turn in ((self._open, one.seated), (self._holding, mine)):
            queue.discard(one.key)
            if waits and has_turn:
                queue.add_at(one.key, one.due_at)

    def _ask(self, one: _Watched, group: asyncio.TaskGroup) -> asyncio.Task[None]:
        one.asking = True
        call = group.create_task(self._sample(one))
        self._calls[call] = self._now()
        call.add_done_callback(self._ended)
        return call

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.pop(call, None)

    async def _sample(self, one: _Watched) -> None:
        """Sample one task; a failed call gives a sample with unknown values."""
        began = self._clock()
        try:
            asked_at, stats = await self._dcs.stats(one.task_id)
        except DcsError as error:
            one.failures += 1
            asked_at = began.mono if error.asked_at is None else error.asked_at
            self._found[one.key] = Lag(Stats(), asked_at, began.wall, error.detail)
            pause_s = FAILED.seconds(one.failures)
        else:
            one.failures = 0
            self._found[one.key] = Lag(stats, asked_at, self._clock().wall)
            pause_s = SAMPLE_S if one.sampling is Sampling.OPEN else HOLDING_S
        finally:
            one.asking = False
        one.due_at = asked_at + pause_s + 2.0 * CLOCK_S  # never sooner than the pause
        self._arrange(one)
        found = self._found.get(one.key)
        # Only what is good waits for the end of the round: a request may be about to leave.
        if found and not (one.seated and self._facts.is_good_news(one.key, found)):
            self._tell_one(one.key)

    def _tell(self) -> None:
        """Report all samples that were found, at once."""
        for key in list(self._found):
            self._tell_one(key)

    def _tell_one(self, key: str) -> None:
        lag = self._found.pop(key, None)
        watched = self._watched.get(key)
        if lag is None:
            return
        close = self._facts.sample(key, lag)
        if watched and watched.seat:
            watched.seat.close = close

    async def _room(self, wait_s: Wait) -> None:
        """Wait until one more call may be made."""
        while True:
            now = self._now()
            room = room_at(self._calls.values(), now + CLOCK_S, CALLS_MAX)
            free_at = max(room, now + wait_s(now))
            if free_at <= now + CLOCK_S:
                return
            pause_s = None if free_at == float("inf") else free_at - now
            if self._calls:
                first = asyncio.FIRST_COMPLETED
                await asyncio.wait(self._calls, timeout=pause_s, return_when=first)
            else:
                await asyncio.sleep(pause_s or 0.0)

    async def _rest(self, bell: asyncio.Event, due_at: float | None) -> None:
        """Wait until the bell rings or a task is due."""
        try:
            async with asyncio.timeout_at(due_at):
                await bell.wait()
        except TimeoutError:
            return

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
