"""Decides what to do now from the wish, the observation, the stop request and the troubles.

`case_of` finds the case; a row of the table in `cases.py` says what it means. No state is kept
between calls apart from the arguments, so that the same rules resume everything after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.backoff import Backoff
from dcs_migration_operator.core.cases import CASES, QUIET_S, SUSPENDED, Case, Pace, Row
from dcs_migration_operator.core.conditions import READY, RECONCILING, STOPPED, Standing
from dcs_migration_operator.core.cutover import (
    MAY_LEAVE,
    OPEN_GATES,
    TURN_S_MAX,
    Gate,
    Sampling,
    gate_of,
)
from dcs_migration_operator.core.model import Outcome, Trouble, TroubleKind
from dcs_migration_operator.core.phases import PhaseClass, class_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dcs_migration_operator.core.cloud import Operation
    from dcs_migration_operator.core.cutover import Conditional
    from dcs_migration_operator.core.model import (
        Instant,
        Observation,
        StopRequest,
        Task,
    )
    from dcs_migration_operator.core.status import Status

OBSERVATION_AGE_S_MAX: Final = 30.0
"""No stop is requested for a task whose observation is older than this: the contract's "look before
you leap"."""

EFFECT: Final = Backoff(60.0, 600.0)
"""How long DCS may show a task active after an acceptance before the stop is requested again.
Terraform's acceptance test sees `TERMINATING` within 10 s, so a minute is generous."""

REPEAT: Final = Backoff(15.0, 600.0)
"""Pause after a request that was rejected or whose outcome stayed unknown: most documented
refusals ("instance busy") last minutes, and one that never ends must not become a stream of
calls."""

TROUBLE_PATIENCE_S: Final = 2.0
"""A trouble shorter than this is not written: a single 503 would cost one write per resource. A
first status still appears within the promised 5 s."""

TURN_QUIET_S: Final = 10.0
"""An opened task is first sampled within a round of 5 s; its status reports the wait only if it
takes longer than this."""

WALL_S_MAX: Final = 60.0
"""Longest time until a window is checked again: timers do not notice when a clock is set."""

BACKLOG_S_MAX: Final = 30.0
"""How long the wait of a task behind many others is not written while DCS answers."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a decision depends on, gathered in one value; times are monotonic seconds.

    Attributes:
        shown: The status that the resource has, or is about to get.
        wished_at: When the wish was made, as far as this process knows.
        wished: The same as wall time; None without a wish to stop.
        news_at: When the wish last changed or a trouble ended.
        observed: The last observation; None if there was none since the process started.
        asked_at: When that observation was requested.
        confirmed: Whether it came from a call for this task alone, not from a list.
        unlisted_at: When a complete list that did not mention the task was requested.
        request: The record of stop requests; its outcome is `WAITING` while one is in progress.
        moved: Whether the status is about another endpoint or cloud project.
        started_again: Whether it was reported that the task runs again after its end.
        suspended: Whether the project is suspended.
        blocked: Why the project cannot be used.
        unreadable: Why DCS does not show this one task.
        troubles: The troubles of single calls of the channel.
        progress_at: When the channel's last call succeeded.
        wish: What the wish depends on, if it is conditional.
    """

    task: Task
    shown: Status
    wished_at: float
    wished: datetime | None
    news_at: float
    observed: Observation | None
    asked_at: float
    confirmed: bool
    unlisted_at: float
    request: StopRequest
    moved: bool
    started_again: bool
    suspended: bool
    blocked: Trouble | None
    unreadable: Trouble | None
    troubles: Mapping[Operation, Trouble]
    progress_at: float
    wish: Conditional | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now: whether to request a stop, how soon to poll, and what the status should say.

    Attributes:
        case: The row of the table that applies.
        speak: Whether the status should express `case` and `trouble`; otherwise it stays as it is.
        trouble: The trouble to show, if it matters to this task.
        stop: Whether to request a stop.
        pace: How soon to poll.
        sampling: How often to sample the lag.
        wake_at: Monotonic time in seconds at which the decision next changes without an event.
    """

    case: Case
    speak: bool
    trouble: Trouble | None
    stop: bool
    pace: Pace
    sampling: Sampling
    wake_at: float | None


_OVER = frozenset({PhaseClass.TERMINATED, PhaseClass.ENDED, PhaseClass.FAILED})
_RUNS = frozenset({PhaseClass.ACTIVE, PhaseClass.TERMINATING})
_EITHER_WAY = {PhaseClass.GONE: Case.GONE, PhaseClass.FAILED: Case.FAILED}
_WISHED = {
    PhaseClass.TERMINATING: Case.STOPPING,
    PhaseClass.TERMINATED: Case.TERMINATED,
    PhaseClass.ENDED: Case.ENDED,
}
_FULFILLED = frozenset({"Terminated", "EndedBeforeStop"})
_TROUBLES = frozenset(kind.value for kind in TroubleKind)
_REPEATING = TroubleKind.UNAVAILABLE
_REPEATED = frozenset({Case.REJECTED, Case.REPEATING})
_GATED = {
    Gate.WAVE_MISSING: Case.WAVE_NOT_FOUND,
    Gate.HELD: Case.HOLDING,
    Gate.EARLY: Case.EARLY,
    Gate.PAUSED: Case.WAVE_PAUSED,
    Gate.WINDOW_OVER: Case.WINDOW_MISSED,
    Gate.QUEUED: Case.QUEUED,
    Gate.NOT_INCREMENTAL: Case.NOT_INCREMENTAL,
    Gate.TIMED_OUT: Case.TIMED_OUT,
    Gate.LAG_UNKNOWN: Case.LAG_UNKNOWN,
    Gate.NOT_REPLICATING: Case.NOT_REPLICATING,
    Gate.CATCHING_UP: Case.CATCHING_UP,
}


def decide(situation: Situation, now: Instant) -> Decision:
    """Return what to do about one resource at this moment."""
    case = case_of(situation, now)
    row = CASES[case]
    due = row.stop or (case in _REPEATED and now.mono >= _repeat_at(situation.request))
    fresh = _is_fresh(situation, now, confirmed=case is Case.TO_STOP_AGAIN)
    trouble = _relevant_trouble(situation, row, case)
    speak, speak_at = _speech(situation, row, case, trouble, now)
    pace = row.pace
    if due and not fresh:
        pace = Pace.CONFIRM if case is Case.TO_STOP_AGAIN else Pace.NOW
    moments = (
        speak_at,
        _next_step_at(case, situation.request),
        _person_at(trouble),
        *_gate_moments(situation, now),
    )
    return Decision(
        case=case,
        speak=speak,
        trouble=trouble,
        stop=due and fresh,
        pace=pace,
        sampling=_sampling(situation, now),
        wake_at=_earliest(moments, now),
    )


def case_of(situation: Situation, now: Instant) -> Case:
    """Return the case; the checks are in order of precedence."""
    task, observed = situation.task, situation.observed
    settled = task.wishes_stop and not situation.moved and is_settled(task, situation.shown)
    if observed is None:
        if settled:
            return Case.SETTLED
        return Case.UNLISTED if _is_unlisted(situation) else Case.UNASKED
    kind = class_of(observed.word)
    runs = kind in _RUNS
    if settled and not runs:
        return Case.SETTLED
    doubt = _doubt(situation, kind)
    if doubt:
        return doubt
    if kind in _EITHER_WAY:
        return _EITHER_WAY[kind]
    if not task.wishes_stop:
        return Case.OBSERVED
    return _active_case(situation, now) if kind is PhaseClass.ACTIVE else _WISHED[kind]


def _doubt(situation: Situation, kind: PhaseClass) -> Case | None:
    """Return the case in which the observation cannot be used as it is, None if it can."""
    task, runs = situation.task, kind in _RUNS
    if runs and class_of(situation.shown.phase) in _OVER:
        if not situation.confirmed:
            return Case.SURPRISING
        told = situation.started_again or situation.moved
        if task.wishes_stop and situation.shown.stop and not told:
            return Case.STARTED_AGAIN
    if _is_unlisted(situation) and kind is not PhaseClass.GONE:
        return Case.UNLISTED
    if task.wishes_stop and not runs and situation.asked_at < situation.wished_at:
        return Case.OUTDATED
    return None


def is_settled(task: Task, shown: Status) -> bool:
    """Tell whether the resource already says that this generation's wish to stop is fulfilled."""
    ready = shown.condition(READY)
    return (
        shown.generation == task.generation
        and ready is not None
        and ready.status == "True"
        and ready.reason in _FULFILLED
    )


def _active_case(situation: Situation, now: Instant) -> Case:
    request = situation.request
    if request.outcome is Outcome.WAITING:
        return Case.WAITING
    if situation.suspended:
        # A request that was sent stays; whether it took effect is still observed.
        return Case.LAGGING if request.outcome is Outcome.ACCEPTED else Case.SUSPENDED
    gate = _gate(situation, now)
    if gate and gate not in MAY_LEAVE:
        return Case.LAGGING if request.outcome is Outcome.ACCEPTED else _GATED[gate]
    if request.outcome is Outcome.ACCEPTED:
        if now.mono >= _effect_at(request):
            return Case.TO_STOP_AGAIN
        return Case.INEFFECTIVE if request.ineffective else Case.LAGGING
    if request.outcome is Outcome.NONE:
        return Case.TO_STOP
    if request.outcome is Outcome.REJECTED:
        observed_since = situation.asked_at > request.answered_at
        return Case.REJECTED if observed_since else Case.UNSURE
    return Case.REPEATING if situation.asked_at > request.answered_at else Case.UNSURE


def _gate(situation: Situation, now: Instant) -> Gate | None:
    """Return what a conditional wish means now; None without one, or if the task does not run."""
    wish, observed = situation.wish, situation.observed
    if wish is None or observed is None or class_of(observed.word) is not PhaseClass.ACTIVE:
        return None
    return gate_of(wish, observed, now.mono, now.wall)


def _sampling(situation: Situation, now: Instant) -> Sampling:
    """Return how often to sample the lag, which matters until the request is sent."""
    wish, gate = situation.wish, _gate(situation, now)
    accepted = situation.request.outcome is Outcome.ACCEPTED
    if wish is None or gate is None or wish.committed or accepted:
        return Sampling.NEVER
    if gate is Gate.NOT_INCREMENTAL:
        return Sampling.NEVER
    opened = wish.opening is not None and gate in OPEN_GATES and not situation.suspended
    return Sampling.OPEN if opened else Sampling.HOLDING


def _gate_moments(situation: Situation, now: Instant) -> tuple[float | None, ...]:
    """Return the moments at which a conditional wish changes without an event."""
    wish = situation.wish
    if wish is None:
        return ()
    change = wish.window.next_at(now.wall)
    window_at = now.mono + min((change - now.wall).total_seconds(), WALL_S_MAX) if change else None
    stale_at = wish.lag.asked_at + TURN_S_MAX if wish.lag else None
    return (wish.deadline, window_at, stale_at)


def _is_unlisted(situation: Situation) -> bool:
    """Tell whether a list lacked the task after it was last seen."""
    return situation.unlisted_at > situation.asked_at


def _is_fresh(situation: Situation, now: Instant, *, confirmed: bool) -> bool:
    return (
        situation.asked_at >= now.mono - OBSERVATION_AGE_S_MAX
        and situation.asked_at > situation.request.answered_at
        and (situation.confirmed or not confirmed)
    )


def _relevant_trouble(situation: Situation, row: Row, case: Case) -> Trouble | None:
    """Return the most specific trouble that keeps this case from its next step.

    A fulfilled wish has no next step; a trouble that heals alone matters only to work in progress.
    """
    if row.pace <= Pace.SETTLED:
        return None
    trouble = situation.blocked or _trouble_of_task(situation, case)
    if trouble is None:
        found = (situation.troubles.get(operation) for operation in row.needs)
        trouble = next((one for one in found if one), _trouble_of_request(situation, case))
    if trouble is None or not trouble.kind.heals_alone:
        return trouble
    if row.standing is not Standing.RECONCILING:
        return None
    if situation.observed is None and _speaks_of_this_generation(situation):
        return trouble if situation.shown.condition(RECONCILING) else None
    return trouble


def _trouble_of_task(situation: Situation, case: Case) -> Trouble | None:
    """Return why DCS does not show this one task, if the next step depends on that."""
    asks = CASES[case].pace in {Pace.NOW, Pace.CONFIRM} or case is Case.TO_STOP_AGAIN
    return situation.unreadable if asks else None


def _trouble_of_request(situation: Situation, case: Case) -> Trouble | None:
    """Return why a stop that was not refused has to be requested again; the case words it."""
    request = situation.request
    if case is not Case.REPEATING:
        return None
    return Trouble(_REPEATING, request.answered_at, "", request.detail)


def _speech(
    situation: Situation, row: Row, case: Case, trouble: Trouble | None, now: Instant
) -> tuple[bool, float | None]:
    """Return whether to write the status and, if not, when to decide again."""
    if case is Case.SETTLED:
        return False, None
    if trouble:
        speak_at = trouble.since + TROUBLE_PATIENCE_S
        return (True, None) if now.mono >= speak_at else (False, speak_at)
    if not row.passing:
        return True, None
    if case is Case.QUEUED and _says_otherwise(situation, row):
        quiet_until = situation.news_at + TURN_QUIET_S
        return (True, None) if now.mono >= quiet_until else (False, quiet_until)
    if _speaks_of_this_generation(situation):
        return False, None
    quiet_until = _quiet_until(situation, row, now)
    return (True, None) if now.mono >= quiet_until else (False, quiet_until)


def _says_otherwise(situation: Situation, row: Row) -> bool:
    ready = situation.shown.condition(READY)
    return ready is not None and ready.reason != row.reason


def _quiet_until(situation: Situation, row: Row, now: Instant) -> float:
    """Return until when a state that passes by itself is not written."""
    until = situation.news_at + row.quiet_s
    if row.patient and situation.progress_at >= now.mono - QUIET_S:
        until = max(until, min(now.mono + QUIET_S, situation.news_at + BACKLOG_S_MAX))
    return until


def _speaks_of_this_generation(situation: Situation) -> bool:
    """Tell whether the status may stay: it is about this wish, shows no trouble, is not wrong."""
    shown, observed = situation.shown, situation.observed
    ready = shown.condition(READY)
    disproved = (
        situation.confirmed
        and observed is not None
        and class_of(observed.word) in _RUNS
        and class_of(shown.phase) in _OVER
    )
    says_so = ready is not None and ready.reason == _REPEATING.value
    repeated = situation.request.failures > 0 and says_so
    return (
        ready is not None
        and shown.condition(STOPPED) is not None
        and shown.generation == situation.task.generation
        and (ready.reason not in _TROUBLES or repeated)
        and ready.reason != SUSPENDED
        and not disproved
    )


def _effect_at(request: StopRequest) -> float:
    return request.answered_at + EFFECT.seconds(request.ineffective + 1)


def _repeat_at(request: StopRequest) -> float:
    return request.answered_at + REPEAT.seconds(max(request.failures, 1))


def _next_step_at(case: Case, request: StopRequest) -> float | None:
    if case in _REPEATED:
        return _repeat_at(request)
    if case in {Case.LAGGING, Case.INEFFECTIVE} and request.outcome is Outcome.ACCEPTED:
        return _effect_at(request)
    return None


def _person_at(trouble: Trouble | None) -> float | None:
    return trouble.person_at if trouble else None


def _earliest(moments: tuple[float | None, ...], now: Instant) -> float | None:
    later = [moment for moment in moments if moment is not None and moment > now.mono]
    return min(later, default=None)
