"""Every status word of DCS against both wishes, through a real API server.

One fleet with every word is wished to stop, another one is only observed; each test reads one row
of the contract's table out of what was recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.dcs.migration import key_of
from support.operator.cloud import NEVER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from support.operator.records import Record
    from support.operator.workspace import Workspace

ACTIVE = ("CREATING", "RUNNING", "MIGRATING", "FULLMIGRATING", "INCRMIGEATING", "INCRMIGRATING")
UNHEARD_OF = "REBALANCING-2"
ENDED = ("SUCCESS", "MIGRATION_SUCCESS", "RELEASED")
FAILED = ("FAILED", "MIGRATION_FAILED", "ERROR")
GOING = (*ACTIVE, UNHEARD_OF)
STOPPING, STOPPED = "TERMINATING", "TERMINATED"


class Fleet:
    """One migration and one resource for each word.

    Attributes:
        ids: The ids by word.
    """

    def __init__(self, workspace: Workspace, *, stopped: bool) -> None:
        self.workspace = workspace
        words = (*GOING, STOPPING, STOPPED, *ENDED, *FAILED)
        self.ids = {word: workspace.dcs.add(word=word, stop_s=NEVER_S) for word in words}
        workspace.connect()
        for word, task_id in self.ids.items():
            workspace.create(word, task_id, stopped=stopped)

    def record(self, word: str) -> Record:
        """Return the life of the resource whose migration began with this word."""
        return self.workspace.record(word)

    def orders(self, word: str) -> int:
        """Return how often a stop was ordered for the migration that began with this word."""
        return self.workspace.dcs.ordered().count(key_of(self.ids[word]))


@pytest.fixture(scope="module")
def wished(open_workspace: Callable[[], AbstractContextManager[Workspace]]) -> Iterator[Fleet]:
    """Have a whole fleet stopped, and some looks later nothing more to be done."""
    with open_workspace() as workspace:
        fleet = Fleet(workspace, stopped=True)
        workspace.until(STOPPING, "False/Stopping")
        for word in GOING:
            workspace.until(word, "False/Stopping")
        workspace.dcs.end(*(fleet.ids[word] for word in (*GOING, STOPPING)))
        for word in (*GOING, STOPPING):
            workspace.until(word, "True/Terminated")
        workspace.until_looked(2)
        yield fleet


@pytest.fixture(scope="module")
def observed(open_workspace: Callable[[], AbstractContextManager[Workspace]]) -> Iterator[Fleet]:
    """Have a whole fleet looked at several times."""
    with open_workspace() as workspace:
        fleet = Fleet(workspace, stopped=False)
        for word in (*GOING, STOPPING, STOPPED, *ENDED):
            workspace.until(word, "True/Observed")
        for word in FAILED:
            workspace.until(word, "False/TaskFailed")
        workspace.until_looked(2)
        yield fleet


@pytest.mark.parametrize("word", GOING)
def test_what_runs_is_stopped(wished: Fleet, word: str) -> None:
    """One order, TERMINATING after its acceptance, TERMINATED when DCS says so; two writes."""
    record = wished.record(word)
    assert wished.orders(word) == 1
    assert record.phases == ["TERMINATING", "TERMINATED"]
    assert record.readies == ["False/Stopping", "True/Terminated"]
    under_way, done = record.statuses
    assert under_way.conditions["Stopped"].startswith("False/")
    assert under_way.conditions["Reconciling"] == "True/Stopping"
    assert done.conditions == {"Ready": "True/Terminated", "Stopped": "True/Terminated"}


def test_the_record_of_a_stop_is_complete(wished: Fleet) -> None:
    """Wish, acceptance and end have their times in their order, and the order its request id."""
    stop = wished.record("MIGRATING").last.stop
    assert stop["requestedAt"] <= stop["acceptedAt"] <= stop["terminatedAt"]
    assert stop["attempts"] == 1
    assert stop["requestId"]


def test_a_person_recognizes_the_task(wished: Fleet) -> None:
    """Name and method of the migration stand in the status, and no password."""
    task = wished.record("MIGRATING").last.body["task"]
    assert task["name"]
    assert task["method"] == "incremental_migration"
    assert task.keys() <= {"name", "method", "sourceInstance", "targetInstance"}


def test_what_is_being_stopped_is_not_ordered(wished: Fleet) -> None:
    """TERMINATING without an order of ours is waited for."""
    record = wished.record(STOPPING)
    assert wished.orders(STOPPING) == 0
    assert record.phases == ["TERMINATING", "TERMINATED"]
    assert record.readies == ["False/Stopping", "True/Terminated"]
    assert record.statuses[0].conditions["Reconciling"] == "True/Stopping"
    assert record.last.stop["attempts"] == 0


def test_what_was_terminated_before_costs_one_write(wished: Fleet) -> None:
    """Already TERMINATED: no order, one status."""
    record = wished.record(STOPPED)
    assert wished.orders(STOPPED) == 0
    assert record.readies == ["True/Terminated"]
    assert record.last.phase == "TERMINATED"
    assert record.last.conditions == {"Ready": "True/Terminated", "Stopped": "True/Terminated"}


@pytest.mark.parametrize("word", ENDED)
def test_what_ended_by_itself_is_not_ordered(wished: Fleet, word: str) -> None:
    """The wish is fulfilled without an order, and the reason says how."""
    record = wished.record(word)
    assert wished.orders(word) == 0
    assert record.phases == [word]
    assert record.readies == ["True/EndedBeforeStop"]
    assert record.last.conditions["Stopped"].startswith("True/")


@pytest.mark.parametrize("word", FAILED)
def test_what_failed_needs_a_person(wished: Fleet, word: str) -> None:
    """No order, stopped, not ready, stalled."""
    record = wished.record(word)
    assert wished.orders(word) == 0
    assert record.phases == [word]
    assert len(record.statuses) == 1
    conditions = {"Ready": "False/TaskFailed", "Stopped": "True/TaskFailed"}
    assert record.last.conditions == conditions | {"Stalled": "True/TaskFailed"}


def test_each_status_speaks_of_the_generation_it_was_written_for(wished: Fleet) -> None:
    """A resource that was never changed has generation 1 everywhere."""
    records = wished.workspace.records().values()
    assert {s.body["observedGeneration"] for r in records for s in r.statuses} == {1}


@pytest.mark.parametrize("word", [*GOING, STOPPING, STOPPED, *ENDED])
def test_what_is_only_observed_is_ready(observed: Fleet, word: str) -> None:
    """Without a wish to stop, DCS knowing the task is enough; its word is shown; one write."""
    record = observed.record(word)
    assert record.phases == [word]
    assert record.readies == ["True/Observed"]
    runs = word in (*GOING, STOPPING)
    assert record.last.conditions["Stopped"].startswith("False/" if runs else "True/")
    assert record.last.conditions.keys() == {"Ready", "Stopped"}
    assert not record.last.stop


@pytest.mark.parametrize("word", FAILED)
def test_an_observed_failure_needs_a_person(observed: Fleet, word: str) -> None:
    """A failed task is not ready, whatever was wished."""
    record = observed.record(word)
    assert record.phases == [word]
    assert record.readies == ["False/TaskFailed"]
    assert record.last.conditions["Stalled"] == "True/TaskFailed"


def test_observing_orders_nothing(observed: Fleet) -> None:
    """Without `stopped: true` DCS is only asked, never told."""
    assert {call.operation for call in observed.workspace.dcs.calls()} == {"list"}


def test_observing_follows_dcs(observed: Fleet) -> None:
    """A new word is shown, at the cost of one write; the others cost none."""
    workspace, word = observed.workspace, "CREATING"
    before = {name: len(record.statuses) for name, record in workspace.records().items()}
    workspace.dcs.alter(observed.ids[word], word="FULLMIGRATING")
    shown = workspace.until_shown(word, lambda s: s.phase == "FULLMIGRATING")
    assert shown.ready == "True/Observed"
    after = {name: len(record.statuses) for name, record in workspace.records().items()}
    changed = {name for name, number in after.items() if number != before[name]}
    assert changed == {workspace.full(word)}
