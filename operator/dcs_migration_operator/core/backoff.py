"""The one formula for growing pauses: doubled with each failure, up to a most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DOUBLINGS_MAX: Final = 16
"""Bound on the doubling, far above what any limit lets through; keeps the power finite."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """A growing pause.

    Attributes:
        first_s: Seconds after the first failure.
        most_s: Seconds that no pause exceeds.
    """

    first_s: float
    most_s: float

    def seconds(self, failures: int) -> float:
        """Return the pause in seconds after so many consecutive failures; 0 without any."""
        if failures < 1:
            return 0.0
        doublings = min(failures - 1, DOUBLINGS_MAX)
        return min(self.first_s * 2.0**doublings, self.most_s)
