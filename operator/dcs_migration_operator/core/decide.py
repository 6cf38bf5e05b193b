"""The decision: from (wish, what DCS last said, what was ordered, trouble) to one verdict.

`case_of` names the case; what it means is a row of the table in `cases.py`. Nothing is remembered
between calls but what the arguments carry, so that after a crash the same rule resumes everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cases import CASES, Case, Pace, Row
from dcs_migration_operator.core.conditions import READY, RECONCILING, STOPPED, Standing
from dcs_migration_operator.core.model import Outcome, TroubleKind
from dcs_migration_operator.core.phases import PhaseClass, class_of

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import Instant, Observation, StopRequest, Task, Trouble
    from dcs_migration_operator.core.status import Status

OBSERVATION_AGE_S_MAX: Final = 30.0
"""No order for a task whose status is older than this: the contract's "look before you leap"."""

EFFECT_S_MIN: Final = 60.0
EFFECT_S_MAX: Final = 600.0
"""How long DCS may show a task active after an acceptance before it is ordered again; doubled
each time. Terraform's acceptance test sees `TERMINATING` within 10 s, so a minute is generous."""

REJECTED_S_MIN: Final = 15.0
REJECTED_S_MAX: Final = 600.0
"""Pause after a refused order, doubled each time: most documented refusals ("instance busy") last
minutes, and a refusal that never ends must not become a stream of calls."""

TROUBLE_PATIENCE_S: Final = 2.0
"""A trouble shorter than this is not written: a single 503 would cost one write per resource. With
it a first status still appears within the promised 5 s."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a verdict depends on, gathered in one value.

    Attributes:
        shown: What the resource says, or is about to say.
        seen: What DCS last said; nothing if it was not asked in this life of the process.
        seen_at: Monotonic seconds at which that answer was asked for.
        confirmed: The answer came from a call for this task alone, not from a list.
        trouble: What keeps the channel or the project from working, if anything.
        quiet_until: Monotonic seconds; until then a state that passes by itself is not written.
    """

    task: Task
    shown: Status
    seen: Observation | None
    seen_at: float
    confirmed: bool
    order: StopRequest
    trouble: Trouble | None
    quiet_until: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now: at most one order, how soon to look, and what the resource should say.

    Attributes:
        case: The row of the table behind it.
        speak: Whether the resource should say what `case` and `trouble` mean; else it keeps
            what it says.
        trouble: The trouble to be shown, if it matters to this task.
        order: Whether to order a stop.
        pace: How soon to look.
        wake_at: Monotonic seconds of the next moment at which time alone changes the verdict.
    """

    case: Case
    speak: bool
    trouble: Trouble | None
    order: bool
    pace: Pace
    wake_at: float | None


_OVER = frozenset({PhaseClass.TERMINATED, PhaseClass.ENDED, PhaseClass.FAILED})
_FULFILLED = frozenset({"Terminated", "EndedBeforeStop"})
_TROUBLES = frozenset(kind.value for kind in TroubleKind)


def decide(situation: Situation, now: Instant) -> Decision:
    """Return what to do about one resource at this moment."""
    case = case_of(situation, now)
    row = CASES[case]
    trouble = _relevant_trouble(situation, row)
    due = row.order or (case is Case.REJECTED and now.mono >= _retry_at(situation.order))
    fresh = _is_fresh(situation, now, confirmed=case is Case.TO_REORDER)
    speak, speak_at = _speech(situation, row, trouble, now)
    pace = row.pace
    if due and not fresh:
        pace = Pace.CONFIRM if case is Case.TO_REORDER else Pace.NOW
    return Decision(
        case=case,
        speak=speak,
        trouble=trouble,
        order=due and fresh,
        pace=pace,
        wake_at=_earliest(speak_at, _next_step_at(case, situation.order), now),
    )


def case_of(situation: Situation, now: Instant) -> Case:
    """Name the case; the order of the questions is their precedence."""
    task, seen = situation.task, situation.seen
    if task.stopped and is_settled(task, situation.shown):
        return Case.SETTLED
    if seen is None:
        return Case.UNASKED
    phase_class = class_of(seen.word)
    if phase_class is PhaseClass.GONE:
        return Case.GONE
    if phase_class is PhaseClass.FAILED:
        return Case.FAILED
    runs = phase_class in {PhaseClass.ACTIVE, PhaseClass.TERMINATING}
    if runs and class_of(situation.shown.phase) in _OVER and not situation.confirmed:
        return Case.SURPRISING
    if not task.stopped:
        return Case.OBSERVED
    if phase_class is PhaseClass.ACTIVE:
        return _active_case(situation, now)
    return {
        PhaseClass.TERMINATING: Case.STOPPING,
        PhaseClass.TERMINATED: Case.TERMINATED,
        PhaseClass.ENDED: Case.ENDED,
    }[phase_class]


def is_settled(task: Task, shown: Status) -> bool:
    """Tell whether the resource already says that this generation's wish to stop is fulfilled."""
    ready = shown.condition(READY)
    return (
        shown.generation == task.generation
        and ready is not None
        and ready.status == "True"
        and ready.reason in _FULFILLED
    )


def effect_s(ineffective: int) -> float:
    """Return how long an accepted order may take to show, in seconds."""
    return min(EFFECT_S_MIN * 2.0 ** min(ineffective, 10), EFFECT_S_MAX)


def rejected_s(rejections: int) -> float:
    """Return the pause after the n-th consecutive refusal, in seconds."""
    return min(REJECTED_S_MIN * 2.0 ** min(max(rejections - 1, 0), 10), REJECTED_S_MAX)


def _active_case(situation: Situation, now: Instant) -> Case:
    order = situation.order
    looked_since = situation.seen_at > order.answered_at
    if order.outcome is Outcome.WAITING:
        return Case.WAITING
    if order.outcome is Outcome.ACCEPTED:
        if now.mono >= order.answered_at + effect_s(order.ineffective):
            return Case.TO_REORDER
        return Case.INEFFECTIVE if order.ineffective else Case.LAGGING
    if order.outcome is Outcome.NONE:
        return Case.TO_ORDER
    if not looked_since:
        return Case.UNSURE
    return Case.REJECTED if order.outcome is Outcome.REJECTED else Case.TO_ORDER


def _is_fresh(situation: Situation, now: Instant, *, confirmed: bool) -> bool:
    return (
        situation.seen_at >= now.mono - OBSERVATION_AGE_S_MAX
        and situation.seen_at > situation.order.answered_at
        and (situation.confirmed or not confirmed)
    )


def _relevant_trouble(situation: Situation, row: Row) -> Trouble | None:
    """A fulfilled wish needs nothing more; passing trouble matters only to work under way."""
    trouble = situation.trouble
    if trouble is None or row.pace is Pace.NONE:
        return None
    if not trouble.kind.heals_alone:
        return trouble
    if row.standing is not Standing.RECONCILING:
        return None
    if situation.seen is None and _speaks_of_this_generation(situation):
        return trouble if situation.shown.condition(RECONCILING) else None
    return trouble


def _speech(
    situation: Situation, row: Row, trouble: Trouble | None, now: Instant
) -> tuple[bool, float | None]:
    """Return whether to write, and otherwise when to ask again."""
    if row.pace is Pace.NONE and row is CASES[Case.SETTLED]:
        return False, None
    if trouble:
        speak_at = trouble.since + TROUBLE_PATIENCE_S
        return (True, None) if now.mono >= speak_at else (False, speak_at)
    if not row.passing:
        return True, None
    if _speaks_of_this_generation(situation):
        return False, None
    if now.mono >= situation.quiet_until:
        return True, None
    return False, situation.quiet_until


def _speaks_of_this_generation(situation: Situation) -> bool:
    """Tell whether what the resource says may stand: about this wish, and not about a trouble."""
    ready = situation.shown.condition(READY)
    return (
        ready is not None
        and situation.shown.condition(STOPPED) is not None
        and situation.shown.generation == situation.task.generation
        and ready.reason not in _TROUBLES
    )


def _retry_at(order: StopRequest) -> float:
    return order.answered_at + rejected_s(order.rejections)


def _next_step_at(case: Case, order: StopRequest) -> float | None:
    if case is Case.REJECTED:
        return _retry_at(order)
    if case in {Case.LAGGING, Case.INEFFECTIVE}:
        return order.answered_at + effect_s(order.ineffective)
    return None


def _earliest(first: float | None, second: float | None, now: Instant) -> float | None:
    later = [moment for moment in (first, second) if moment is not None and moment > now.mono]
    return min(later, default=None)
