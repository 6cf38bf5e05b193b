"""The history: the last lags of each task, and the number of tasks in each state over time.

Pure and bounded: the lags by their number, the night by thinning it out as it grows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SAMPLES_MAX: Final = 32
"""Lags of a task: at one sample in 15 s the last eight minutes, as wide as a cell of the table."""

POINTS_MAX: Final = 360
"""Points of a night: more than a strip of 1,280 pixels can show separately."""

STEP_S_FIRST: Final = 1.0
"""The smallest distance between two points; it doubles whenever there are too many."""

Sample = tuple[float, int]


class Lags:
    """The lags of tasks, by key.

    Args:
        samples_max: How many are kept per task; None keeps all, for a recording.
    """

    def __init__(self, samples_max: int | None = SAMPLES_MAX) -> None:
        self._samples_max = samples_max
        self._of: dict[str, deque[Sample]] = {}

    def note(self, key: str, moment_s: float | None, lag: int | None) -> None:
        """Add a lag; one that is known already, or older, changes nothing."""
        if moment_s is None or lag is None:
            return
        samples = self._of.setdefault(key, deque(maxlen=self._samples_max))
        if not samples or samples[-1][0] < moment_s:
            samples.append((moment_s, lag))

    def forget(self, key: str) -> None:
        """Forget a task."""
        self._of.pop(key, None)

    def keep(self, keys: Iterable[str]) -> None:
        """Forget all tasks but these."""
        wanted = set(keys)
        for key in [key for key in self._of if key not in wanted]:
            del self._of[key]

    def last(self, key: str, until_s: float | None = None) -> list[Sample]:
        """Return the last lags of a task, at most `SAMPLES_MAX`, none after `until_s`."""
        samples: Sequence[Sample] = self._of.get(key, ())
        if until_s is not None:
            samples = list(samples)
            samples = samples[: bisect_right(samples, until_s, key=lambda sample: sample[0])]
        return list(samples)[-SAMPLES_MAX:]


class Night:
    """How many tasks were in each state since the board was started.

    A point is valid from its time until the next one.
    """

    def __init__(self, points_max: int = POINTS_MAX) -> None:
        self._points_max = points_max
        self._step_s = STEP_S_FIRST
        self.points: list[tuple[float, tuple[int, ...]]] = []

    def note(self, moment_s: float, counts: tuple[int, ...]) -> bool:
        """Add the current counts; returns whether the points changed."""
        last = self.points[-1] if self.points else None
        if last and last[1] == counts:
            return False
        if last and moment_s - last[0] < self._step_s:
            self.points[-1] = (last[0], counts)
        else:
            self.points.append((moment_s, counts))
        if len(self.points) > self._points_max:
            self._thin()
        return True

    def entry(self) -> list[list[float]]:
        """Return the points as sent to the page: a time, then a count for each state."""
        return [[round(moment_s, 1), *counts] for moment_s, counts in self.points]

    def _thin(self) -> None:
        while len(self.points) > self._points_max // 2:
            self._step_s *= 2
            kept: dict[int, tuple[float, tuple[int, ...]]] = {}
            for moment_s, counts in self.points:
                slot = int(moment_s // self._step_s)
                kept[slot] = (kept.get(slot, (moment_s, counts))[0], counts)
            self.points = list(kept.values())
