"""Reconciles waves: counts their tasks, admits as many as permitted, and pauses after failures.

A wave makes no call of its own: it opens the cutover of a task, and the task does the rest. Whether
the wave permits a request is checked right before it is sent (`Store.may_stop`), so that nothing
depends on how soon the wave is reconciled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcs_migration_operator.core.conditions import READY
from dcs_migration_operator.core.decide import WALL_S_MAX
from dcs_migration_operator.core.waves import (
    FAILURES,
    WRITE_S,
    State,
    counts_of,
    describe_wave,
    needs_person,
    state_of,
    to_admit,
)
from dcs_migration_operator.engine.cutovers import OPENED, OPENED_TEXT

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import Instant, Wave, WaveRef
    from dcs_migration_operator.core.status import WaveCounts
    from dcs_migration_operator.engine.ports import Clock, EventRecorder, StatusSink
    from dcs_migration_operator.engine.store import Entry, Store, WaveEntry


class Waves:
    """Reconciles wave resources.

    Args:
        store: Holds all facts.
        sink: Receives the statuses.
        recorder: Receives events, for what a status cannot say.
    """

    def __init__(
        self, store: Store, *, sink: StatusSink, recorder: EventRecorder, clock: Clock
    ) -> None:
        self._store, self._sink, self._recorder = store, sink, recorder
        self._clock = clock

    def reconcile(self, ref: WaveRef) -> float | None:
        """Reconcile one wave.

        Returns:
            The next monotonic time in seconds at which to reconcile even without an event, or None.
        """
        entry = self._store.wave(ref)
        if entry is None:
            return None
        if entry.wave is None:
            if not entry.members:
                self._store.forget_wave(ref)
            return None
        now = self._clock()
        wave = entry.wave
        entry.has_turned()  # before its status says anything of today
        self._begin(entry)
        counts = counts_of(one.member for one in entry.members.values())
        state = state_of(wave, counts, now, paused=entry.paused)
        if state is State.GOING and self._pauses(entry, wave):
            state = State.PAUSED
        if state is State.GOING:
            self._admit(entry, wave, now)
        change = wave.window.next_at(now.wall)
        moments = [self._show(entry, wave, counts, state, now)]
        if change:
            moments.append(now.mono + min((change - now.wall).total_seconds(), WALL_S_MAX))
        return min((moment for moment in moments if moment is not None), default=None)

    def _begin(self, entry: WaveEntry) -> None:
        """Restore the state of a wave from its status, once after a start of the process.

        A wave that was going in spite of failures continues in spite of them.
        """
        if entry.begun or not (entry.wave and entry.wave.goes):
            return
        entry.begun = True
        ready = entry.shadow.shown.condition(READY)
        if ready is None or ready.reason not in {State.GOING.value, State.PAUSED.value}:
            return
        # Two other changes of the spec look like Hold and Go, and only those release the pause.
        entry.paused = ready.reason == State.PAUSED.value
        if not entry.paused:
            entry.forgiven |= {uid for uid, one in entry.members.items() if _says_failed(one)}

    def _pauses(self, entry: WaveEntry, wave: Wave) -> bool:
        """Tell whether failures pause the wave; it stays paused until a person sets it to Hold."""
        failed = sum(
            one.member.failed for uid, one in entry.members.items() if uid not in entry.forgiven
        )
        entry.paused = 0 < wave.failures_max <= failed
        if entry.paused:
            for uid in entry.members:
                self._store.check_task(uid)
        return entry.paused

    def _admit(self, entry: WaveEntry, wave: Wave, now: Instant) -> None:
        """Open as many cutovers as there is room for, those that have caught up first."""
        by_name = {one.task.ref.name: one for one in entry.members.values()}
        members = [(name, one.member, one.opening is not None) for name, one in by_name.items()]
        for name in to_admit(members, wave.under_way_max):
            one = by_name[name]
            one.open(now)
            self._recorder.tell(one.task.ref, OPENED, OPENED_TEXT)
            self._store.check_task(one.task.ref.uid)

    def _show(
        self, entry: WaveEntry, wave: Wave, counts: WaveCounts, state: State, now: Instant
    ) -> float | None:
        """Write what the wave should say, if it says something else; return when, if later."""
        stuck = needs_person(one.member for one in entry.members.values())
        status = describe_wave(wave, entry.shadow.shown, counts, state, now, stuck=stuck)
        if not entry.shadow.wants(status):
            return None
        # There is no other limit: counts change all the time, and people wait for this status.
        write_at = entry.wrote_at + WRITE_S
        if write_at > now.mono:
            return write_at
        entry.wrote_at = now.mono
        entry.shadow.hand_on(status, now.mono)
        self._sink.want(wave.object, status)
        return None


def _says_failed(one: Entry) -> bool:
    ready = one.shadow.shown.condition(READY)
    return ready is not None and ready.reason in FAILURES
