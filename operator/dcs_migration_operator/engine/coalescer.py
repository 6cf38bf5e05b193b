"""A generic coalescer: collects keys from many callers and executes them in batches.

It knows nothing of the domain. A batch is sent when it is full, when no key was added for `idle_s`,
or when its oldest key has waited `longest_s`. If keys arrive in a slower stream, the window stays
open for a few of their usual gaps instead of `idle_s`, but never beyond `longest_s`. n keys that
wait at the same moment are sent in ceil(n / cap) batches. Callers with equal keys share one place
and one result.

There is no guarantee of an order among batches. A key that is submitted while a batch with it is in
progress does not join that batch but starts a new one. Only the callers limit the number of waiting
keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

STREAM_KEYS_MIN = 5
"""This many keys, each less than `longest_s` after the one before, count as a stream."""

STREAM_GAPS = 3.0
"""A stream has ended when no key came for this many of its usual gaps: on a busy machine the gaps
of one `kubectl apply` vary by a factor of two and more."""

GAP_WEIGHT = 0.3
"""Weight of the newest gap in the usual gap, which is an exponential average."""

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class Withdrawn(Exception):
    """The key was not sent: it was no longer wanted, or the coalescer was closed."""


class Unanswered(Exception):
    """The batch was sent, but its result does not include the key."""


@dataclass(slots=True)
class _Place(Generic[R]):
    since: float
    waiters: list[asyncio.Future[R]] = field(default_factory=list)


class Coalescer(Generic[K, R]):
    """Collects keys and executes them in batches.

    Args:
        execute: Executes one batch and returns a result per key. Its exceptions go to all waiters
            of the batch.
        gate: Awaited before each batch; may take long, while the batch continues to collect. Its
            exceptions go to all waiters.
        admit: Called for each key right before it is sent; a refused key is `Withdrawn`. Its
            exceptions go to the waiters of that key.
        idle_s: A batch is sent when no key was added for this long.
        longest_s: Longest time that a key waits for others.
        cap: Most keys in a batch.
        parallel_max: Most batches in progress at once.
    """

    def __init__(
        self,
        *,
        execute: Callable[[Sequence[K]], Awaitable[Mapping[K, R]]],
        gate: Callable[[], Awaitable[None]],
        admit: Callable[[K], bool],
        idle_s: float,
        longest_s: float,
        cap: int,
        parallel_max: int,
    ) -> None:
        self._execute, self._gate, self._admit = execute, gate, admit
        self._idle_s, self._longest_s, self._cap = idle_s, longest_s, cap
        self._places: dict[K, _Place[R]] = {}
        self._last_added = float("-inf")
        self._streamed = 0
        self._gap_s = 0.0
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(parallel_max)
        self._under_way: set[asyncio.Task[None]] = set()
        self._runner: asyncio.Task[None] | None = None
        self._closing = False

    def submit(self, key: K) -> asyncio.Future[R]:
        """Add a key; the future gets its result, `Withdrawn`, or the exception of `execute`.

        Cancelling the future withdraws the caller.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[R] = loop.create_future()
        if self._closing:
            waiter.set_exception(Withdrawn())
            return waiter
        self._note_arrival(loop.time())
        self._places.setdefault(key, _Place(self._last_added)).waiters.append(waiter)
        self._changed.set()
        if self._runner is None:
            self._runner = loop.create_task(self._run())
        return waiter

    async def close(self, timeout_s: float) -> None:
        """Send all waiting keys at once, and drop those that are not finished in time."""
        self._closing = True
        self._changed.set()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while (tasks := self._tasks()) and loop.time() < deadline:
            await asyncio.wait(tasks, timeout=deadline - loop.time())
        for task in self._tasks():
            task.cancel()
        self._settle(list(self._places), Withdrawn())

    def _note_arrival(self, now: float) -> None:
        gap_s, self._last_added = now - self._last_added, now
        if gap_s >= self._longest_s:
            self._streamed, self._gap_s = 0, 0.0
            return
        self._streamed += 1
        self._gap_s += GAP_WEIGHT * (gap_s - self._gap_s)

    def _quiet_s(self) -> float:
        """Return how long no key has to arrive before the batch is sent."""
        if self._streamed < STREAM_KEYS_MIN:
            return self._idle_s
        return max(self._idle_s, STREAM_GAPS * self._gap_s)

    def _tasks(self) -> set[asyncio.Task[None]]:
        return self._under_way | ({self._runner} if self._runner else set())

    async def _run(self) -> None:
        """Send batch after batch while any key waits; the next `submit` starts it again."""
        try:
            while self._places:
                await self._window()
                await self._slots.acquire()
                try:
                    await self._gate()
                except BaseException as error:
                    self._slots.release()
                    if not isinstance(error, Exception):
                        raise
                    self._settle(list(self._places), error)
                    continue
                batch = self._take()
                task = asyncio.create_task(self._send(batch))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        finally:
            self._runner = None

    async def _window(self) -> None:
        """Wait until the batch is full or its window is over."""
        while len(self._places) < self._cap and not self._closing:
            oldest = next(iter(self._places.values())).since
            self._changed.clear()
            try:
                over_at = min(self._last_added + self._quiet_s(), oldest + self._longest_s)
                async with asyncio.timeout_at(over_at):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _take(self) -> dict[K, _Place[R]]:
        """Take up to `cap` keys that are still wanted, oldest first."""
        batch: dict[K, _Place[R]] = {}
        for key in list(self._places):
            if len(batch) == self._cap:
                break
            if all(waiter.done() for waiter in self._places[key].waiters):
                del self._places[key]
                continue
            try:
                admitted = self._admit(key)
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to its callers
                self._settle([key], error)
                continue
            if admitted:
                batch[key] = self._places.pop(key)
            else:
                self._settle([key], Withdrawn())
        return batch

    async def _send(self, batch: dict[K, _Place[R]]) -> None:
        try:
            results = await self._execute(tuple(batch)) if batch else {}
        except asyncio.CancelledError:
            _settle(batch, Unanswered())
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers
            _settle(batch, error)
        else:
            for key, place in batch.items():
                for waiter in place.waiters:
                    if waiter.done():
                        continue
                    if key in results:
                        waiter.set_result(results[key])
                    else:
                        waiter.set_exception(Unanswered())
        finally:
            self._slots.release()

    def _settle(self, keys: list[K], error: Exception) -> None:
        _settle({key: self._places.pop(key) for key in keys}, error)


def _settle(places: Mapping[K, _Place[R]], error: Exception) -> None:
    for place in places.values():
        for waiter in place.waiters:
            if not waiter.done():
                waiter.set_exception(error)
