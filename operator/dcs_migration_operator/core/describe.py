"""Turns a decision into the status that the resource should have.

`decide` makes the decision; this module words it for people and for tools that read conditions.
Equal input gives an equal status, so comparing two statuses tells whether a write is needed.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cases import CASES, Case
from dcs_migration_operator.core.conditions import (
    CAUGHT_UP,
    READY,
    STOPPED,
    Standing,
    clip,
    condition,
    dated,
    standing_condition,
)
from dcs_migration_operator.core.cutover import is_incremental
from dcs_migration_operator.core.durations import in_words
from dcs_migration_operator.core.lag_status import (
    caught_up_condition,
    in_numbers,
    lag_record,
    opening_record,
)
from dcs_migration_operator.core.model import TroubleKind
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
    from dcs_migration_operator.core.model import ErrorDetail, Instant, Observation
    from dcs_migration_operator.core.status import Condition

ERROR_CHARS_MAX: Final = 512
"""DCS's texts are cut at this length: the first sentence has the reason, and objects stay small."""

# One text from acceptance to the end: DCS's change to TERMINATING alone is not worth a write.
_UNDER_WAY: Final = "The stop is under way; waiting until DCS says TERMINATED."

_MESSAGES: Final[Mapping[Case, str]] = MappingProxyType(
    {
        Case.UNASKED: "DCS has not answered a question about this task yet.",
        Case.UNLISTED: "DCS's list of this project does not mention the task; it is being asked "
        "for by itself. If DCS does not know it, check spec.taskId and the project.",
        Case.OUTDATED: "DCS said {word} before the stop was asked for; it is being asked again.",
        Case.SUSPENDED: "DCS says {word}; the project is suspended (spec.suspend), so no stop is "
        "requested until it is resumed.",
        Case.STARTED_AGAIN: "DCS says {word} after {phase}: somebody started the task again; the "
        "stop is about to be requested again.",
        Case.REPEATING: "The stop request failed or its outcome is unknown, and DCS says {word}; "
        "the stop will be requested again.",
        Case.SURPRISING: "DCS says {word} after {phase}; it is being asked again.",
        Case.OBSERVED: "DCS says {word}; the task is only observed (spec.stopped is false).",
        Case.TO_STOP: "DCS says {word}; the stop is about to be requested.",
        Case.WAITING: "DCS says {word}; the stop is being requested.",
        Case.UNSURE: "The outcome of the stop request is unknown; DCS is being asked again.",
        Case.REJECTED: "DCS refused to stop the task: {detail}. The stop will be requested again.",
        Case.LAGGING: _UNDER_WAY,
        Case.INEFFECTIVE: "DCS accepted the stop {attempts} times but still says {word}; "
        "it will be requested again.",
        Case.TO_STOP_AGAIN: "DCS accepted the stop but still says {word}; it is being requested "
        "again.",
        Case.STOPPING: _UNDER_WAY,
        Case.TERMINATED: "DCS says TERMINATED: the migration is stopped.",
        Case.ENDED: "DCS says {word}: the migration had ended before a stop took effect.",
        Case.FAILED: "DCS says {word}: the migration failed and no longer runs. "
        "See its log in the DCS console.",
        Case.GONE: "DCS does not know task {task_id} in this project. "
        "Check spec.taskId and the project; it is looked for again every 10 minutes.",
        Case.HOLDING: "DCS says {word}; wave {wave} holds, so no stop is requested until its state "
        "is Go.",
        Case.EARLY: "DCS says {word}; the window of the cutover begins at {not_before}.",
        Case.WAVE_PAUSED: "DCS says {word}; wave {wave} was paused by failures. It goes on by "
        "Hold, then Go.",
        Case.QUEUED: "DCS says {word}; the cutover waits for its turn.",
        Case.CATCHING_UP: "DCS says {word}; {lag}. The stop is requested once the lag has stayed "
        "within its limit for {stable}.",
        Case.LAG_UNKNOWN: "DCS says {word}, but not how far the target is behind; it is asked "
        "again by itself.",
        Case.TIMED_OUT: "The target did not catch up within {timeout}; {lag}. Nothing was "
        "requested. Set the state of the wave to Hold and back to Go, or change spec.cutover, to "
        "open it again.",
        Case.WINDOW_MISSED: "The window of the cutover ended at {not_after} before the target had "
        "caught up; {lag}. Nothing was requested. Set a later window to open it again.",
        Case.NOT_INCREMENTAL: "This is no incremental migration ({method}): it has no lag to wait "
        "for, and ends by itself. Use spec.stopped to stop it whatever it has copied.",
        Case.NOT_REPLICATING: "DCS says {word}, and that nothing is replicated at the moment; see "
        "the log of the task in the DCS console. It is asked again by itself.",
        Case.WAVE_NOT_FOUND: "DCS says {word}; there is no MigrationWave {wave} in this namespace, "
        "so nothing is requested. Create it, or name another in spec.cutover.waveRef.",
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


def describe(situation: Situation, decision: Decision, now: Instant) -> Status:
    """Return the status that expresses the decision.

    An active status word that follows an ended one is not shown until it is confirmed.
    """
    believed = None if decision.case is Case.SURPRISING else situation.observed
    phase = _phase(situation, believed)
    stopped = _stopped(situation, believed)
    message = _message(situation, decision)
    row = CASES[decision.case]
    ready, reason, standing = row.ready, row.reason, row.standing
    if decision.case is Case.ENDED and stopped.reason == "Terminated":
        reason, message = "Terminated", _MESSAGES[Case.TERMINATED]
    if decision.trouble:
        ready, reason = "False", decision.trouble.kind.value
        person = decision.trouble.needs_person(now.mono)
        standing = Standing.STALLED if person else Standing.RECONCILING
    wish, caught_up = situation.wish, _caught_up(situation, believed)
    conditions = (
        condition(READY, ready, reason, message),
        stopped,
        *((caught_up,) if caught_up else ()),
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
        error=_error_record(situation, decision, moment),
        lag=lag_record(wish, situation.shown, caught_up, now) if wish else None,
        opening=opening_record(wish) if wish else None,
    )


def _phase(situation: Situation, observed: Observation | None) -> str:
    """Return DCS's word; once a stop was accepted, a lagging active word does not replace it."""
    if observed is None:
        return situation.shown.phase or PENDING
    if class_of(observed.word) is PhaseClass.ACTIVE and situation.request.accepted:
        return TERMINATING
    return observed.word


def _stopped(situation: Situation, observed: Observation | None) -> Condition:
    before = situation.shown.condition(STOPPED)
    if observed is None:
        if before:
            return condition(STOPPED, before.status, before.reason, before.message)
        return condition(STOPPED, "Unknown", "Pending", _MESSAGES[Case.UNASKED])
    kind = class_of(observed.word)
    status, reason = _STOPPED[kind]
    if kind is PhaseClass.ACTIVE and situation.request.accepted:
        reason = "Stopping"
    if kind is PhaseClass.ENDED and before and before.reason == "Terminated":
        reason = before.reason
    message = _UNDER_WAY if reason == "Stopping" else f"DCS says {observed.word}."
    return condition(STOPPED, status, reason, message)


def _caught_up(situation: Situation, observed: Observation | None) -> Condition | None:
    """Return `CaughtUp` according to the samples, or unchanged if there are none."""
    wish = situation.wish
    if wish is None:
        return None
    if observed and (wish.lag or not is_incremental(observed)):
        return caught_up_condition(wish, observed)
    before = situation.shown.condition(CAUGHT_UP)
    return condition(CAUGHT_UP, before.status, before.reason, before.message) if before else None


def _message(situation: Situation, decision: Decision) -> str:
    trouble, request = decision.trouble, situation.request
    text = _MESSAGES.get(decision.case, "").format(
        **_wish_in_words(situation),
        word=situation.observed.word if situation.observed else "",
        phase=situation.shown.phase,
        task_id=situation.task.task_id,
        attempts=request.attempts,
        detail=_in_words(request.detail) if request.detail else "no reason given",
    )
    if trouble:
        text = trouble.message or text
    detail = trouble.detail if trouble else None
    if trouble is None and decision.case is Case.LAG_UNKNOWN:
        detail = _detail_of(situation, decision.case)
    return f"{text} ({_in_words(detail)})" if detail else text


def _wish_in_words(situation: Situation) -> dict[str, str]:
    """Return the placeholders for messages about a conditional wish."""
    wish = situation.wish
    if wish is None:
        return {}
    return {
        "wave": wish.wave,
        "lag": in_numbers(wish),
        "stable": in_words(wish.terms.stable_for_s),
        "timeout": in_words(wish.terms.timeout_s),
        "not_before": rfc3339(wish.window.not_before),
        "not_after": rfc3339(wish.window.not_after),
        "method": situation.observed.method if situation.observed else "",
    }


def _detail_of(situation: Situation, case: Case) -> ErrorDetail | None:
    """Return the answer behind a case that does not come from a trouble of the channel."""
    if case is Case.REJECTED:
        return situation.request.detail
    if case is Case.LAG_UNKNOWN and situation.wish and situation.wish.lag:
        return situation.wish.lag.detail
    return None


def _in_words(detail: ErrorDetail) -> str:
    text = clip(detail.message, ERROR_CHARS_MAX).rstrip(".")
    return f"{detail.code}: {text}" if text else detail.code


def _stop_record(situation: Situation, phase: str, moment: str) -> StopRecord | None:
    request, wish = situation.request, situation.wish
    begun = situation.task.stopped or (wish and wish.committed) or situation.shown.stop
    if not situation.task.wishes_stop or not begun:
        return None
    before = situation.shown.stop or StopRecord()
    lag_at_order = before.lag_at_order
    if wish and wish.committed and wish.lag_at_order is not None:
        lag_at_order = wish.lag_at_order
    over = class_of(phase) in {PhaseClass.TERMINATED, PhaseClass.ENDED}
    terminated_at = before.terminated_at or (moment if phase == TERMINATED else "")
    return StopRecord(
        requested_at=before.requested_at or rfc3339(situation.wished) or moment,
        accepted_at=rfc3339(request.accepted),
        terminated_at=terminated_at if over else "",
        attempts=request.attempts,
        request_id=request.request_id,
        lag_at_order=lag_at_order,
    )


def _task_record(situation: Situation) -> TaskRecord | None:
    observed = situation.observed
    if observed is None or class_of(observed.word) is PhaseClass.GONE:
        return situation.shown.task
    # Keep known values: the list and show calls may name an instance differently.
    known = situation.shown.task or TaskRecord()
    record = TaskRecord(
        name=known.name or observed.name,
        method=known.method or observed.method,
        source=known.source or observed.source,
        target=known.target or observed.target,
    )
    return record if record != TaskRecord() else None


def _error_record(situation: Situation, decision: Decision, moment: str) -> ErrorRecord | None:
    detail = decision.trouble.detail if decision.trouble else None
    if detail is None:
        detail = _detail_of(situation, decision.case)
    before = situation.shown.error
    if detail is None:
        return before if _rests(situation, decision) else None
    message = clip(detail.message, ERROR_CHARS_MAX)
    if before and before.code == detail.code:
        return before  # the same error again is no change, even if its text differs
    return ErrorRecord(detail.code, message, detail.request_id, moment)


def _rests(situation: Situation, decision: Decision) -> bool:
    """Tell whether a key is not used because of a refusal that the status already shows."""
    ready, trouble = situation.shown.condition(READY), decision.trouble
    return (
        ready is not None
        and trouble is not None
        and trouble.kind is TroubleKind.CREDENTIALS
        and ready.reason == trouble.kind.value
    )
