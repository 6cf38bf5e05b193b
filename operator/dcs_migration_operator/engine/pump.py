"""Drives a work queue on the event loop: one key after the other, never inside of its caller.

Whoever adds a key goes on first; the key is processed in a later turn of the loop. A key whose
processing raises is tried again with growing pauses, and harms no other.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Generic

from dcs_migration_operator.core.backoff import Backoff
from dcs_migration_operator.engine.workqueue import K, WorkQueue

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

TURN_KEYS_MAX: Final = 200
"""Keys per turn of the loop, about 20 ms of work: what else is due gets its turn in between."""

EARLY_S: Final = 1e-6
"""Timers may fire early by the clock's resolution, a billionth of a second; what is due this soon
is due now."""

MARGIN_S: Final = 0.001
"""A key is processed so much later than it asked for, which makes sure that its moment has come:
otherwise it would ask for the same moment again, and again."""

FAILED: Final = Backoff(5.0, 600.0)
"""Pause before a key whose processing failed is tried again: an error in our own code does not
pass quickly, and its traceback must not fill the log."""


class Pump(Generic[K]):
    """Processes the keys of its queue.

    Args:
        failed: Told each time that the processing of a key raised.
    """

    def __init__(self, failed: Callable[[], None]) -> None:
        self._process: Callable[[K], float | None] | None = None
        self.failed = failed
        self.queue: WorkQueue[K] = WorkQueue(self._wake)
        self._failures: dict[K, int] = {}
        self._turn: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, process: Callable[[K], float | None]) -> None:
        """Begin to process; until then keys only gather.

        Args:
            process: Does the work for one key; returns the next moment, in monotonic seconds, at
                which time alone changes something about it, or None.
        """
        self._process = process
        self._wake()

    def drain(self) -> None:
        """Process at once what is due at this moment; what comes of that waits."""
        now = asyncio.get_running_loop().time()
        for _ in range(len(self.queue)):
            key = self.queue.take(now)
            if key is not None:
                self._do(key)

    def stop(self) -> None:
        """Process nothing more."""
        self._process = None
        for handle in (self._turn, self._timer):
            if handle:
                handle.cancel()
        self._turn, self._timer = None, None

    def forget(self, key: K) -> None:
        """Take in that a key is gone."""
        self.queue.discard(key)
        self._failures.pop(key, None)

    def _wake(self) -> None:
        """Arrange the next turn."""
        if self._process is None or self._turn:
            return
        loop = asyncio.get_running_loop()
        next_at = self.queue.next_at()
        if next_at is None:
            return
        if next_at <= loop.time() + EARLY_S:
            self._turn = loop.call_soon(self._run)
        elif self._timer is None or self._timer.when() > next_at:
            if self._timer:
                self._timer.cancel()
            self._timer = loop.call_at(next_at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._wake()

    def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(TURN_KEYS_MAX):
            key = self.queue.take(loop.time() + EARLY_S)
            if key is None:
                break
            self._do(key)
        self._turn = None
        self._wake()

    def _do(self, key: K) -> None:
        if self._process is None:
            return
        try:
            moment = self._process(key)
        except Exception:  # noqa: BLE001 - whatever it is concerns this key alone
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause_s = FAILED.seconds(failures)
            _log.exception("a resource could not be processed", extra={"retry_in_s": pause_s})
            self.failed()
            moment = asyncio.get_running_loop().time() + pause_s
        else:
            if self._failures:
                self._failures.pop(key, None)
        self.queue.add_at(key, None if moment is None else moment + MARGIN_S)
