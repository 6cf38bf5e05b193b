"""Limits concurrent calls about single tasks so that hanging ones do not block others for long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

YOUNG_S: Final = 1.0
"""A call without an answer after this time makes room for another one."""

YOUNG_CALLS_MAX: Final = 2
"""Most concurrent calls of one kind, apart from hanging ones: the gateway refuses a bad key sooner
than `YOUNG_S`, and five refusals in a row lock it."""


def room_at(begun: Collection[float], now: float, calls_max: int) -> float:
    """Return the monotonic time in seconds from which one more call may be made.

    Args:
        begun: The start time of each call in progress.
        now: Monotonic seconds.
        calls_max: Most calls in progress, including hanging ones; at this number the result is
            infinite until one of them ends.
    """
    if len(begun) >= calls_max:
        return float("inf")
    young = sorted(at for at in begun if at + YOUNG_S > now)
    return now if len(young) < YOUNG_CALLS_MAX else young[-YOUNG_CALLS_MAX] + YOUNG_S
