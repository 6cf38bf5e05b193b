"""How far the target of a modelled migration is behind: writers, a full phase, broken syncs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dcs_migration_operator.core.cloud import Stats

BUSY: Final = (0, 40, 7, 120, 0, 3)
"""Lags of a source that is written to, in turn by the second: now and then one sees 0."""


@dataclass(slots=True)
class LagModel:
    """The lag of one migration over time; times are seconds of the loop.

    Attributes:
        quiet_at: From here on nobody writes to the source; the lag falls from then on.
        falls_per_s: Of what is left after the writers.
        left: At that moment.
        full_until: The end of the full phase.
        again: From and until when a full phase begins again.
        dead: The source is dead: the lag rests at 0 although nothing is replicated.
        silent: DCS says nothing that can be understood.
    """

    quiet_at: float = 0.0
    falls_per_s: float = 100.0
    left: int = 0
    full_until: float = 0.0
    again: tuple[float, float] = (float("inf"), float("inf"))
    dead: bool = False
    silent: bool = False

    def at(self, now: float) -> Stats:
        """Return what DCS says."""
        if self.silent:
            return Stats()
        if now < self.full_until or self.again[0] <= now < self.again[1]:
            return Stats(0, 40, 1000, 400, is_migrating=True)
        return Stats(self.behind(now), 100, 1000, 1000, is_migrating=not self.dead)

    def behind(self, now: float) -> int:
        """Return what would be lost by a stop at this moment."""
        if now < self.full_until or self.again[0] <= now < self.again[1]:
            return 600
        if now < self.quiet_at:
            return BUSY[int(now) % len(BUSY)]
        return max(self.left - int((now - self.quiet_at) * self.falls_per_s), 0)
