"""Drives a work queue on the event loop: one key after the other, never inside the caller.

The code that adds a key continues first; the key is processed in a later iteration of the loop. A
key whose processing raises is retried with growing pauses and affects no other key.
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
"""Most keys per iteration of the loop, about 20 ms of work, so that other callbacks can run."""

EARLY_S: Final = 1e-6
"""Timers may fire early by the clock's resolution, a billionth of a second; a key that is due this
soon is due now."""

MARGIN_S: Final = 0.001
"""A key is processed this much later than requested, which ensures that its moment has come:
otherwise it would request the same moment again and again."""

FAILED: Final = Backoff(5.0, 600.0)
"""Pause before a key whose processing failed is retried: an internal error does not go away
quickly, and its traceback must not fill the log."""


class Pump(Generic[K]):
    """Processes the keys of its queue.

    Args:
        failed: Called each time the processing of a key raises.
    """

    def __init__(self, failed: Callable[[], None]) -> None:
        self._process: Callable[[K], float | None] | None = None
        self.failed = failed
        self.queue: WorkQueue[K] = WorkQueue(self._wake)
        self._failures: dict[K, int] = {}
        self._turn: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, process: Callable[[K], float | None]) -> None:
        """Start to process; until then keys only accumulate.

        Args:
            process: Processes one key; returns the next monotonic time in seconds at which the key
                has to be processed even without an event, or None.
        """
        self._process = process
        self._wake()

    def drain(self) -> None:
        """Process at once the keys that are due now; keys that this makes due wait."""
        now = asyncio.get_running_loop().time()
        for _ in range(len(self.queue)):
            key = self.queue.take(now)
            if key is not None:
                self._do(key)

    def stop(self) -> None:
        """Stop processing."""
        self._process = None
        for handle in (self._turn, self._timer):
            if handle:
                handle.cancel()
        self._turn, self._timer = None, None

    def forget(self, key: K) -> None:
        """Forget a key that is gone."""
        self.queue.discard(key)
        self._failures.pop(key, None)

    def _wake(self) -> None:
        """Schedule the next iteration."""
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
