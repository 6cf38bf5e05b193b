"""What one process had heard when an order left, and what of it forbids the order.

An order for a task needs one resource that justifies it by itself. That is told from what the watch
had brought to this process and from the answers to its own samples, never from what the engine made
of them. A `Claim` is one such resource with the rules that speak against it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cutover import terms_of
from dcs_migration_operator.core.model import Task, Wave, WaveRef
from dcs_migration_operator.core.phases import PhaseClass, class_of
from dcs_migration_operator.core.status import parse_time
from simulation.notes import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from dcs_migration_operator.core.cloud import Stats
    from dcs_migration_operator.core.cutover import Cutover, Terms, Window
    from dcs_migration_operator.core.model import Project
    from dcs_migration_operator.core.status import Status
    from simulation.notes import At, Notes

SAMPLES_MIN: Final = 2
SAMPLE_AGE_S: Final = 10.0
"""What the contract says of caught up: two samples, the last so old at most."""

CLOCK_S: Final = 0.01
"""What a timer may be early by."""

AFTERGLOW_S: Final = 5.0
"""A request whose halves are still being sent counts as under way for so long after an answer."""

INCREMENTAL: Final = frozenset({"INCRMIGEATING", "INCRMIGRATING"})
FULL_PERCENT: Final = 100
LAG_MAX: Final = 2**63


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample that was answered or failed; `said` is None if nobody can know from it.

    Attributes:
        word: What DCS had last said of the phase.
    """

    asked_at: float
    said: Stats | None
    word: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One resource that names the task of an order.

    Attributes:
        broken: The rules that forbid an order for its sake.
        first_at: When the first of the samples was asked for that justify it; None where it is not
            samples that do.
        exact: It tolerates no lag.
    """

    uid: str
    broken: frozenset[Rule]
    first_at: float | None = None
    exact: bool = False


class Knowledge:
    """What one process has heard and asked so far.

    Args:
        notes: For what is known of orders of others.
        mono: The virtual second.
        wall: The wall clock of this process.
    """

    def __init__(
        self, notes: Notes, mono: Callable[[], float], wall: Callable[[], datetime]
    ) -> None:
        self._notes, self._mono, self._wall = notes, mono, wall
        self._tasks: dict[str, Task] = {}
        self._keys: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._projects: dict[str, Project] = {}
        self._versions: dict[str, int] = {}
        self._waves: dict[WaveRef, Wave] = {}
        self._has_gone: set[WaveRef] = set()
        self._may_open_at: dict[str, float] = {}
        self._deadlines: dict[str, datetime] = {}
        self._left_at: dict[str, float] = {}
        self._busy: dict[str, float] = {}
        self._opened: defaultdict[WaveRef, dict[str, float]] = defaultdict(dict)
        self._conditional: set[str] = set()
        self.samples: defaultdict[At, list[Sample]] = defaultdict(list)
        self.seen: dict[At, tuple[float, str]] = {}
        """What DCS last said of a task, and when it was asked."""
        self.ends_alone: set[At] = set()
        """Tasks of which DCS has said that they have no incremental phase."""

    def hear_task(self, task: Task, status: Status, version: int) -> None:
        """Take in a task resource."""
        if self._is_old(task.ref.uid, version):
            return
        uid, before = task.ref.uid, self._tasks.get(task.ref.uid)
        if before is None and task.cutover and status.generation == task.generation:
            until = parse_time(status.opening.times_out_at) if status.opening else None
            if until:
                self._deadlines[uid] = until
        if before is None or before.cutover != task.cutover:
            self._reopen(uid)
        self._tasks[uid] = task
        self._keys[task.key][uid] = None
        if task.cutover:
            self._conditional.add(task.key)

    def hear_project(self, uid: str, project: Project, version: int) -> None:
        """Take in a project resource."""
        if self._is_old(uid, version):
            return
        known = self._projects.get(uid)
        self._projects[uid] = project
        if known and known.suspended and not project.suspended:
            for one in self._tasks.values():
                if one.project == project.ref:
                    self._reopen(one.ref.uid)

    def hear_wave(self, wave: Wave, version: int) -> None:
        """Take in a wave resource."""
        if self._is_old(wave.object.uid, version):
            return
        before = self._waves.get(wave.ref)
        self._waves[wave.ref] = wave
        if wave.goes:
            self._has_gone.add(wave.ref)
        if before != wave and not (before and before.goes and wave.goes):
            self._turn(wave.ref)

    def hear_end(self, uid: str) -> None:
        """Take in that a resource is gone."""
        task = self._tasks.pop(uid, None)
        if task:
            del self._keys[task.key][uid]
        self._projects.pop(uid, None)
        for ref in [ref for ref, one in self._waves.items() if one.object.uid == uid]:
            del self._waves[ref]
            self._turn(ref)

    def knows_cutover(self, key: str) -> bool:
        """Tell whether any resource ever wished this task stopped on a condition."""
        return key in self._conditional

    def claims(self, site: str, key: str) -> list[Claim]:
        """Return the resources that might justify an order for a task now."""
        leading = {p.ref: p for p in self._projects.values() if p.project_id == site}
        tasks = (self._tasks[uid] for uid in self._keys[key])
        return [
            self._claim((site, key), task, suspended=leading[task.project].suspended)
            for task in tasks
            if task.wishes_stop and task.project in leading
        ]

    def word(self, at: At) -> str:
        """Return what DCS last said of the phase of a task."""
        return self.seen.get(at, (0.0, ""))[1]

    def copied_anew(self, at: At) -> list[Task]:
        """Return the conditional wishes for a task that DCS begins to copy once more.

        Two samples in a row were of its incremental phase, and the newest is of a full one.
        """
        before, newest = self.samples[at][-3:-1], self.samples[at][-1]
        if len(before) < SAMPLES_MIN or not all(map(is_incremental, before)):
            return []
        if newest.said is None or not newest.said.is_migrating or not is_full(newest.said):
            return []
        tasks = (self._tasks[uid] for uid in self._keys[at[1]])
        return [
            one
            for one in tasks
            if one.cutover
            and not one.stopped
            and self._may_open_at[one.ref.uid] < before[0].asked_at
        ]

    def is_unchanged(self, task: Task) -> bool:
        """Tell whether a resource is as it was."""
        return self._tasks.get(task.ref.uid) is task

    def leave(self, site: str, key: str) -> None:
        """Take in that an order for a task leaves: it is committed for whom it is justified."""
        for claim in self.claims(site, key):
            if not claim.broken:
                self._left_at[claim.uid] = self._mono()
        self._busy[key] = float("inf")

    def answered(self, key: str) -> None:
        """Take in that a call with an order for a task has ended."""
        self._busy[key] = self._mono() + AFTERGLOW_S

    def opened(self, uid: str) -> str:
        """Take in that a cutover was opened; return what is wrong with that, if anything is."""
        task = self._tasks.get(uid)
        cutover = task.cutover if task else None
        if task is None or cutover is None or not cutover.wave:
            return ""
        ref = WaveRef(task.ref.namespace, cutover.wave)
        wave = self._waves.get(ref)
        if wave is None or not wave.goes:
            return f"{uid} was admitted by a wave that does not go"
        mine = self._opened[ref]
        for other in [other for other, at in mine.items() if not self._is_under_way(other, at)]:
            del mine[other]
        mine[uid] = self._mono()
        if len(mine) > wave.under_way_max:
            return f"{len(mine)} of {cutover.wave} under way, not {wave.under_way_max}: {mine}"
        return ""

    def _is_under_way(self, uid: str, opened_at: float) -> bool:
        """Tell whether an admitted task still counts: not accepted, ended, or out of time."""
        task = self._tasks.get(uid)
        if task is None or task.cutover is None or task.stopped:
            return False
        if self._may_open_at[uid] > opened_at:
            return False
        terms, window = self._terms(task.cutover, task.ref.namespace)
        if self._mono() >= opened_at + terms.timeout_s or window.is_over(self._wall()):
            return False
        for site in {p.project_id for p in self._projects.values() if p.ref == task.project}:
            _, word = self.seen.get((site, task.key), (0.0, ""))
            accepted_at = self._notes.accepted_at.get((site, task.key), float("-inf"))
            over = class_of(word) is not PhaseClass.ACTIVE or (site, task.key) in self.ends_alone
            if over or accepted_at >= opened_at:
                return False
        return True

    def _claim(self, at: At, task: Task, *, suspended: bool) -> Claim:
        uid, cutover = task.ref.uid, task.cutover
        broken = {Rule.SUSPENDED} if suspended else set()
        if task.stopped or cutover is None:
            return Claim(uid, frozenset(broken))
        terms, window = self._terms(cutover, task.ref.namespace)
        broken |= set(self._barred(cutover, window, task.ref.namespace))
        if self._is_committed(at, uid):
            return Claim(uid, frozenset(broken))
        found, first_at = self._judge(at, terms)
        if found and self._may_leave_anyway(at, uid, terms):
            return Claim(uid, frozenset(broken))
        return Claim(uid, frozenset(broken | found), first_at, exact=terms.max_lag == 0)

    def _terms(self, cutover: Cutover, namespace: str) -> tuple[Terms, Window]:
        wave = self._waves.get(WaveRef(namespace, cutover.wave))
        if not cutover.wave or wave is None:
            return terms_of(cutover.said), cutover.window
        return terms_of(cutover.said, wave.said), wave.window

    def _barred(self, cutover: Cutover, window: Window, namespace: str) -> Iterator[Rule]:
        wall = self._wall()
        if window.is_early(wall) or window.is_over(wall):
            yield Rule.WINDOW
        ref = WaveRef(namespace, cutover.wave)
        wave = self._waves.get(ref)
        if cutover.wave and (wave is None or not wave.goes):
            yield Rule.HOLD if ref in self._has_gone else Rule.WAVE

    def _is_committed(self, at: At, uid: str) -> bool:
        """Tell whether an order has left for this wish, so that later lag changes nothing."""
        reopened_at = self._may_open_at[uid]
        left_at = self._left_at.get(uid, float("-inf"))
        busy = left_at > float("-inf") and self._busy.get(at[1], 0.0) >= reopened_at
        accepted_at = self._notes.accepted_at.get(at, float("-inf"))
        return left_at >= reopened_at or busy or accepted_at > self._notes.over_at.get(at, -1.0)

    def _judge(self, at: At, terms: Terms) -> tuple[set[Rule], float | None]:
        """Return what the samples break, and when the first of those in a row was asked for."""
        streak: list[Sample] = []
        for sample in sorted(self.samples[at], key=lambda one: one.asked_at, reverse=True):
            if not is_within(sample.said, terms.max_lag):
                break
            streak.append(sample)
        if not streak:
            return {Rule.SAMPLES}, None
        broken = set()
        last_at, first_at = streak[0].asked_at, streak[-1].asked_at
        if len(streak) < SAMPLES_MIN or last_at - first_at < terms.stable_for_s - CLOCK_S:
            broken.add(Rule.SAMPLES)
        if self._mono() - last_at > SAMPLE_AGE_S + CLOCK_S:
            broken.add(Rule.AGE)
        if self.seen.get(at, (0.0, ""))[1] not in INCREMENTAL:
            broken.add(Rule.PHASE)
        return broken, first_at

    def _may_leave_anyway(self, at: At, uid: str, terms: Terms) -> bool:
        """Tell whether the time is up after which the lag does not matter, and was looked up."""
        up_at = self._may_open_at[uid] + terms.timeout_s - CLOCK_S
        until = self._deadlines.get(uid)
        if until is not None and until <= self._wall():  # an earlier process wrote it down
            up_at = min(up_at, self._mono() - (self._wall() - until).total_seconds())
        asked_at = max((one.asked_at for one in self.samples[at]), default=float("-inf"))
        fresh = asked_at >= min(self._mono() - SAMPLE_AGE_S - CLOCK_S, up_at)
        return terms.stop_anyway and self._mono() >= up_at and fresh

    def _is_old(self, uid: str, version: int) -> bool:
        """Tell whether a newer version was heard already: a watch may tell of two at once."""
        newest = max(self._versions.get(uid, 0), version)
        old, self._versions[uid] = newest > version, newest
        return old

    def _turn(self, ref: WaveRef) -> None:
        for one in self._tasks.values():
            if one.cutover and WaveRef(one.ref.namespace, one.cutover.wave) == ref:
                self._reopen(one.ref.uid)

    def _reopen(self, uid: str) -> None:
        self._may_open_at[uid] = self._mono()


def is_incremental(sample: Sample) -> bool:
    """Tell whether a sample is of a target that follows its source, however far behind."""
    return sample.word in INCREMENTAL and is_within(sample.said, LAG_MAX)


def is_full(said: Stats) -> bool:
    """Tell whether an answer is of a full phase."""
    return said.full_progress is not None and said.full_progress < FULL_PERCENT


def is_within(said: Stats | None, max_lag: int) -> bool:
    """Tell whether an answer says that a target is within its limit."""
    return (
        said is not None
        and said.is_migrating is True
        and said.full_progress is not None
        and said.full_progress >= FULL_PERCENT
        and said.offset is not None
        and said.offset <= max_lag
    )


def blame(claims: Iterable[Claim]) -> frozenset[Rule]:
    """Return the rules that an order breaks: those of the claim that comes nearest to justifying.

    None are broken if one claim justifies it; without any claim nobody wished for it.
    """
    return min((one.broken for one in claims), key=len, default=frozenset({Rule.WISH}))
