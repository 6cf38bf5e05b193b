"""The queue of status writes: it keeps the newest status per object and limits concurrent writes.

There are never two writes of one object at the same time. A failed write, even one with a 404, is
retried with growing pauses until the object is dropped: if it is gone, the watch reports that.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.backoff import Backoff
from dcs_migration_operator.kube.errors import ApiError, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from dcs_migration_operator.core.model import ObjectRef
    from dcs_migration_operator.core.status import Status

_log = logging.getLogger(__name__)

RETRY: Final = Backoff(0.5, 30.0)
"""Pause after a failed write; during its upgrade an API server is away for seconds to minutes."""


class StatusQueue:
    """Implements `engine.ports.StatusSink`.

    Args:
        patch: Writes one status and returns the new `resourceVersion`; raises `ApiError`.
        encode: Converts a status to JSON, right before the write, so that waiting ones stay small.
        written: Called after each successful write.
        count: Called with the outcome of each write: `ok`, `gone` or `error`.
        writers_max: Most writes at once.
    """

    def __init__(
        self,
        *,
        patch: Callable[[ObjectRef, Mapping[str, Any]], Awaitable[int]],
        encode: Callable[[Status], Mapping[str, Any]],
        written: Callable[[ObjectRef, int, Status], None],
        count: Callable[[str], None],
        writers_max: int,
    ) -> None:
        self._patch, self._encode = patch, encode
        self._written, self._count, self._writers_max = written, count, writers_max
        self._newest: dict[ObjectRef, Status] = {}
        self._ready: deque[ObjectRef] = deque()
        self._busy: set[ObjectRef] = set()
        self._dropped: set[ObjectRef] = set()
        self._resting: dict[ObjectRef, asyncio.TimerHandle] = {}
        self._failures: dict[ObjectRef, int] = {}
        self._writers: set[asyncio.Task[None]] = set()
        self._beat_at = 0.0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def want(self, ref: ObjectRef, status: Status) -> None:
        """Write this status as soon as possible, in place of any that still waits."""
        if self._closed:
            return
        self._dropped.discard(ref)
        waits = ref in self._newest
        self._newest[ref] = status
        self._idle.clear()
        if not waits and ref not in self._busy and ref not in self._resting:
            self._enqueue(ref)

    def drop(self, ref: ObjectRef) -> None:
        """Discard the waiting status of this object."""
        self._newest.pop(ref, None)
        self._failures.pop(ref, None)
        if ref in self._busy:
            self._dropped.add(ref)
        timer = self._resting.pop(ref, None)
        if timer:
            timer.cancel()
        self._note_idle()

    def stuck_s(self) -> float:
        """Return the seconds since an attempt last ended; 0 while no write is ready."""
        if not self._ready and not self._busy:
            return 0.0
        return asyncio.get_running_loop().time() - self._beat_at

    async def drain(self, timeout_s: float) -> bool:
        """Wait until all statuses are written; return False if that took too long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Discard unwritten statuses and accept no more."""
        self._closed = True
        for ref in list(self._newest):
            self.drop(ref)
        writers = list(self._writers)
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)

    def _enqueue(self, ref: ObjectRef) -> None:
        if not self._ready and not self._busy:
            self._beat_at = asyncio.get_running_loop().time()
        self._ready.append(ref)
        if len(self._writers) < self._writers_max:
            writer = asyncio.get_running_loop().create_task(self._write_all())
            self._writers.add(writer)

    async def _write_all(self) -> None:
        """Write one object after another while any of them is ready."""
        try:
            await self._write_ready()
        finally:
            # Not in a done callback: a status enqueued before it ran would find no writer.
            self._writers -= {asyncio.current_task()}

    async def _write_ready(self) -> None:
        while self._ready:
            ref = self._ready.popleft()
            if ref in self._busy:
                continue  # dropped and queued again; the writer of this object continues with it
            status = self._newest.pop(ref, None)
            if status is None:
                continue
            self._busy.add(ref)
            try:
                await self._write(ref, status)
            finally:
                self._busy.discard(ref)
                self._dropped.discard(ref)
                self._beat_at = asyncio.get_running_loop().time()
            if ref in self._newest and ref not in self._resting:
                self._ready.append(ref)
            self._note_idle()

    async def _write(self, ref: ObjectRef, status: Status) -> None:
        try:
            version = await self._patch(ref, self._encode(status))
        except ApiError as error:
            self._count("gone" if isinstance(error, NotFound) else "error")
            if ref not in self._dropped:
                self._rest(ref, status, error)
        else:
            self._count("ok")
            self._failures.pop(ref, None)
            self._written(ref, version, status)

    def _rest(self, ref: ObjectRef, status: Status, error: ApiError) -> None:
        failures = self._failures[ref] = self._failures.get(ref, 0) + 1
        pause_s = RETRY.seconds(failures)
        _log.log(
            logging.DEBUG if isinstance(error, NotFound) else logging.WARNING,
            "a status could not be written",
            extra={
                "object": str(ref),
                "http_status": error.status,
                "reason": str(error),
                "retry_in_s": pause_s,
            },
        )
        if self._closed:
            return
        self._newest.setdefault(ref, status)
        loop = asyncio.get_running_loop()
        self._resting[ref] = loop.call_later(pause_s, self._rested, ref)

    def _rested(self, ref: ObjectRef) -> None:
        del self._resting[ref]
        if ref in self._newest:
            self._enqueue(ref)

    def _note_idle(self) -> None:
        if not self._newest and not self._busy:
            self._idle.set()
