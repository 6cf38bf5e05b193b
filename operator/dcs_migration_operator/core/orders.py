"""How the record of a stop order changes: by each answer, and back from a status at a restart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcs_migration_operator.core.conditions import READY
from dcs_migration_operator.core.model import ErrorDetail, Outcome, StopRequest
from dcs_migration_operator.core.phases import TERMINATING
from dcs_migration_operator.core.status import parse_time

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import Instant, StopAnswer
    from dcs_migration_operator.core.status import Status


def answered(order: StopRequest, answer: StopAnswer, now: Instant) -> StopRequest:
    """Return the order after DCS's answer for this id."""
    match answer.outcome:
        case Outcome.ACCEPTED:
            return accepted(order, answer.request_id, now)
        case Outcome.REJECTED:
            return rejected(order, answer.detail or ErrorDetail("failed", ""), now)
        case _:
            return unknown(order, answer.request_id, now)


def accepted(order: StopRequest, request_id: str, now: Instant) -> StopRequest:
    """Return the order after DCS acknowledged it once more."""
    again = order.outcome is Outcome.ACCEPTED
    return replace(
        order,
        outcome=Outcome.ACCEPTED,
        attempts=order.attempts + 1,
        answered_at=now.mono,
        rejections=0,
        ineffective=order.ineffective + 1 if again else order.ineffective,
        accepted=now.wall,
        detail=None,
        request_id=request_id,
    )


def rejected(order: StopRequest, detail: ErrorDetail, now: Instant) -> StopRequest:
    """Return the order after DCS refused it for this id."""
    return replace(
        order,
        outcome=Outcome.REJECTED,
        attempts=order.attempts + 1,
        answered_at=now.mono,
        rejections=order.rejections + 1,
        detail=detail,
        request_id=detail.request_id,
    )


def unknown(order: StopRequest, request_id: str, now: Instant) -> StopRequest:
    """Return the order after a call that may or may not have had an effect."""
    return replace(
        order,
        outcome=Outcome.UNKNOWN,
        attempts=order.attempts + 1,
        answered_at=now.mono,
        detail=None,
        request_id=request_id,
    )


def recalled(shown: Status, now: Instant) -> StopRequest:
    """Return the order that a status tells of, so that a restart goes on where it was.

    The age of an acceptance is taken from the wall clock, the only one that outlives a process; a
    clock that was set back makes it young, never negative.
    """
    stop = shown.stop
    if stop is None:
        return StopRequest(requested=now.wall)
    accepted_at = parse_time(stop.accepted_at)
    ready = shown.condition(READY)
    reason = ready.reason if ready else ""
    under_way = accepted_at is not None and shown.phase == TERMINATING and reason != "StopRejected"
    age_s = max((now.wall - accepted_at).total_seconds(), 0.0) if accepted_at else 0.0
    return StopRequest(
        outcome=Outcome.ACCEPTED if under_way else Outcome.NONE,
        attempts=stop.attempts,
        answered_at=now.mono - age_s if under_way else float("-inf"),
        ineffective=max(stop.attempts - 1, 0) if reason == "StopNotEffective" else 0,
        requested=parse_time(stop.requested_at) or now.wall,
        accepted=accepted_at,
        request_id=stop.request_id,
    )
