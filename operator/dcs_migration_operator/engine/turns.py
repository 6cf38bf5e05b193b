"""Decides which tasks are sampled, and how fast, over all channels of one access key.

A stats call is about a single task, so a thousand waiting tasks would cost a thousand calls every
few seconds. At most a hundred opened tasks are sampled at once; the others wait for their turn.
Holding tasks share a low rate.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

OPEN_TASKS_MAX: Final = 100
"""Most opened tasks of one access key that are sampled at once."""

OPEN_CALLS_PER_S: Final = 10.0
HOLDING_CALLS_PER_S: Final = 2.0

LATE_S_MAX: Final = 0.5 / OPEN_CALLS_PER_S
"""A sample that is requested a little late, as timers are, does not delay those after it: so fifty
of them fit into a round of 5 s, and their stops into one request."""

TURN_S: Final = 60.0
"""How long a task keeps its turn while others wait, unless it is within its limit."""


@dataclass(slots=True, eq=False)
class Seat:
    """One opened task in the queue for its turn.

    Attributes:
        tell: Called when its turn begins or ends.
        since: Monotonic time in seconds at which its turn began; None while it waits.
        close: Whether its lag was within its limit at the last sample, so that it keeps its turn.
    """

    tell: Callable[[], None]
    since: float | None = None
    close: bool = False


class Turns:
    """The turns of one access key at one endpoint."""

    def __init__(self) -> None:
        self._seated: OrderedDict[Seat, None] = OrderedDict()
        self._waiting: OrderedDict[Seat, None] = OrderedDict()
        self._open_at = self._holding_at = float("-inf")

    def join(self, seat: Seat, now: float) -> None:
        """Add an opened task to the queue; its turn may begin at once."""
        self._waiting[seat] = None
        self.pass_on(now)

    def leave(self, seat: Seat, now: float) -> None:
        """Remove a task that needs no turn any more."""
        self._waiting.pop(seat, None)
        if seat in self._seated:
            del self._seated[seat]
            self.pass_on(now)

    def pass_on(self, now: float) -> None:
        """Start turns while there is room, and end long turns to make room."""
        while self._waiting:
            if len(self._seated) >= OPEN_TASKS_MAX and not self._end_one(now):
                return
            seat, _ = self._waiting.popitem(last=False)
            self._seated[seat] = None
            seat.since = now
            seat.tell()

    def open_wait_s(self, now: float) -> float:
        """Return the seconds until the next sample of an opened task may be requested."""
        return max(self._open_at - now, 0.0)

    def holding_wait_s(self, now: float) -> float:
        """Return the seconds until the next sample of a holding task may be requested."""
        return max(self._holding_at - now, 0.0)

    def take_open(self, now: float) -> None:
        """Count a sample of an opened task that is requested now."""
        self._open_at = max(self._open_at, now - LATE_S_MAX) + 1.0 / OPEN_CALLS_PER_S

    def take_holding(self, now: float) -> None:
        """Count a sample of a holding task that is requested now."""
        self._holding_at = max(self._holding_at, now) + 1.0 / HOLDING_CALLS_PER_S

    def _end_one(self, now: float) -> bool:
        """End the turn of the first task that had one for long enough; return whether one ended."""
        for seat in self._seated:
            if seat.since is not None and now >= seat.since + TURN_S and not seat.close:
                del self._seated[seat]
                seat.since = None
                self._waiting[seat] = None
                seat.tell()
                return True
        return False
