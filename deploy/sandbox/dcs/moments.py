"""When things happened, on the one clock of the simulator, in milliseconds.

They serve to measure from outside how long a caller needs to notice: the time from
`terminated_at_s` until the caller shows it is the total; the part up to `told_at_s`, when an answer
of list or show first contained the final status, is due to the caller's poll interval; the rest is
its own processing.
"""

from collections.abc import Iterable
from typing import Any, Final

from sandbox.dcs.calls import Call
from sandbox.dcs.migration import TERMINATED, TERMINATING, Migration

MILLISECONDS: Final = 3
"""Digits behind the point."""
SUCCESS: Final = range(200, 300)
"""HTTP statuses."""
ORDERS: Final = ("batch_stop", "stop", "sync_stop")


def task_moments(migration: Migration) -> dict[str, Any]:
    """Return the moments of one migration, Unix time; None for what did not happen.

    `terminating_at_s` and `terminated_at_s` are of the last time; none is there while it runs.
    """
    last: dict[str, float] = {}
    if migration.is_ended or migration.word == TERMINATING:
        last = {word: at_s for at_s, word in migration.history}
    ended = migration.ended_at_s is not None
    return {
        "task_id": migration.spec.task_id,
        "word": migration.word,
        "accepted_at_s": [_rounded(at_s) for at_s in migration.accepted_at_s],
        "terminating_at_s": _rounded(last.get(TERMINATING)),
        "terminated_at_s": _rounded(last.get(TERMINATED)),
        "ended_at_s": _rounded(migration.ended_at_s),
        "told_at_s": _rounded(migration.told_at_s) if ended else None,
    }


def order_moments(calls: Iterable[Call]) -> list[dict[str, Any]]:
    """Return arrival and acceptance of every remembered order, oldest first.

    `accepted_at_s` is when the order was decided and took effect; None if it was refused as a
    whole, or its answer was lost.
    """
    return [
        {
            "operation": call.operation,
            "request_id": call.request_id,
            "project_id": call.project_id,
            "ids": list(call.ids),
            "status": call.status,
            "arrived_at_s": _rounded(call.at_s),
            "accepted_at_s": _rounded(call.decided_at_s) if call.status in SUCCESS else None,
        }
        for call in calls
        if call.operation in ORDERS
    ]


def _rounded(at_s: float | None) -> float | None:
    return None if at_s is None else round(at_s, MILLISECONDS)
