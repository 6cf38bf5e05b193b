"""Updates the record of a stop request after each answer, and restores it after a restart."""

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


def answered(request: StopRequest, answer: StopAnswer, now: Instant) -> StopRequest:
    """Return the request after DCS's answer for this id."""
    match answer.outcome:
        case Outcome.ACCEPTED:
            return accepted(request, answer.request_id, now)
        case Outcome.REJECTED:
            return rejected(request, answer.detail or ErrorDetail("failed", ""), now)
        case _:
            return unknown(request, answer.request_id, now, answer.detail)


def accepted(request: StopRequest, request_id: str, now: Instant) -> StopRequest:
    """Return the request after DCS accepted it once more."""
    again = request.outcome is Outcome.ACCEPTED
    return replace(
        request,
        outcome=Outcome.ACCEPTED,
        attempts=request.attempts + 1,
        answered_at=now.mono,
        failures=0,
        unsent=False,
        ineffective=request.ineffective + 1 if again else request.ineffective,
        accepted=now.wall,
        detail=None,
        request_id=request_id,
    )


def rejected(request: StopRequest, detail: ErrorDetail, now: Instant) -> StopRequest:
    """Return the request after DCS refused it for this id."""
    return replace(
        request,
        outcome=Outcome.REJECTED,
        attempts=request.attempts + 1,
        answered_at=now.mono,
        failures=request.failures + 1,
        detail=detail,
        request_id=detail.request_id,
    )


def unknown(
    request: StopRequest, request_id: str, now: Instant, detail: ErrorDetail | None = None
) -> StopRequest:
    """Return the request after a call that may or may not have had an effect."""
    return replace(
        request,
        outcome=Outcome.UNKNOWN,
        attempts=request.attempts + 1,
        answered_at=now.mono,
        failures=request.failures + 1,
        detail=detail,
        request_id=request_id,
    )


def unsent(request: StopRequest, detail: ErrorDetail, now: Instant) -> StopRequest:
    """Return the request after a call that certainly had no effect.

    The first such call is repeated as soon as the channel permits. Later ones are spaced like
    failures, because no other rule would space them where only stop calls fail.
    """
    if not request.unsent:
        return replace(request, unsent=True)
    failed = unknown(request, detail.request_id or request.request_id, now, detail)
    return replace(failed, attempts=request.attempts)


def begun_again(request: StopRequest) -> StopRequest:
    """Return the request for a task that was started again after its end."""
    return StopRequest(attempts=request.attempts)


def newer(one: StopRequest, other: StopRequest) -> StopRequest:
    """Return the later answered of two records of a task; `other` only if it has any attempts."""
    return other if other.attempts and other.answered_at >= one.answered_at else one


def recalled(shown: Status, now: Instant) -> StopRequest:
    """Return the request that a status records, so that a restarted operator continues from it.

    The age of an acceptance is taken from the wall clock, the only one that outlives a process; if
    the clock was set back, the age is 0 and never negative.
    """
    stop = shown.stop
    if stop is None:
        return StopRequest()
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
        accepted=accepted_at,
        request_id=stop.request_id,
    )
