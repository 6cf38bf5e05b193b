"""What the table says of an event before anybody has read it: by its numbers alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcs_migration_operator.engine.table import Entry, Table
from unit import make

UID = make.task().ref.uid
TOLD, WRITTEN = 10, 20


@pytest.fixture
def entry() -> Entry:
    """A resource whose last write of ours is newer than what the watch has told."""
    return Entry(make.task(), version=TOLD, written=WRITTEN)


@pytest.fixture
def table(entry: Entry) -> Table:
    """A table with that resource."""
    table = Table()
    table.add(entry)
    return table


@pytest.mark.parametrize("version", [TOLD - 1, TOLD, TOLD + 1, WRITTEN])
def test_what_we_wrote_or_knew_is_an_echo(table: Table, version: int) -> None:
    """Up to the version that answered our last write."""
    assert table.is_echo(UID, make.task().generation, version)


def test_what_came_after_our_write_is_none(table: Table) -> None:
    """Somebody else changed the status."""
    assert not table.is_echo(UID, make.task().generation, WRITTEN + 1)


def test_what_a_write_under_way_will_replace_is_one(table: Table, entry: Entry) -> None:
    """The event may overtake the answer to the write."""
    entry.writing = True
    assert table.is_echo(UID, make.task().generation, WRITTEN + 1)


@pytest.mark.parametrize("writing", [False, True])
def test_a_changed_wish_is_none(table: Table, entry: Entry, *, writing: bool) -> None:
    """Another generation has to be read, whoever wrote last."""
    entry.writing = writing
    assert not table.is_echo(UID, make.task().generation + 1, TOLD + 1)


def test_a_resource_that_nobody_knows_has_no_echo(table: Table) -> None:
    """It has to be read."""
    assert not table.is_echo("another", make.task().generation, TOLD)


def test_an_echo_counts_as_told(table: Table, entry: Entry) -> None:
    """Else the census would call the watch deaf; an older one takes nothing back."""
    table.is_echo(UID, make.task().generation, WRITTEN)
    table.is_echo(UID, make.task().generation, TOLD)
    assert entry.version == WRITTEN
    table.is_echo(UID, make.task().generation, WRITTEN + 1)
    assert entry.version == WRITTEN


def test_an_echo_of_a_change_that_still_waits_to_be_read_hides_nothing(
    table: Table, entry: Entry
) -> None:
    """The change keeps its place: its generation is not known yet, so neither is told."""
    generation = make.task().generation + 1
    assert not table.is_echo(UID, generation, WRITTEN)
    assert entry.version == TOLD
    entry.task = replace(entry.task, generation=generation)
    assert table.is_echo(UID, generation, WRITTEN)
