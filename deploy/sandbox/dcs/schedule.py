"""What will happen when: a heap of acts, most of them about one migration.

Pure: it knows neither a clock nor what an act does. Nothing runs in the background; the caller that
asks for due acts runs them, with their planned times, however late it asks. An act about a
migration is valid only for the current generation of that migration: a stop, an end or a status set
by hand increments it and thereby cancels earlier plans.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sandbox.dcs.migration import Migration

ALWAYS: Final = -1
"""Instead of a generation: the act is valid whatever happened to the migration before."""
PRUNE_FROM: Final = 1000
"""A smaller heap is not searched for cancelled acts."""

Act = Callable[[float], object]
"""Called with the time for which it was planned; its result is ignored."""


@dataclass(frozen=True, slots=True)
class _Entry:
    act: Act
    migration: Migration | None
    generation: int

    @property
    def stands(self) -> bool:
        migration = self.migration
        if migration is None:
            return True
        if migration.deleted_at_s is not None:
            return False
        return self.generation in (migration.generation, ALWAYS)


class Schedule:
    """The planned acts of one fleet."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, _Entry]] = []
        self._numbers = itertools.count()
        self._prune_at = PRUNE_FROM

    def __len__(self) -> int:
        return len(self._heap)

    def plan(
        self,
        at_s: float,
        act: Act,
        migration: Migration | None = None,
        *,
        whatever_happens: bool = False,
    ) -> None:
        """Plan an act.

        Args:
            at_s: On the clock of the fleet.
            act: What to do.
            migration: Whom it is about; None for an act of the whole fleet.
            whatever_happens: The act outlives a new generation of the migration.
        """
        generation = ALWAYS if migration is None or whatever_happens else migration.generation
        entry = _Entry(act, migration, generation)
        heapq.heappush(self._heap, (at_s, next(self._numbers), entry))
        if len(self._heap) > self._prune_at:
            self._prune()

    def run(self, until_s: float) -> None:
        """Run every act that is due, in the order of their times."""
        while self._heap and self._heap[0][0] <= until_s:
            at_s, _, entry = heapq.heappop(self._heap)
            if entry.stands:
                entry.act(at_s)

    def clear(self) -> None:
        """Forget every act."""
        self._heap.clear()

    def _prune(self) -> None:
        """Forget cancelled acts, so that a fleet that changes for days stays small."""
        self._heap = [one for one in self._heap if one[2].stands]
        heapq.heapify(self._heap)
        self._prune_at = max(PRUNE_FROM, 2 * len(self._heap))
