"""What the list call shows: which migrations, in which order, encoded.

An item is encoded once per word, and only when a page asks for it, so that a page of a thousand
items costs a join and not a serialization. Knows nothing of what changes migrations: the fleet
tells what changed, and what time it is.

A page may be shorter than it was asked to be (switch `list_rows_max`), and a list may never end
(switch `list_end`): then every page is full, with the rows of the beginning over again or with
rows of tasks that were never created.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

from sandbox.dcs import bodies
from sandbox.dcs.migration import FAILURE_WORDS, RELEASED, Migration, MigrationSpec, dashed
from sandbox.dcs.names import encode, name_of
from sandbox.dcs.switches import Switches

T = TypeVar("T")

ROWS_MAX: Final = 32
"""The most encoded rows kept per migration: more than there are documented statuses."""

_GAP: Final = "\ue000word\ue000"
"""Placeholder for the status in a row template: no name and no status looks like it."""
_GAP_JSON: Final = encode(_GAP)
_INVENTED: Final = 0xEEEEEEEE_EEEE_4EEE_8EEE_000000000000
"""The first id of the tasks that exist only in an endless list."""


class Listing:
    """Which migrations of one fleet are listed, in which order."""

    def __init__(self) -> None:
        self._listed: list[Migration] = []
        self._built_for: Switches | None = None

    def forget(self) -> None:
        """Forget the order: the set of migrations, or of listed ones, has changed."""
        self._built_for = None

    def page(
        self,
        migrations: Iterable[Migration],
        switches: Switches,
        offset: int,
        limit: int,
        now_s: float,
    ) -> bytes:
        """Return the body of one page in the current state."""
        if self._built_for is not switches:
            self._listed = [one for one in _ordered(migrations, switches) if _is_listed(one)]
            self._built_for = switches
        chosen = _cut(self._listed, switches, offset, limit)
        for one in chosen:
            if one.told_at_s is None and one.ended_at_s is not None:
                one.told_at_s = now_s
        rows = [row(one, one.word, switches) for one in chosen]
        return _page(rows, len(self._listed), switches, offset, limit)

    def old_page(
        self,
        migrations: Iterable[Migration],
        switches: Switches,
        offset: int,
        limit: int,
        name: str,
        time_s: float,
    ) -> bytes:
        """Return the body of one page of those whose name fits, with the words of `time_s`."""
        found = list(find(migrations, switches, name, time_s))
        chosen = _cut(found, switches, offset, limit)
        rows = [row(one, word, switches) for one, word in chosen]
        return _page(rows, len(found), switches, offset, limit)


def find(
    migrations: Iterable[Migration], switches: Switches, name: str, time_s: float
) -> Iterator[tuple[Migration, str]]:
    """Yield those whose name fits the filter, with their words of then; an empty name fits all."""
    for migration in _ordered(migrations, switches):
        own = name_of(migration)
        fits = name == own if switches.list_name == "exact" and name else name in own
        word = migration.word_at(time_s)
        if fits and word is not None and _is_listed(migration):
            yield migration, word


def row(migration: Migration, word: str, switches: Switches) -> bytes:
    """Return the encoded item with this status, or with the one that the list shows for it."""
    if switches.list_words == "documented":
        word = bodies.document_word(word)
    known = migration.rows.get(word)
    if known is None:
        if len(migration.rows) >= ROWS_MAX:
            migration.rows.clear()
        known = migration.rows[word] = _encoded(migration, word)
    return known


def _page(rows: list[bytes], total: int, switches: Switches, offset: int, limit: int) -> bytes:
    limit = min(limit, switches.list_rows_max)
    if switches.list_end == "invents":
        begun = max(0, offset - total)
        invented = range(begun, begun + limit - len(rows))
        rows += [_invented_row(number) for number in invented]
    return bodies.page(rows, total if switches.list_count == "total" else len(rows))


def _cut(listed: Sequence[T], switches: Switches, offset: int, limit: int) -> Sequence[T]:
    limit = min(limit, switches.list_rows_max)
    if switches.list_end == "repeats" and listed:
        return [listed[number % len(listed)] for number in range(offset, offset + limit)]
    return listed[offset : offset + limit]


def _encoded(migration: Migration, word: str) -> bytes:
    """Encode the item; cut and paste where only the word differs, which is four times faster."""
    if word in FAILURE_WORDS or word == RELEASED:
        return bodies.list_row(migration, word)
    pattern = migration.rows.get(_GAP)
    if pattern is None:
        pattern = migration.rows[_GAP] = bodies.list_row(migration, _GAP)
    return pattern.replace(_GAP_JSON, encode(word), 1)


def _invented_row(number: int) -> bytes:
    task_id = dashed(f"{_INVENTED + number:032x}")
    migration = Migration(MigrationSpec(task_id=task_id), created_at_s=0.0)
    return bodies.list_row(migration, migration.spec.word)


def _ordered(migrations: Iterable[Migration], switches: Switches) -> Iterable[Migration]:
    return migrations if switches.list_order == "oldest" else reversed(list(migrations))


def _is_listed(migration: Migration) -> bool:
    return migration.spec.listed and migration.spec.known
