"""The rate limiter of one access key: an even rate that is halved once per throttled window.

It is a GCRA with additive increase and multiplicative decrease; the clock is an argument. Calls are
not booked ahead: each is counted when it is sent, so that a lower rate never has to honor bookings
made at a higher one.
"""

from __future__ import annotations

from typing import Final

RATE_PER_S_MAX: Final = 20.0
RATE_PER_S_MIN: Final = 0.2
"""Calls per second of one key. DCS documents no limit; other services document 200 calls in 5
minutes (0.67/s) and more. So the rate starts above what a large fleet needs, is halved by each
throttled window, and recovers by `RECOVERY_PER_S` for each second without one."""

RECOVERY_PER_S: Final = 0.05

BURST_CALLS: Final = 20
"""Largest burst of calls: the stops of 1,000 tasks. After a 429 there is no burst until the rate
has recovered."""


class RateLimiter:
    """The rate of one access key at one endpoint, over all its channels."""

    def __init__(self) -> None:
        self._rate_per_s = RATE_PER_S_MAX
        self._burst = BURST_CALLS
        self._changed_at = float("-inf")
        self._halved_at = float("-inf")
        self._free_at = float("-inf")
        """Monotonic time in seconds at which the even rate has caught up with the calls so far."""

    def rate_per_s(self, now: float) -> float:
        """Return the current rate in calls per second."""
        if self._rate_per_s < RATE_PER_S_MAX:
            gained = RECOVERY_PER_S * max(now - self._changed_at, 0.0)
            self._rate_per_s = min(self._rate_per_s + gained, RATE_PER_S_MAX)
            self._changed_at = now
        return self._rate_per_s

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next call may be sent; 0 means at once."""
        rate_per_s = self.rate_per_s(now)
        if rate_per_s >= RATE_PER_S_MAX and now >= self._free_at:
            self._burst = BURST_CALLS
        return max(self._free_at - (self._burst - 1) / rate_per_s - now, 0.0)

    def take(self, now: float) -> None:
        """Count a call that is sent now."""
        self._free_at = max(self._free_at, now) + 1.0 / self.rate_per_s(now)

    def throttled(self, asked_at: float, now: float) -> None:
        """Halve the rate after a 429 for a call that was sent at `asked_at`.

        Calls that were in progress when the rate was halved say nothing about the new rate, so a
        hundred of them count once.
        """
        if asked_at <= self._halved_at:
            return
        self._rate_per_s = max(self.rate_per_s(now) / 2.0, RATE_PER_S_MIN)
        self._burst = 1
        self._changed_at = self._halved_at = now
        self._free_at = min(self._free_at, now + 1.0 / self._rate_per_s)
