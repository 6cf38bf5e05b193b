"""Decides what a wave counts, which tasks it admits, and what its status says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cases import CASES, Case
from dcs_migration_operator.core.conditions import (
    READY,
    Standing,
    condition,
    dated,
    standing_condition,
)
from dcs_migration_operator.core.status import (
    Status,
    WaveCounts,
    WaveRecord,
    rfc3339,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcs_migration_operator.core.decide import Decision, Situation
    from dcs_migration_operator.core.model import Instant, Wave

WRITE_S: Final = 5.0
"""Shortest interval between two status writes of a wave, whatever its tasks do."""


class Place(Enum):
    """The state of a task within its wave."""

    WAITING = auto()
    CAUGHT_UP = auto()
    STOPPING = auto()
    STOPPED = auto()
    TROUBLE = auto()


@dataclass(frozen=True, slots=True)
class Member:
    """What a wave needs to know about one of its tasks.

    Attributes:
        over: Nothing more is requested for it: accepted, ended, or its time is up.
        failed: Timed out, refused or failed.
        runs: DCS says that it runs, so that it can be admitted.
        stalled: Only a person can help it.
    """

    place: Place = Place.WAITING
    over: bool = False
    failed: bool = False
    runs: bool = False
    stalled: bool = False


OUTSIDE: Final = Member()
"""The member of a task that was not reconciled yet."""

_STOPPED: Final = frozenset({Case.SETTLED, Case.TERMINATED, Case.ENDED})
_FAILED: Final = frozenset({Case.TIMED_OUT, Case.REJECTED, Case.FAILED})
FAILURES: Final = frozenset(CASES[case].reason for case in _FAILED)
"""The reasons of tasks that count as failures of their wave."""

_OVER: Final = frozenset(
    {Case.TIMED_OUT, Case.FAILED, Case.GONE, Case.NOT_INCREMENTAL, Case.WINDOW_MISSED}
)
_STOPPING: Final = frozenset(
    {Case.STOPPING, Case.LAGGING, Case.INEFFECTIVE, Case.TO_STOP_AGAIN, Case.STARTED_AGAIN}
)


def member_of(situation: Situation, decision: Decision) -> Member:
    """Return what a wave counts a task as."""
    case, place = decision.case, _place_of(situation, decision)
    return Member(
        place=place,
        over=place in {Place.STOPPING, Place.STOPPED} or case in _OVER,
        failed=case in _FAILED,
        runs=place in {Place.WAITING, Place.CAUGHT_UP}
        and situation.observed is not None
        and not situation.suspended,
        stalled=_is_stalled(decision),
    )


def _is_stalled(decision: Decision) -> bool:
    if decision.trouble:
        return not decision.trouble.kind.heals_alone
    return CASES[decision.case].standing is Standing.STALLED


def _place_of(situation: Situation, decision: Decision) -> Place:
    case, wish = decision.case, situation.wish
    if case in _STOPPED:
        return Place.STOPPED
    if decision.trouble is None and CASES[case].standing is Standing.STALLED:
        return Place.TROUBLE
    if case in _FAILED or (decision.trouble and not decision.trouble.kind.heals_alone):
        return Place.TROUBLE
    if case in _STOPPING:
        return Place.STOPPING
    return Place.CAUGHT_UP if wish and (wish.caught_up or wish.committed) else Place.WAITING


def to_admit(members: Iterable[tuple[str, Member, bool]], under_way_max: int) -> list[str]:
    """Return the tasks whose cutovers may be opened now: first those caught up, then by name.

    Args:
        members: Name, place and whether the cutover is open, of each task of the wave.
        under_way_max: Most open cutovers at once that are not over.
    """
    everybody = list(members)
    room = under_way_max - sum(opened and not member.over for _, member, opened in everybody)
    if room <= 0:
        return []
    able = [(name, member) for name, member, opened in everybody if member.runs and not opened]
    able.sort(key=lambda one: (one[1].place is not Place.CAUGHT_UP, one[0]))
    return [name for name, _ in able[:room]]


def counts_of(members: Iterable[Member]) -> WaveCounts:
    """Return the number of tasks in each state."""
    places = Counter(member.place for member in members)
    return WaveCounts(
        total=places.total(),
        waiting=places[Place.WAITING],
        caught_up=places[Place.CAUGHT_UP],
        stopping=places[Place.STOPPING],
        stopped=places[Place.STOPPED],
        trouble=places[Place.TROUBLE],
    )


def may_have_turned(wave: Wave, shown: Status) -> bool:
    """Tell whether people may have let a wave hold and go while no operator looked.

    That changes its spec twice. Two other changes look the same; then its tasks are opened anew
    without need, and have to catch up once more.
    """
    return wave.goes and 0 < shown.generation <= wave.generation - TURN_GENERATIONS


TURN_GENERATIONS: Final = 2
"""Changes of the spec from Go to Hold and back."""


class State(Enum):
    """The state of a wave; the value is the reason that users see."""

    HOLDING = "Holding"
    WAITING_FOR_TIME = "WaitingForTime"
    GOING = "Going"
    PAUSED = "PausedByFailures"
    WINDOW_MISSED = "WindowMissed"
    COMPLETE = "Complete"


_STANDINGS: Final = {
    State.HOLDING: ("True", Standing.DONE),
    State.WAITING_FOR_TIME: ("True", Standing.DONE),
    State.GOING: ("False", Standing.RECONCILING),
    State.PAUSED: ("False", Standing.STALLED),
    State.WINDOW_MISSED: ("False", Standing.STALLED),
    State.COMPLETE: ("True", Standing.DONE),
}


def state_of(wave: Wave, counts: WaveCounts, now: Instant, *, paused: bool) -> State:
    """Return the state of a wave; the checks are in order of precedence."""
    if counts.total and counts.stopped == counts.total:
        return State.COMPLETE
    if not wave.goes:
        return State.HOLDING
    if wave.window.is_over(now.wall):
        return State.WINDOW_MISSED
    if wave.window.is_early(now.wall):
        return State.WAITING_FOR_TIME
    return State.PAUSED if paused else State.GOING


def needs_person(members: Iterable[Member]) -> bool:
    """Tell whether all tasks that are not stopped wait for a person."""
    left = [member for member in members if member.place is not Place.STOPPED]
    return bool(left) and all(member.stalled for member in left)


def describe_wave(
    wave: Wave,
    shown: Status,
    counts: WaveCounts,
    state: State,
    now: Instant,
    *,
    stuck: bool = False,
) -> Status:
    """Return the status of a wave.

    Args:
        wave: What people want of it.
        shown: What it says.
        counts: Of its tasks.
        state: Where it is.
        now: The moment.
        stuck: All tasks that are not stopped wait for a person.
    """
    ready, standing = _STANDINGS[state]
    if state is State.GOING and stuck:
        standing = Standing.STALLED
    message = _message(wave, counts, state)
    moment = rfc3339(now.wall)
    before = shown.wave or WaveRecord()
    went = state in {State.GOING, State.PAUSED, State.COMPLETE} and wave.goes
    wanted = (
        condition(READY, ready, state.value, message),
        *standing_condition(standing, state.value, message),
    )
    return Status(
        generation=wave.generation,
        conditions=dated(wanted, shown.conditions, wave.generation, moment),
        wave=WaveRecord(
            tasks=counts,
            opened_at=before.opened_at or (moment if went else ""),
            completed_at=(before.completed_at or moment) if state is State.COMPLETE else "",
        ),
    )


def _message(wave: Wave, counts: WaveCounts, state: State) -> str:
    trouble = f" {_need(counts.trouble)}" if counts.trouble else ""
    match state:
        case State.COMPLETE:
            return f"All {counts.total} tasks are stopped."
        case State.HOLDING:
            return (
                f"Nothing is requested until spec.state is Go; {counts.caught_up} of "
                f"{counts.total} tasks have caught up.{trouble}"
            )
        case State.WAITING_FOR_TIME:
            return f"The window begins at {rfc3339(wave.window.not_before)}.{trouble}"
        case State.WINDOW_MISSED:
            left = counts.total - counts.stopped - counts.stopping
            return (
                f"The window ended at {rfc3339(wave.window.not_after)}; {left} of {counts.total} "
                "tasks were not stopped. Set a later window to go on."
            )
        case State.PAUSED:
            return (
                "Failures have paused the wave: it admits no more tasks. Look at those in trouble, "
                f"then set spec.state to Hold and back to Go.{trouble}"
            )
        case _:
            if not counts.total:
                return "No task names this wave yet (spec.cutover.waveRef)."
            return f"{counts.stopped} of {counts.total} tasks are stopped.{trouble}"


def _need(count: int) -> str:
    return "One task needs a person." if count == 1 else f"{count} tasks need a person."
