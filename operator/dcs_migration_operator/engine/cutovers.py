"""Opens and samples conditional wishes, counts them, and reports on them.

The wave of a task opens its cutover (`waves.py`); without a wave it is opened here once its window
has begun. Deadlines are kept in the status and restored from it after a restart; streaks of samples
are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cases import CASES, Case
from dcs_migration_operator.core.conditions import CAUGHT_UP, READY
from dcs_migration_operator.core.cutover import Opening, Sampling, Sight, bar_of
from dcs_migration_operator.core.lag_status import in_numbers
from dcs_migration_operator.core.model import Outcome
from dcs_migration_operator.core.phases import PhaseClass, class_of
from dcs_migration_operator.core.status import parse_time
from dcs_migration_operator.core.waves import Place, member_of

if TYPE_CHECKING:
    from dcs_migration_operator.core.cutover import Conditional
    from dcs_migration_operator.core.decide import Decision, Situation
    from dcs_migration_operator.core.model import Instant
    from dcs_migration_operator.engine.ports import EventRecorder, Probe
    from dcs_migration_operator.engine.store import Entry, Store

OPENED: Final = "CutoverOpened"
OPENED_TEXT: Final = "Waiting for the target to catch up; then the stop is requested."
FULL_SYNC_AGAIN: Final = "FullSyncAgain"
FULL_SYNC_TEXT: Final = (
    "DCS copies everything once more: the synchronization broke, and has begun again. The target "
    "has not caught up before that is over."
)
STOPPED_WITH_LAG: Final = "StoppedWithLag"

PAUSED: Final = "paused"
"""The state of a task that would be admitted if failures had not paused its wave."""

STATES: Final = (*(place.name.lower() for place in Place), PAUSED)
"""All values of `count_states`."""


def count_states(store: Store) -> dict[str, int]:
    """Return the number of tasks with a conditional wish in each state."""
    counts = dict.fromkeys(STATES, 0)
    for entry in store:
        if entry.task.cutover:
            wave = store.wave(entry.wave) if entry.wave else None
            place = entry.member.place
            stuck = wave and wave.paused and entry.opening is None
            waits = place in {Place.WAITING, Place.CAUGHT_UP}
            counts[PAUSED if stuck and waits else place.name.lower()] += 1
    return counts


class Cutovers:
    """Handles the conditional wishes of task resources.

    Args:
        store: Holds all facts.
        recorder: Receives events, for what a status cannot say.
    """

    def __init__(self, store: Store, recorder: EventRecorder, probe: Probe) -> None:
        self._store, self._recorder, self._probe = store, recorder, probe

    def recall(self, entry: Entry, now: Instant) -> None:
        """Restore the opening from a status that was written before a restart."""
        task, shown = entry.task, entry.shadow.shown
        if task.cutover is None:
            return
        entry.committed = entry.recalled.outcome is Outcome.ACCEPTED
        opened = parse_time(shown.opening.opened_at) if shown.opening else None
        wish = self._store.conditional(entry)
        if opened is None or wish is None or shown.generation != task.generation:
            return
        wave = self._store.wave(entry.wave) if entry.wave else None
        if wave and wave.has_turned():
            return
        if bar_of(wish, now.wall) is None:
            age_s = max((now.wall - opened).total_seconds(), 0.0)
            entry.opening = Opening(now.mono - age_s, opened)
            ready = shown.condition(READY)
            entry.expired = ready is not None and ready.reason == CASES[Case.TIMED_OUT].reason

    def open(self, entry: Entry, now: Instant) -> None:
        """Open a cutover without a wave once its window has begun and its task runs."""
        cutover, cloud = entry.task.cutover, entry.cloud
        if cutover is None or cutover.wave or entry.opening or cloud is None:
            return
        wish = self._store.conditional(entry)
        runs = cloud.observed and class_of(cloud.observed.word) is PhaseClass.ACTIVE
        free = not self._store.is_suspended(entry.task)
        if wish and runs and free and not wish.committed and bar_of(wish, now.wall) is None:
            entry.open(now)
            self._recorder.tell(entry.task.ref, OPENED, OPENED_TEXT)

    def begin_again(self, entry: Entry) -> None:
        """Handle a task that was started again: its known lag belongs to an earlier run."""
        entry.opening, entry.expired, entry.committed = None, False, False
        if entry.cloud:
            entry.cloud.forget_lag()

    def sample(self, entry: Entry, sampling: Sampling) -> None:
        """Sample the lag of a task as often as the most urgent of its resources needs."""
        cloud, channel = entry.cloud, entry.channel
        if cloud is None or channel is None:
            return
        if sampling is Sampling.NEVER and not cloud.samplings:
            return
        if cloud.sampling is Sampling.NEVER and sampling is not Sampling.NEVER:
            cloud.forget_lag()  # old samples form no streak with new ones
        cloud.samplings = cloud.samplings or {}
        cloud.samplings[entry.task.ref.uid] = sampling
        channel.sampler.watch(cloud.key, cloud.task_id, cloud.sampling)

    def note(self, entry: Entry, situation: Situation, decision: Decision) -> None:
        """Update the wave of a task, and report a change of its lag to people."""
        wish = situation.wish
        if wish is None:
            return
        entry.expired = entry.expired or decision.case is Case.TIMED_OUT
        before, entry.member = entry.member, member_of(situation, decision)
        if before != entry.member and entry.wave:
            self._store.check_wave(entry.wave)
        if entry.member.place is Place.CAUGHT_UP and before.place is Place.WAITING:
            self._recorder.tell(entry.task.ref, CAUGHT_UP, f"Caught up: {in_numbers(wish)}.")
        if entry.left_anyway:
            entry.left_anyway = False
            self._tell_lag(entry)
        self._note_phase(entry, wish)

    def ended(self, situation: Situation, now: Instant) -> None:
        """Count a completed conditional stop."""
        wish = situation.wish
        if wish and wish.committed:
            seconds = now.mono - wish.opening.mono if wish.opening else None
            self._probe.cut_over(seconds, wish.lag_at_order)

    def _tell_lag(self, entry: Entry) -> None:
        """Report a stop that was requested although the target had not caught up."""
        lag = entry.lag_at_order
        told = "with an unknown lag" if lag is None else f"with a lag of {lag}"
        self._recorder.warn(
            entry.task.ref,
            STOPPED_WITH_LAG,
            f"The time was up, and the stop was requested {told} (onTimeout: StopAnyway).",
        )

    def _note_phase(self, entry: Entry, wish: Conditional) -> None:
        sight = wish.streak.sight
        if sight is Sight.FULL_PHASE and entry.was_incremental:
            self._recorder.warn(entry.task.ref, FULL_SYNC_AGAIN, FULL_SYNC_TEXT)
        if sight in {Sight.WITHIN, Sight.LAGGING, Sight.FULL_PHASE}:
            entry.was_incremental = sight is not Sight.FULL_PHASE
