"""Room for one more call about a single task: those that hang take nobody's place for long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

YOUNG_S: Final = 1.0
"""A call that has no answer after so long makes room for another one."""

YOUNG_CALLS_MAX: Final = 2
"""Calls of one kind under way at once, but for those that hang: the gateway refuses a bad key
sooner, and five refusals in a row lock it."""


def room_at(begun: Collection[float], now: float, calls_max: int) -> float:
    """Return the monotonic second from which on one more call may leave.

    Args:
        begun: When each call under way began.
        now: Monotonic seconds.
        calls_max: Calls under way, those that hang included; at so many the answer is infinite,
            until one of them ends.
    """
    if len(begun) >= calls_max:
        return float("inf")
    young = sorted(at for at in begun if at + YOUNG_S > now)
    return now if len(young) < YOUNG_CALLS_MAX else young[-YOUNG_CALLS_MAX] + YOUNG_S
