"""A verdict put into words: the status that the resource should have.

`decide` says what is so; this says it to people and to the tools that read conditions. Equal input
gives an equal status, so that comparing it with what is shown tells whether a write is needed.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cases import CASES, Case
from dcs_migration_operator.core.conditions import (
    READY,
    STOPPED,
    Standing,
    clip,
    condition,
    dated,
    standing_condition,
)
from dcs_migration_operator.core.phases import (
    PENDING,
    TERMINATED,
    TERMINATING,
    PhaseClass,
    class_of,
)
from dcs_migration_operator.core.status import (
    ErrorRecord,
    Status,
    StopRecord,
    TaskRecord,
    rfc3339,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcs_migration_operator.core.decide import Decision, Situation
    from dcs_migration_operator.core.model import ErrorDetail, Instant
    from dcs_migration_operator.core.status import Condition

ERROR_CHARS_MAX: Final = 512
"""DCS's texts are cut here: the reason is in the first sentence, and an object stays small."""

# One text from the acceptance until the end: DCS's step to TERMINATING is not worth a write.
_UNDER_WAY: Final = "The stop is under way; waiting until DCS says TERMINATED."

_MESSAGES: Final[Mapping[Case, str]] = MappingProxyType(
    {
        Case.UNASKED: "DCS has not answered a question about this task yet.",
        Case.SURPRISING: "DCS says {word} after {phase}; it is being asked again.",
        Case.OBSERVED: "DCS says {word}; the task is only observed (spec.stopped is false).",
        Case.TO_ORDER: "DCS says {word}; the stop is about to be ordered.",
        Case.WAITING: "DCS says {word}; the stop is being ordered.",
        Case.UNSURE: "The outcome of the stop order is unknown; DCS is being asked again.",
        Case.REJECTED: "DCS refused to stop the task: {detail}. It will be ordered again.",
        Case.LAGGING: _UNDER_WAY,
        Case.INEFFECTIVE: "DCS accepted the stop {attempts} times but still says {word}; "
        "it will be ordered again.",
        Case.TO_REORDER: "DCS accepted the stop but still says {word}; it is being ordered again.",
        Case.STOPPING: _UNDER_WAY,
        Case.TERMINATED: "DCS says TERMINATED: the migration is stopped.",
        Case.ENDED: "DCS says {word}: the migration had ended before a stop took effect.",
        Case.FAILED: "DCS says {word}: the migration failed and no longer runs. "
        "See its log in the DCS console.",
        Case.GONE: "DCS does not know task {task_id} in this project. "
        "Check spec.taskId and the project; it is looked for again every 10 minutes.",
    }
)

_STOPPED: Final[Mapping[PhaseClass, tuple[str, str]]] = MappingProxyType(
    {
        PhaseClass.ACTIVE: ("False", "Running"),
        PhaseClass.TERMINATING: ("False", "Stopping"),
        PhaseClass.TERMINATED: ("True", "Terminated"),
        PhaseClass.ENDED: ("True", "Ended"),
        PhaseClass.FAILED: ("True", "TaskFailed"),
        PhaseClass.GONE: ("Unknown", "TaskNotFound"),
    }
)


def describe(situation: Situation, verdict: Decision, now: Instant) -> Status:
    """Return the status that says what the verdict means."""
    phase = _phase(situation)
    stopped = _stopped(situation)
    message = _message(situation, verdict)
    row = CASES[verdict.case]
    ready, reason, standing = row.ready, row.reason, row.standing
    if verdict.case is Case.ENDED and stopped.reason == "Terminated":
        reason, message = "Terminated", _MESSAGES[Case.TERMINATED]
    if verdict.trouble:
        ready, reason = "False", verdict.trouble.kind.value
        standing = Standing.RECONCILING if verdict.trouble.kind.heals_alone else Standing.STALLED
    conditions = (
        condition(READY, ready, reason, message),
        stopped,
        *standing_condition(standing, reason, message),
    )
    moment = rfc3339(now.wall)
    generation = situation.task.generation
    return Status(
        phase=phase,
        generation=generation,
        conditions=dated(conditions, situation.shown.conditions, generation, moment),
        stop=_stop_record(situation, phase, moment),
        task=_task_record(situation),
        error=_error_record(situation, verdict, moment),
    )


def _phase(situation: Situation) -> str:
    """DCS's word; after an acceptance it does not fall back to an active one while DCS lags."""
    seen, shown = situation.seen, situation.shown
    if seen is None:
        return shown.phase or PENDING
    if class_of(seen.word) is PhaseClass.ACTIVE and situation.order.accepted:
        return TERMINATING
    return seen.word


def _stopped(situation: Situation) -> Condition:
    seen, before = situation.seen, situation.shown.condition(STOPPED)
    if seen is None:
        if before:
            return condition(STOPPED, before.status, before.reason, before.message)
        return condition(STOPPED, "Unknown", "Pending", _MESSAGES[Case.UNASKED])
    phase_class = class_of(seen.word)
    status, reason = _STOPPED[phase_class]
    if phase_class is PhaseClass.ACTIVE and situation.order.accepted:
        reason = "Stopping"
    if phase_class is PhaseClass.ENDED and before and before.reason == "Terminated":
        reason = before.reason
    message = _UNDER_WAY if reason == "Stopping" else f"DCS says {seen.word}."
    return condition(STOPPED, status, reason, message)


def _message(situation: Situation, verdict: Decision) -> str:
    if verdict.trouble:
        trouble = verdict.trouble
        return (
            f"{trouble.message} ({_in_words(trouble.detail)})"
            if trouble.detail
            else trouble.message
        )
    order = situation.order
    return _MESSAGES.get(verdict.case, "").format(
        word=situation.seen.word if situation.seen else "",
        phase=situation.shown.phase,
        task_id=situation.task.task_id,
        attempts=order.attempts,
        detail=_in_words(order.detail) if order.detail else "no reason given",
    )


def _in_words(detail: ErrorDetail) -> str:
    text = clip(detail.message, ERROR_CHARS_MAX).rstrip(".")
    return f"{detail.code}: {text}" if text else detail.code


def _stop_record(situation: Situation, phase: str, moment: str) -> StopRecord | None:
    if not situation.task.stopped:
        return None
    order, before = situation.order, situation.shown.stop or StopRecord()
    return StopRecord(
        requested_at=before.requested_at or rfc3339(order.requested) or moment,
        accepted_at=rfc3339(order.accepted),
        terminated_at=before.terminated_at or (moment if phase == TERMINATED else ""),
        attempts=order.attempts,
        request_id=order.request_id,
    )


def _task_record(situation: Situation) -> TaskRecord | None:
    seen = situation.seen
    if seen is None or class_of(seen.word) is PhaseClass.GONE:
        return situation.shown.task
    # What is known stays: list and show may name an instance differently, which is not news.
    known = situation.shown.task or TaskRecord()
    record = TaskRecord(
        name=known.name or seen.name,
        method=known.method or seen.method,
        source=known.source or seen.source,
        target=known.target or seen.target,
    )
    return record if record != TaskRecord() else None


def _error_record(situation: Situation, verdict: Decision, moment: str) -> ErrorRecord | None:
    detail = verdict.trouble.detail if verdict.trouble else None
    if detail is None and verdict.case is Case.REJECTED:
        detail = situation.order.detail
    if detail is None:
        return None
    message, before = clip(detail.message, ERROR_CHARS_MAX), situation.shown.error
    if before and (before.code, before.message) == (detail.code, message):
        return before  # the same error again is not news, and must not cost a write
    return ErrorRecord(detail.code, message, detail.request_id, moment)
