"""The stateful model: all migrations of one project, and how time moves them.

Pure: no I/O, no asyncio, no logging; the clock is a parameter. Future events are in a `Schedule`;
every public call first applies what is due, so nothing runs in the background and a fake clock
makes years pass at once. `orders.py` owns the effect of orders, `others.py` that of other people's
acts, `lag.py` the lags of targets, `listing.py` the output of lists.
"""

import fnmatch
import itertools
import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from sandbox.dcs import lag, records
from sandbox.dcs.errors import BAD_TASK_ID, TASK_NOT_FOUND, Refusal
from sandbox.dcs.listing import Listing, row
from sandbox.dcs.losses import Losses
from sandbox.dcs.migration import (
    ENDED_WORDS,
    FULL_WORD,
    RELEASED,
    TERMINATING,
    Loss,
    Migration,
    MigrationSpec,
    Phase,
    is_task_id,
    key_of,
)
from sandbox.dcs.names import name_of
from sandbox.dcs.schedule import Act, Schedule
from sandbox.dcs.switches import Switches

STOP_S: Final = 3.0
"""TERMINATING to TERMINATED by default: short enough for a demo, longer than one poll."""
DELETED_MAX: Final = 10_000
"""The most deleted migrations remembered, for lists that show the past."""
ROW_FIELDS: Final = frozenset(
    {
        "error_message",
        "method",
        "migration_type",
        "name",
        "name_form",
        "resume_mode",
        "says",
        "silent",
    }
)
"""Fields of a spec that appear in its row of the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long things take, in seconds."""

    lag_s: float = 0.0
    """Accepted stop to the word TERMINATING."""
    stop_s: float = STOP_S
    """TERMINATING to TERMINATED."""
    release_after_s: float | None = None
    """Ended to RELEASED; None: never."""


class Fleet:
    """All migrations of one project.

    Args:
        clock: Seconds, Unix time unless a test says otherwise.
        switches: The answers to the open questions; may be replaced at any time.
        timing: The timing of migrations whose spec does not set it; may be replaced at any time and
            applies to the orders that follow.
        seed: For the random fluctuation of busy sources.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        switches: Switches | None = None,
        timing: Timing | None = None,
        seed: int = 0,
    ) -> None:
        self.clock = clock
        self.switches = switches or Switches()
        self.timing = timing or Timing()
        self.losses = Losses()
        """The losses caused by the stops of this fleet."""
        self._seed = seed
        self._by_key: dict[str, Migration] = {}
        self._deleted: deque[Migration] = deque(maxlen=DELETED_MAX)
        self._schedule = Schedule()
        self._listing = Listing()

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Migration]:
        self.advance()
        return iter(self._by_key.values())

    def __getitem__(self, task_id: str) -> Migration:
        """Return the migration, known to DCS or not; raises `KeyError`."""
        self.advance()
        return self._by_key[key_of(task_id)]

    def add(self, *specs: MigrationSpec) -> None:
        """Create migrations now; raises `ValueError`, and creates none, if an id exists."""
        now_s = self.advance()
        taken = set(self._by_key)
        for spec in specs:
            if key_of(spec.task_id) in taken:
                raise ValueError(f"the migration exists: {spec.task_id}")
            taken.add(key_of(spec.task_id))
        for spec in specs:
            migration = Migration(spec, now_s, refusals_left=spec.refuse_times)
            migration.ignores_left = spec.ignore_stops
            migration.restarts_left = spec.restart_times
            migration.sync.seed = lag.seed_of(self._seed, key_of(spec.task_id))
            migration.sync.writing = spec.writers
            self._by_key[key_of(spec.task_id)] = migration
            self.set_word(migration, spec.word, now_s, spec.full_s)
            if migration.sync.phase is Phase.INCREMENTAL:
                migration.sync.behind_bytes = float(spec.lag_bytes)
            for after_s, word in spec.script:
                act = partial(self._turn, migration, word)
                self._schedule.plan(now_s + after_s, act, migration, whatever_happens=True)
            self.schedule_end(migration, now_s)
            row(migration, spec.word, self.switches)  # encoded now, so that no answer waits for it
        self._listing.forget()

    def alter(self, task_id: str, changes: Mapping[str, Any]) -> Migration:
        """Change fields of the spec at run time; `word`, `writers` and `lag_bytes` act at once.

        Raises `KeyError` for an id that was never added, `ValueError` for a bad field. The id
        and the script cannot change.
        """
        values = records.checked(MigrationSpec, changes)
        if fixed := {"task_id", "script"} & changes.keys():
            raise ValueError(f"cannot be changed: {', '.join(sorted(fixed))}")
        migration = self[task_id]
        now_s = self.clock()
        spec = replace(migration.spec, **values)
        lag.settle(migration, now_s)
        migration.spec = spec
        if ROW_FIELDS & changes.keys():
            migration.rows.clear()
        if {"known", "listed"} & changes.keys():
            self._listing.forget()
        _recount(migration, changes.keys())
        self._replan(migration, changes.keys(), now_s)
        return migration

    def write(self, *, on: bool, chosen: Collection[Migration]) -> None:
        """Switch the writers of some sources on or off."""
        now_s = self.advance()
        for migration in chosen:
            lag.settle(migration, now_s)
            migration.sync.writing = on

    def choose(self, name: str = "*", task_ids: Collection[str] = ()) -> list[Migration]:
        """Return the migrations with these ids, or all whose name fits a pattern.

        Args:
            name: With `*`, `?` and `[...]`, as in a shell; upper and lower case differ.
            task_ids: If any, the pattern is for these alone; raises `KeyError` for one that was
                never added.
        """
        self.advance()
        among = [self._by_key[key_of(one)] for one in task_ids]
        return _fitting(name, among if task_ids else self._by_key.values())

    def present(self, name: str = "*", task_ids: Collection[str] = ()) -> list[Migration]:
        """Return the same as `choose`, but only existing migrations, in their current state."""
        keys = [key_of(one) for one in task_ids]
        among = [self._by_key[key] for key in keys if key in self._by_key]
        return _fitting(name, among if keys else self._by_key.values())

    def delete(self, migration: Migration, at_s: float | None = None) -> None:
        """Remove it, as if it had been deleted in the cloud; now, unless a time is given."""
        migration.deleted_at_s = self.clock() if at_s is None else at_s
        migration.generation += 1
        self._deleted.append(self._by_key.pop(key_of(migration.spec.task_id)))
        self._listing.forget()

    def clear(self) -> None:
        """Forget every migration, including deleted ones, and the losses of their stops."""
        self._by_key.clear()
        self._deleted.clear()
        self._schedule.clear()
        self._listing.forget()
        self.losses.clear()

    def known(self, task_id: str) -> Migration:
        """Return what DCS knows by this id; raises `Refusal` DCS.4070 or DCS.4133."""
        if not is_task_id(task_id):
            raise Refusal(BAD_TASK_ID)
        migration = self._by_key.get(key_of(task_id))
        if migration is None or not migration.spec.known:
            raise Refusal(TASK_NOT_FOUND)
        return migration

    def words(self) -> Counter[str]:
        """Count the migrations by their status."""
        return Counter(migration.word for migration in self)

    def advance(self) -> float:
        """Apply every change that is due; returns the time."""
        now_s = self.clock()
        self._schedule.run(now_s)
        return now_s

    def plan(self, at_s: float, act: Act) -> None:
        """Plan an act for the whole fleet; it is called with its planned time."""
        self._schedule.plan(at_s, act)

    def set_word(
        self, migration: Migration, word: str, at_s: float, full_s: float | None = lag.FULL_S
    ) -> None:
        """Set the status of a migration, and update everything that depends on it.

        An ended status cancels what was scheduled (a stop in progress, an end by itself), and
        TERMINATING cancels the end by itself: whichever comes first wins the race.

        Args:
            migration: The migration.
            word: Any string.
            at_s: The time of the change.
            full_s: How long the full sync takes if one begins now; None: it never ends.
        """
        migration.word = word
        migration.remember(at_s, word)
        before = migration.sync.phase
        lag.enter(migration, at_s, full_s)
        if word == RELEASED:
            migration.released_at_s = at_s
        if word in ENDED_WORDS:
            self.cancel(migration)
            if migration.ended_at_s is None:
                migration.ended_at_s = at_s
                migration.told_at_s = None
                self._after_end(migration, at_s)
        else:
            migration.ended_at_s = migration.released_at_s = None
            if word == TERMINATING:
                migration.stopping = True
            else:
                migration.active_word = word
                if migration.sync.phase is not before:
                    self._after_begin(migration)

    def cancel(self, migration: Migration) -> None:
        """Cancel everything scheduled for it, except its script."""
        migration.generation += 1
        migration.stopping = False

    def schedule_stop(self, migration: Migration, now_s: float, by: str = "order") -> None:
        """Plan the course of an accepted stop: the lag, TERMINATING, the final status.

        A migration that ends by itself within the lag does so: the stop came too late.

        Args:
            migration: The migration.
            now_s: When the stop was accepted.
            by: What stops it: `order` or `others`.
        """
        spec, sync = migration.spec, migration.sync
        begins_s = now_s + (self.timing.lag_s if spec.lag_s is None else spec.lag_s)
        ends_s = begins_s + (self.timing.stop_s if spec.stop_s is None else spec.stop_s)
        self.cancel(migration)
        migration.stopping = True
        if migration.ends_at_s is not None and migration.ends_at_s <= begins_s:
            self._plan_word(migration.ends_at_s, migration, spec.end_word)
        else:
            if sync.full_until_s is not None and sync.full_until_s <= begins_s:
                self._plan_word(sync.full_until_s, migration, spec.incremental_word)
            act = partial(self._terminate, migration, now_s, by)
            self._schedule.plan(begins_s, act, migration)
            self._plan_word(ends_s, migration, spec.stopped_word)

    def schedule_end(self, migration: Migration, now_s: float) -> None:
        """Plan the end that a migration reaches by itself, if its spec defines one."""
        spec = migration.spec
        migration.started_at_s = now_s
        migration.ends_at_s = None if spec.ends_after_s is None else now_s + spec.ends_after_s
        if migration.ends_at_s is not None and not migration.is_ended:
            self._plan_word(migration.ends_at_s, migration, spec.end_word)

    def restart(self, migration: Migration, at_s: float) -> None:
        """Restart an ended migration, with a full sync first if the switch requires it."""
        again = self.switches.restart_sync == "full" and migration.is_incremental
        self.cancel(migration)
        word = FULL_WORD if again else migration.active_word
        self.set_word(migration, word, at_s, self._full_s(migration))
        self.schedule_end(migration, at_s)

    def break_sync(self, migration: Migration, at_s: float) -> bool:
        """Break the connection to its source; False if there is none that could break.

        With `resume_mode` auto a full sync begins again, with manual the migration fails.
        """
        if migration.sync.phase is not Phase.INCREMENTAL or migration.stopping:
            return False
        self.cancel(migration)
        if migration.spec.resume_mode == "manual":
            migration.note(at_s, "ERROR", "The connection to the source Redis was lost.")
            self.set_word(migration, "MIGRATION_FAILED", at_s)
            return True
        text = "The connection to the source Redis was lost; a full synchronization begins."
        migration.note(at_s, "WARN", text)
        self.set_word(migration, FULL_WORD, at_s, self._full_s(migration))
        self._plan_end_again(migration)
        return True

    def page(self, offset: int, limit: int, name: str = "", age_s: float = 0.0) -> bytes:
        """Return the body of one list answer: rows from `offset` on, as of `age_s` ago."""
        now_s = self.advance()
        everything = self._by_key.values()
        if name or age_s:
            past = itertools.chain(everything, self._deleted)
            return self._listing.old_page(past, self.switches, offset, limit, name, now_s - age_s)
        return self._listing.page(everything, self.switches, offset, limit, now_s)

    def _turn(self, migration: Migration, word: str, at_s: float) -> None:
        """Set a status from its script, or one that it reaches by itself."""
        self.set_word(migration, word, at_s, self._full_s(migration))

    def _terminate(self, migration: Migration, accepted_at_s: float, by: str, at_s: float) -> None:
        """End the replication, and record the losses."""
        known = lag.figures(migration, at_s)
        migration.loss = Loss(
            task_id=migration.spec.task_id,
            at_s=at_s,
            accepted_at_s=accepted_at_s,
            by=by,
            phase=known.phase.value,
            writing=migration.sync.writing,
            dead=migration.spec.dead,
            offset=known.offset,
            behind_bytes=known.behind_bytes,
            keys=known.missing_keys,
        )
        self.losses.record(migration.loss)
        self.set_word(migration, TERMINATING, at_s)

    def _after_begin(self, migration: Migration) -> None:
        """Plan what follows the start of a phase: the end of a full sync, or a break."""
        spec, sync = migration.spec, migration.sync
        if not migration.is_incremental:
            return
        if sync.phase is Phase.FULL and sync.full_until_s is not None:
            self._plan_word(sync.full_until_s, migration, spec.incremental_word)
        elif sync.phase is Phase.INCREMENTAL and spec.breaks_after_s is not None:
            act = partial(self.break_sync, migration)
            self._schedule.plan(sync.anchor_s + spec.breaks_after_s, act, migration)

    def _after_end(self, migration: Migration, at_s: float) -> None:
        """Plan what follows an end: the release, and a restart by another person."""
        spec = migration.spec
        own_s = spec.release_after_s
        after_s = self.timing.release_after_s if own_s is None else own_s
        if after_s is not None and migration.word != RELEASED:
            self._plan_word(at_s + after_s, migration, RELEASED)
        if spec.restarts_after_s is not None and migration.restarts_left:
            act = partial(self._start_again, migration)
            self._schedule.plan(at_s + spec.restarts_after_s, act, migration)

    def _start_again(self, migration: Migration, at_s: float) -> None:
        migration.restarts_left -= 1 if migration.restarts_left > 0 else 0
        self.restart(migration, at_s)

    def _plan_end_again(self, migration: Migration) -> None:
        """Plan the end by itself again, after something cancelled it."""
        if migration.ends_at_s is not None:
            self._plan_word(migration.ends_at_s, migration, migration.spec.end_word)

    def _replan(self, migration: Migration, changed: Collection[str], now_s: float) -> None:
        """Plan again what depends on the changed fields."""
        phase = migration.sync.phase
        if "word" in changed:
            self.cancel(migration)
            self.set_word(migration, migration.spec.word, now_s, migration.spec.full_s)
        elif "full_s" in changed and phase is Phase.FULL:
            self._plan_full_again(migration, now_s)
        elif "breaks_after_s" in changed and phase is Phase.INCREMENTAL:
            self._after_begin(migration)
        if "ends_after_s" in changed:
            self.schedule_end(migration, now_s)

    def _plan_full_again(self, migration: Migration, now_s: float) -> None:
        """Plan the end of a full sync again, because its duration has changed."""
        spec, sync = migration.spec, migration.sync
        if not migration.is_incremental or migration.stopping:
            return
        self.cancel(migration)
        self._plan_end_again(migration)
        sync.full_until_s = None
        if spec.full_s is not None:
            sync.full_until_s = max(now_s, sync.full_since_s + spec.full_s)
            self._plan_word(sync.full_until_s, migration, spec.incremental_word)

    def _plan_word(self, at_s: float, migration: Migration, word: str) -> None:
        self._schedule.plan(at_s, partial(self._turn, migration, word), migration)

    def _full_s(self, migration: Migration) -> float:
        full_s = migration.spec.full_s
        return lag.FULL_S if full_s is None else full_s


def _recount(migration: Migration, changed: Collection[str]) -> None:
    """Reset to the initial values of the spec, for the fields that changed."""
    spec, sync = migration.spec, migration.sync
    if {"refuse_times", "refuse_code"} & set(changed):
        migration.refusals_left = spec.refuse_times
    if "ignore_stops" in changed:
        migration.ignores_left = spec.ignore_stops
    if "restart_times" in changed:
        migration.restarts_left = spec.restart_times
    if "writers" in changed:
        sync.writing = spec.writers
    if "lag_bytes" in changed:
        sync.behind_bytes = float(spec.lag_bytes)


def _fitting(name: str, among: Iterable[Migration]) -> list[Migration]:
    if name == "*":
        return list(among)
    fits = re.compile(fnmatch.translate(name)).match
    return [one for one in among if fits(name_of(one))]
