"""The stateful model: all migrations of one project, and how time moves them.

Pure: no I/O, no asyncio, no logging; the clock is handed in. What will happen is a heap of
(time, migration, word); every public call first applies what is due, so nothing runs in the
background and a fake clock makes years pass at once. What an order does to a migration is the
business of `orders.py`, what a list shows that of `listing.py`.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sandbox.dcs import bodies, records
from sandbox.dcs.errors import BAD_TASK_ID, TASK_NOT_FOUND, Refusal
from sandbox.dcs.listing import Listing, find, row
from sandbox.dcs.migration import (
    ENDED_WORDS,
    RELEASED,
    TERMINATING,
    Migration,
    MigrationSpec,
    is_task_id,
    key_of,
)
from sandbox.dcs.switches import Switches

STOP_S: Final = 3.0
"""TERMINATING to TERMINATED by default: short enough for a demo, longer than one look."""
ALWAYS: Final = -1
"""Instead of a generation: the change holds whatever happened to the migration before."""

_Due = tuple[float, int, Migration, int, str]


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
        clock: seconds, Unix time unless a test says otherwise.
        switches: answers to the open questions; may be replaced at any time.
        timing: for migrations whose spec does not say otherwise; may be replaced at any time
            and holds for the orders that follow.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        switches: Switches | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.clock = clock
        self.switches = switches or Switches()
        self.timing = timing or Timing()
        self._by_key: dict[str, Migration] = {}
        self._deleted: list[Migration] = []
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._listing = Listing()

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Migration]:
        self.advance()
        return iter(self._by_key.values())

    def __getitem__(self, task_id: str) -> Migration:
        """The migration, known to DCS or not; raises `KeyError`."""
        self.advance()
        return self._by_key[key_of(task_id)]

    def add(self, *specs: MigrationSpec) -> None:
        """Creates migrations now; raises `ValueError`, and creates none, if an id exists."""
        now_s = self.advance()
        taken = set(self._by_key)
        for spec in specs:
            if key_of(spec.task_id) in taken:
                raise ValueError(f"the migration exists: {spec.task_id}")
            taken.add(key_of(spec.task_id))
        for spec in specs:
            migration = Migration(spec, now_s, refusals_left=spec.refuse_times)
            migration.ignores_left = spec.ignore_stops
            self._by_key[key_of(spec.task_id)] = migration
            self.set_word(migration, spec.word, now_s)
            for after_s, word in spec.script:
                self._at(now_s + after_s, migration, word, generation=ALWAYS)
            self.schedule_end(migration, now_s)
            row(migration, spec.word, self.switches)  # encoded now, so that no answer waits for it
        self._listing.forget()

    def alter(self, task_id: str, changes: Mapping[str, Any]) -> Migration:
        """Changes fields of the spec at run time; `word` takes effect at once.

        Raises `KeyError` for an id that was never added, `ValueError` for a bad field. The id
        and the script cannot change.
        """
        values = records.checked(MigrationSpec, changes)
        if fixed := {"task_id", "script"} & changes.keys():
            raise ValueError(f"cannot be changed: {', '.join(sorted(fixed))}")
        migration = self[task_id]
        migration.spec = replace(migration.spec, **values)
        migration.rows.clear()
        self._listing.forget()
        if "refuse_times" in changes or "refuse_code" in changes:
            migration.refusals_left = migration.spec.refuse_times
        if "ignore_stops" in changes:
            migration.ignores_left = migration.spec.ignore_stops
        if "word" in changes:
            self.cancel(migration)
            self.set_word(migration, changes["word"], self.clock())
        if "ends_after_s" in changes:
            self.schedule_end(migration, self.clock())
        return migration

    def delete(self, migration: Migration) -> None:
        """Takes it away, as if it had been deleted in the cloud."""
        migration.deleted_at_s = self.clock()
        migration.generation += 1
        self._deleted.append(self._by_key.pop(key_of(migration.spec.task_id)))
        self._listing.forget()

    def clear(self) -> None:
        """Forgets every migration, the deleted ones too."""
        self._by_key.clear()
        self._deleted.clear()
        self._due.clear()
        self._listing.forget()

    def known(self, task_id: str) -> Migration:
        """What DCS knows by this id; raises `Refusal` DCS.4070 or DCS.4133."""
        if not is_task_id(task_id):
            raise Refusal(BAD_TASK_ID)
        migration = self._by_key.get(key_of(task_id))
        if migration is None or not migration.spec.known:
            raise Refusal(TASK_NOT_FOUND)
        return migration

    def words(self) -> Counter[str]:
        """How many migrations show which word."""
        return Counter(migration.word for migration in self)

    def advance(self) -> float:
        """Applies every change that is due; returns the time."""
        now_s = self.clock()
        while self._due and self._due[0][0] <= now_s:
            at_s, _, migration, generation, word = heapq.heappop(self._due)
            if migration.deleted_at_s is None and generation in (migration.generation, ALWAYS):
                self.set_word(migration, word, at_s)
        return now_s

    def set_word(self, migration: Migration, word: str, at_s: float) -> None:
        """Gives it a word, and keeps what depends on it in step.

        An ended word cancels what was scheduled (a stop on its way, an end by itself), and so
        does TERMINATING with the end by itself: whichever comes first wins the race.
        """
        migration.word = word
        migration.history.append((at_s, word))
        if word == RELEASED:
            migration.released_at_s = at_s
        if word in ENDED_WORDS:
            self.cancel(migration)
            if migration.ended_at_s is None:
                migration.ended_at_s = at_s
                self._schedule_release(migration, at_s)
        else:
            migration.ended_at_s = migration.released_at_s = None
            if word == TERMINATING:
                migration.stopping = True
            else:
                migration.active_word = word

    def cancel(self, migration: Migration) -> None:
        """Whatever was scheduled for it no longer happens, but for its script."""
        migration.generation += 1
        migration.stopping = False

    def schedule_stop(self, migration: Migration, now_s: float) -> None:
        """The way of an accepted stop: the lag, TERMINATING, the last word.

        A migration that ends by itself within the lag ends so: the stop came too late.
        """
        spec = migration.spec
        begins_s = now_s + (self.timing.lag_s if spec.lag_s is None else spec.lag_s)
        ends_s = begins_s + (self.timing.stop_s if spec.stop_s is None else spec.stop_s)
        self.cancel(migration)
        migration.stopping = True
        if migration.ends_at_s is not None and migration.ends_at_s <= begins_s:
            self._at(migration.ends_at_s, migration, spec.end_word)
        else:
            self._at(begins_s, migration, TERMINATING)
            self._at(ends_s, migration, spec.stopped_word)
        self.advance()

    def schedule_end(self, migration: Migration, now_s: float) -> None:
        """The end a migration reaches by itself, if its spec gives it one."""
        spec = migration.spec
        migration.started_at_s = now_s
        migration.ends_at_s = None if spec.ends_after_s is None else now_s + spec.ends_after_s
        if migration.ends_at_s is not None and not migration.is_ended:
            self._at(migration.ends_at_s, migration, spec.end_word)

    def page(self, offset: int, limit: int, name: str = "", age_s: float = 0.0) -> bytes:
        """The body of one list answer: rows `offset` to `offset + limit`, as of `age_s` ago."""
        now_s = self.advance()
        switches = self.switches
        if name or age_s:
            everything = itertools.chain(self._by_key.values(), self._deleted)
            found = list(find(everything, switches, name, now_s - age_s))
            total, chosen = len(found), found[offset : offset + limit]
        else:
            listed = self._listing.listed(self._by_key.values(), switches)
            total = len(listed)
            chosen = [(one, one.word) for one in listed[offset : offset + limit]]
        count = total if switches.list_count == "total" else len(chosen)
        return bodies.page([row(one, word, switches) for one, word in chosen], count)

    def _schedule_release(self, migration: Migration, now_s: float) -> None:
        own_s = migration.spec.release_after_s
        after_s = self.timing.release_after_s if own_s is None else own_s
        if after_s is not None and migration.word != RELEASED:
            self._at(now_s + after_s, migration, RELEASED)

    def _at(
        self, at_s: float, migration: Migration, word: str, generation: int | None = None
    ) -> None:
        if generation is None:
            generation = migration.generation
        heapq.heappush(self._due, (at_s, next(self._numbers), migration, generation, word))
