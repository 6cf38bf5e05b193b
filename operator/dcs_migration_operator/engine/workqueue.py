"""A work queue of keys to process, now or at a given time; each key waits at most once.

It is a plain data structure without a loop; `pump.py` and `projects.py` drive it. The number of
existing resources limits the number of keys.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K", bound=Hashable)

STALE_SHARE_MAX = 2
"""The heap is rebuilt when it holds this many times more moments than there are keys: a moment that
was changed stays in it until then."""

REBUILD_MOMENTS_MIN = 64


class WorkQueue(Generic[K]):
    """A set of due keys, and the moments at which other keys become due.

    Args:
        wake: Called when a key becomes due, or becomes the next one to be due.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._due: OrderedDict[K, None] = OrderedDict()
        self._moments: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._added = 0

    def __len__(self) -> int:
        return len(self._due)

    def add(self, key: K) -> None:
        """Add a key to process as soon as possible."""
        if key not in self._due:
            self._due[key] = None
            self._wake()

    def add_at(self, key: K, moment: float | None) -> None:
        """Add a key to process at this monotonic time in seconds; None cancels its moment.

        A key has only one moment: that of the latest call.
        """
        if moment is None:
            self._moments.pop(key, None)
            return
        if self._moments.get(key) == moment:
            return
        before = self.next_at()
        self._moments[key] = moment
        self._added += 1  # keys need not be comparable
        heapq.heappush(self._heap, (moment, self._added, key))
        if len(self._heap) > max(STALE_SHARE_MAX * len(self._moments), REBUILD_MOMENTS_MIN):
            self._rebuild()
        if before is None or moment < before:
            self._wake()

    def discard(self, key: K) -> None:
        """Forget a key."""
        self._due.pop(key, None)
        self._moments.pop(key, None)

    def take(self, now: float) -> K | None:
        """Remove and return the next due key, oldest first; None if no key is due."""
        while self._heap and self._heap[0][0] <= now:
            moment, _, key = heapq.heappop(self._heap)
            if self._moments.get(key) == moment:
                del self._moments[key]
                self.add(key)
        return self._due.popitem(last=False)[0] if self._due else None

    def next_at(self) -> float | None:
        """Return the monotonic time in seconds at which a key is next due; 0 now, None never."""
        if self._due:
            return 0.0
        while self._heap and self._moments.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _rebuild(self) -> None:
        self._heap = [
            (moment, number, key) for number, (key, moment) in enumerate(self._moments.items())
        ]
        heapq.heapify(self._heap)
        self._added = len(self._heap)
