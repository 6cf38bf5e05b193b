"""How one resource moves: ids, shared tasks, lag, races, old answers, a wish that comes later."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest

from sandbox.api import ApiError
from sandbox.dcs import FaultKind
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually
from support.operator.cloud import NEVER_S

if TYPE_CHECKING:
    from support.operator.workspace import Workspace

DASHED = str(uuid.uuid4())
PLAIN = key_of(DASHED)


@pytest.mark.parametrize(
    "ours, theirs",
    [(DASHED, PLAIN), (PLAIN, DASHED), (DASHED.upper(), DASHED), (PLAIN, PLAIN)],
    ids=["dashed-plain", "plain-dashed", "upper-lower", "plain-plain"],
)
def test_both_spellings_of_an_id_mean_the_same_task(
    workspace: Workspace, ours: str, theirs: str
) -> None:
    """However the user and DCS write an id, they meet; the order uses DCS's spelling."""
    workspace.dcs.add(theirs)
    workspace.create("one", ours)
    workspace.until("one", "True/Terminated")
    assert [call.ids for call in workspace.dcs.calls("batch_stop")] == [(theirs,)]


def test_two_resources_with_one_id_share_one_entry(workspace: Workspace) -> None:
    """Equal ids are ordered once, and each resource gets the result."""
    task_id = workspace.dcs.add()
    workspace.dcs.fail(FaultKind.ERROR, status=503)
    workspace.create("dashed", task_id)
    workspace.create("plain", key_of(task_id))
    for name in ("dashed", "plain"):
        workspace.until(name, "False/CloudUnavailable")
    workspace.dcs.heal()
    for name in ("dashed", "plain"):
        shown = workspace.until(name, "True/Terminated")
        assert shown.stop["attempts"] == 1
    assert workspace.dcs.orders() == [[key_of(task_id)]]


def test_the_phase_does_not_flap_while_dcs_lags(workspace: Workspace) -> None:
    """After acceptance it is TERMINATING, though DCS goes on to say that the task runs."""
    task_id = workspace.dcs.add(lag_s=NEVER_S)
    workspace.create("one", task_id)
    workspace.until("one", "False/Stopping")
    workspace.until_looked(3)
    assert workspace.dcs.words(task_id) == ["INCRMIGEATING"]
    workspace.dcs.alter(task_id, word="TERMINATING")
    workspace.until_looked(2)
    workspace.dcs.alter(task_id, word="TERMINATED")
    workspace.until("one", "True/Terminated")
    record = workspace.record("one")
    assert record.phases == ["TERMINATING", "TERMINATED"]
    assert len(record.statuses) == 2
    assert workspace.dcs.ordered() == [key_of(task_id)]


def test_a_task_that_finishes_after_acceptance_is_ended(workspace: Workspace) -> None:
    """The race that the migration wins: SUCCESS, and the wish is fulfilled all the same."""
    task_id = workspace.dcs.add(lag_s=NEVER_S)
    workspace.create("one", task_id)
    workspace.until("one", "False/Stopping")
    workspace.dcs.alter(task_id, word="SUCCESS")
    shown = workspace.until("one", "True/EndedBeforeStop")
    assert shown.conditions["Stopped"].startswith("True/")
    assert shown.stop["acceptedAt"]
    assert workspace.record("one").phases == ["TERMINATING", "SUCCESS"]
    assert workspace.dcs.ordered() == [key_of(task_id)]


def test_a_task_that_fails_after_acceptance_needs_a_person(workspace: Workspace) -> None:
    """FAILED instead of TERMINATED: it no longer runs, and the wish is not fulfilled."""
    task_id = workspace.dcs.add(lag_s=NEVER_S)
    workspace.create("one", task_id)
    workspace.until("one", "False/Stopping")
    workspace.dcs.alter(task_id, word="FAILED")
    shown = workspace.until("one", "False/TaskFailed")
    assert shown.conditions["Stopped"] == "True/TaskFailed"
    assert shown.conditions["Stalled"] == "True/TaskFailed"
    assert workspace.record("one").phases == ["TERMINATING", "FAILED"]


def test_released_after_terminated_stays_terminated(workspace: Workspace) -> None:
    """What was seen TERMINATED has not ended by itself, even when the wish comes after that."""
    task_id = workspace.dcs.add(word="TERMINATED")
    workspace.create("one", task_id, stopped=False)
    workspace.until("one", "True/Observed")
    workspace.dcs.alter(task_id, word="RELEASED")
    workspace.until_shown("one", lambda shown: shown.phase == "RELEASED")
    workspace.stop("one")
    shown = workspace.until("one", "True/Terminated")
    assert shown.phase == "RELEASED"
    assert workspace.dcs.ordered() == []


def test_an_old_list_does_not_bring_an_ended_task_back(workspace: Workspace) -> None:
    """A list as it was before the end is doubted, and the phase stays."""
    task_id = workspace.dcs.add()
    workspace.create("one", task_id, stopped=False)
    workspace.until("one", "True/Observed")
    workspace.until_looked(3)  # 2 s at least, so that "before the end" is a moment that was
    ended_s = time.time()
    workspace.dcs.alter(task_id, word="SUCCESS")
    workspace.until_shown("one", lambda shown: shown.phase == "SUCCESS")
    workspace.dcs.fail(FaultKind.STALE_LIST, operation="list", age_s=time.time() - ended_s + 2.0)
    workspace.until_looked(1, "show")
    workspace.dcs.heal()
    workspace.until_looked(2)
    assert workspace.record("one").phases == ["INCRMIGEATING", "SUCCESS"]


def test_a_restarted_task_is_seen_again(workspace: Workspace) -> None:
    """When DCS itself confirms that an ended task runs again, the phase follows."""
    task_id = workspace.dcs.add(word="TERMINATED")
    workspace.create("one", task_id, stopped=False)
    workspace.until("one", "True/Observed")
    workspace.dcs.alter(task_id, word="FULLMIGRATING")
    workspace.until_shown("one", lambda shown: shown.phase == "FULLMIGRATING")
    assert workspace.record("one").phases == ["TERMINATED", "FULLMIGRATING"]


def test_a_wish_may_come_later(workspace: Workspace) -> None:
    """A flip to `stopped: true` is ordered, and speaks of its own generation."""
    task_id = workspace.dcs.add()
    workspace.create("one", task_id, stopped=False)
    workspace.until("one", "True/Observed")
    workspace.stop("one")
    shown = workspace.until("one", "True/Terminated")
    assert shown.body["observedGeneration"] == 2
    record = workspace.record("one")
    assert record.phases == ["INCRMIGEATING", "TERMINATING", "TERMINATED"]
    assert len(record.statuses) == 3
    assert workspace.dcs.ordered() == [key_of(task_id)]


def test_a_wish_for_what_is_terminated_costs_one_write(workspace: Workspace) -> None:
    """A flip of a task that is stopped already is fulfilled without an order."""
    task_id = workspace.dcs.add(word="TERMINATED")
    workspace.create("one", task_id, stopped=False)
    workspace.until("one", "True/Observed")
    workspace.stop("one")
    workspace.until("one", "True/Terminated")
    assert workspace.record("one").readies == ["True/Observed", "True/Terminated"]
    assert workspace.dcs.ordered() == []


def test_a_deleted_resource_is_not_ordered(workspace: Workspace) -> None:
    """Deleted while DCS was away: the other one is stopped, this one runs on, nothing is left."""
    kept, deleted = workspace.dcs.add(), workspace.dcs.add()
    workspace.dcs.fail(FaultKind.ERROR, status=503)
    workspace.create("kept", kept)
    workspace.create("deleted", deleted)
    for name in ("kept", "deleted"):
        workspace.until(name, "False/CloudUnavailable")
    workspace.delete("deleted")
    workspace.dcs.heal()
    workspace.until("kept", "True/Terminated")
    assert workspace.dcs.ordered() == [key_of(kept)]
    assert workspace.dcs.words(deleted) == ["INCRMIGEATING"]
    with pytest.raises(ApiError, match="not found"):
        workspace.read("deleted")


def test_deleting_a_resource_under_way_takes_no_finalizer(workspace: Workspace) -> None:
    """The resource goes at once, DCS's stop goes on, and nobody looks any more."""
    task_id = workspace.dcs.add(stop_s=NEVER_S)
    workspace.create("one", task_id)
    workspace.until("one", "False/Stopping")
    metadata = workspace.record("one").metadata
    assert not metadata.keys() & {"finalizers", "annotations"}
    workspace.delete("one")
    eventually(lambda: workspace.record("one").deleted)
    # A look may be under way; after the next resource's end there is none left to make.
    other = workspace.dcs.add()
    workspace.create("other", other)
    workspace.until("other", "True/Terminated")
    before = len(workspace.dcs.calls())
    third = workspace.dcs.add(word="TERMINATED")
    workspace.create("third", third)
    workspace.until("third", "True/Terminated")
    assert len(workspace.dcs.calls()) <= before + 1
    assert workspace.dcs.words(task_id) == ["INCRMIGEATING", "TERMINATING"]
