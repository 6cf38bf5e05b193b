"""Whose lag may be sampled, and how fast: what all channels of one access key share.

Stats are asked for task by task, so a thousand waiting tasks would ask a thousand times each few
seconds. At most a hundred opened ones are sampled at once; the others wait for their turn. Those
that hold share a trickle.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

OPEN_TASKS_MAX: Final = 100
"""Opened tasks of one access key that are sampled at once."""

OPEN_CALLS_PER_S: Final = 10.0
HOLDING_CALLS_PER_S: Final = 2.0

LATE_S_MAX: Final = 0.5 / OPEN_CALLS_PER_S
"""A sample that is asked for a little late, as timers are, does not delay those behind it: so fifty
of them fit into a round of 5 s, and their requests into one order."""

TURN_S: Final = 60.0
"""How long a task keeps its turn while others wait, unless it is within its limit."""


@dataclass(slots=True, eq=False)
class Seat:
    """One opened task in the queue for its turn.

    Attributes:
        tell: Called when its turn begins or ends.
        since: Monotonic seconds at which its turn began; None while it waits.
        close: Its lag was within its limit at the last sample, so that it should go on.
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
        """Let an opened task wait for its turn, which may begin at once."""
        self._waiting[seat] = None
        self.pass_on(now)

    def leave(self, seat: Seat, now: float) -> None:
        """Take in that a task needs no turn any more."""
        self._waiting.pop(seat, None)
        if seat in self._seated:
            del self._seated[seat]
            self.pass_on(now)

    def pass_on(self, now: float) -> None:
        """Let those take their turn for whom there is room, also by ending turns that are long."""
        while self._waiting:
            if len(self._seated) >= OPEN_TASKS_MAX and not self._end_one(now):
                return
            seat, _ = self._waiting.popitem(last=False)
            self._seated[seat] = None
            seat.since = now
            seat.tell()

    def open_wait_s(self, now: float) -> float:
        """Return the seconds until the next sample of an opened task may be asked for."""
        return max(self._open_at - now, 0.0)

    def holding_wait_s(self, now: float) -> float:
        """Return the seconds until the next sample of a holding task may be asked for."""
        return max(self._holding_at - now, 0.0)

    def take_open(self, now: float) -> None:
        """Take in that a sample of an opened task is asked for."""
        self._open_at = max(self._open_at, now - LATE_S_MAX) + 1.0 / OPEN_CALLS_PER_S

    def take_holding(self, now: float) -> None:
        """Take in that a sample of a holding task is asked for."""
        self._holding_at = max(self._holding_at, now) + 1.0 / HOLDING_CALLS_PER_S

    def _end_one(self, now: float) -> bool:
        """End the turn of the first task that had one for long enough; return whether there is."""
        for seat in self._seated:
            if seat.since is not None and now >= seat.since + TURN_S and not seat.close:
                del self._seated[seat]
                seat.since = None
                self._waiting[seat] = None
                seat.tell()
                return True
        return False
