"""What the list call shows: which migrations, in which order, encoded.

An item is encoded once per word, and only when a page asks for it, so that a page of a thousand
items costs a join and not a serialization. Knows nothing of time: the fleet says what changed.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sandbox.dcs import bodies
from sandbox.dcs.migration import FAILURE_WORDS, RELEASED, Migration
from sandbox.dcs.switches import Switches

_GAP: Final = "\N{REPLACEMENT CHARACTER}"
_GAP_JSON: Final = bodies.encode(_GAP)


class Listing:
    """Which migrations of one fleet are listed, in which order."""

    def __init__(self) -> None:
        self._listed: list[Migration] = []
        self._built_for: Switches | None = None

    def forget(self) -> None:
        """Which migrations there are, or whether they are listed, changed."""
        self._built_for = None

    def listed(self, migrations: Iterable[Migration], switches: Switches) -> Sequence[Migration]:
        """All that are listed, in order; belongs to the listing, do not change it."""
        if self._built_for is not switches:
            self._listed = [one for one in _ordered(migrations, switches) if _is_listed(one)]
            self._built_for = switches
        return self._listed


def find(
    migrations: Iterable[Migration], switches: Switches, name: str, time_s: float
) -> Iterator[tuple[Migration, str]]:
    """Those whose name fits the filter, with the word of `time_s`; an empty name fits all."""
    for migration in _ordered(migrations, switches):
        own = bodies.name_of(migration)
        fits = name == own if switches.list_name == "exact" and name else name in own
        word = migration.word_at(time_s)
        if fits and word is not None and _is_listed(migration):
            yield migration, word


def row(migration: Migration, word: str, switches: Switches) -> bytes:
    """The encoded item with this word, or what the list makes of it."""
    if switches.list_words == "documented":
        word = bodies.document_word(word)
    known = migration.rows.get(word)
    if known is None:
        known = migration.rows[word] = _encoded(migration, word)
    return known


def _encoded(migration: Migration, word: str) -> bytes:
    """The item; cut and pasted where the word is all that differs, which is four times faster."""
    if word in FAILURE_WORDS or word == RELEASED:
        return bodies.list_row(migration, word)
    pattern = migration.rows.get(_GAP)
    if pattern is None:
        pattern = migration.rows[_GAP] = bodies.list_row(migration, _GAP)
    return pattern.replace(_GAP_JSON, bodies.encode(word), 1)


def _ordered(migrations: Iterable[Migration], switches: Switches) -> Iterable[Migration]:
    return migrations if switches.list_order == "oldest" else reversed(list(migrations))


def _is_listed(migration: Migration) -> bool:
    return migration.spec.listed and migration.spec.known
