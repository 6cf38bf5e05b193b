"""Computes exponential backoff: the pause doubles with each failure, up to a maximum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DOUBLINGS_MAX: Final = 16
"""Bound on the exponent, far above what any maximum allows; keeps the power finite."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Parameters of an exponential backoff.

    Attributes:
        first_s: Pause after the first failure, in seconds.
        most_s: Longest pause, in seconds.
    """

    first_s: float
    most_s: float

    def seconds(self, failures: int) -> float:
        """Return the pause in seconds after this many consecutive failures; 0 if there are none."""
        if failures < 1:
            return 0.0
        doublings = min(failures - 1, DOUBLINGS_MAX)
        return min(self.first_s * 2.0**doublings, self.most_s)
