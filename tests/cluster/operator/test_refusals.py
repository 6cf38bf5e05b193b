"""What DCS does not know or does not do: unknown ids, gaps in the list, refused orders."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from sandbox.dcs import FaultKind
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from support.operator.workspace import Workspace

CODE = "DCS.4957"
TEXT = "This operation is not allowed while the instance is busy."


@pytest.mark.parametrize("stopped", [True, False])
def test_an_unknown_id_needs_a_person(workspace: Workspace, *, stopped: bool) -> None:
    """Neither on the list nor by show: DELETED, not found, stalled; nothing is ordered."""
    workspace.dcs.add()
    workspace.create("one", str(uuid.uuid4()), stopped=stopped)
    shown = workspace.until("one", "False/TaskNotFound")
    assert shown.phase == "DELETED"
    assert shown.conditions["Stopped"] == "Unknown/TaskNotFound"
    assert shown.conditions["Stalled"] == "True/TaskNotFound"
    assert len(workspace.record("one").statuses) == 1
    assert [call.operation for call in workspace.dcs.calls()] == ["list", "show"]


def test_an_unknown_id_does_not_disturb_the_others(workspace: Workspace) -> None:
    """The others of the project are stopped in one order that does not name it."""
    known = workspace.dcs.add_many(3)
    workspace.create("unknown", str(uuid.uuid4()))
    workspace.create_many(known)
    for number in range(3):
        workspace.until(f"{number:04}", "True/Terminated")
    workspace.until("unknown", "False/TaskNotFound")
    assert sorted(workspace.dcs.ordered()) == sorted(map(key_of, known))


def test_a_task_that_vanishes_in_the_cloud_is_noticed(workspace: Workspace) -> None:
    """Deleted in DCS while it was observed: the phase follows, once show confirms it."""
    task_id = workspace.dcs.add()
    workspace.create("one", task_id, stopped=False)
    workspace.until("one", "True/Observed")
    workspace.dcs.alter(task_id, known=False)
    workspace.until("one", "False/TaskNotFound")
    assert workspace.record("one").phases == ["INCRMIGEATING", "DELETED"]
    assert workspace.dcs.calls("show")[-1].error_code == "DCS.4133"


def test_a_gap_in_the_list_is_not_the_end_of_a_task(workspace: Workspace) -> None:
    """What only show knows is stopped and observed like any other, and never called gone."""
    hidden, observed = workspace.dcs.add(listed=False), workspace.dcs.add(listed=False)
    workspace.create("hidden", hidden)
    workspace.create("observed", observed, stopped=False)
    workspace.until("hidden", "True/Terminated")
    workspace.until("observed", "True/Observed")
    assert workspace.record("hidden").phases == ["TERMINATING", "TERMINATED"]
    assert workspace.record("observed").phases == ["INCRMIGEATING"]
    assert workspace.dcs.ordered() == [key_of(hidden)]


def test_a_refused_task_says_why_and_the_others_go_on(workspace: Workspace) -> None:
    """One id of an order is refused: code and text stand there, the rest of it is stopped."""
    refused = workspace.dcs.add(refuse_code=CODE, refuse_message=TEXT)
    taken = workspace.dcs.add()
    workspace.create("refused", refused)
    workspace.create("taken", taken)
    shown = workspace.until("refused", "False/StopRejected")
    workspace.until("taken", "True/Terminated")
    assert CODE in shown.message
    assert TEXT in shown.message
    assert shown.phase == "INCRMIGEATING"
    assert shown.conditions["Stopped"].startswith("False/")
    assert shown.error["code"] == CODE
    assert shown.error["message"] == TEXT
    assert shown.error["requestId"]
    assert shown.error["time"]
    assert shown.stop["attempts"] == 1
    assert "acceptedAt" not in shown.stop


def test_one_id_that_spoils_a_whole_order_is_found(workspace: Workspace) -> None:
    """DCS refuses the call because of one id: the others are stopped, and only it is rejected."""
    good = workspace.dcs.add_many(5)
    bad = workspace.dcs.add()
    workspace.dcs.fail(
        FaultKind.ERROR, operation="batch_stop", task_id=bad, status=400, code="DCS.4855"
    )
    workspace.create("bad", bad)
    workspace.create_many(good)
    for number in range(5):
        workspace.until(f"{number:04}", "True/Terminated")
    shown = workspace.until("bad", "False/StopRejected")
    assert shown.error["code"] == "DCS.4855"
    assert all(workspace.dcs.words(one)[-1] == "TERMINATED" for one in good)


def test_a_lost_answer_is_looked_after_and_not_repeated(workspace: Workspace) -> None:
    """An order that had its effect though its answer got lost is not sent again."""
    task_id = workspace.dcs.add(stop_s=3600.0)
    workspace.dcs.fail(FaultKind.DROP, operation="batch_stop", executes=True, times=1)
    workspace.create("one", task_id)
    workspace.until("one", "False/Stopping")
    workspace.dcs.alter(task_id, word="TERMINATED")
    workspace.until("one", "True/Terminated")
    assert workspace.dcs.ordered() == [key_of(task_id)]
    assert workspace.record("one").phases == ["TERMINATING", "TERMINATED"]


def test_an_order_without_effect_is_sent_again(workspace: Workspace) -> None:
    """An order that got lost on the way is repeated, after a look."""
    task_id = workspace.dcs.add()
    workspace.dcs.fail(FaultKind.DROP, operation="batch_stop", times=1)
    workspace.create("one", task_id)
    workspace.until("one", "True/Terminated")
    first, second = workspace.dcs.calls("batch_stop")
    looks = [call for call in workspace.dcs.calls("list") if first.at_s < call.at_s < second.at_s]
    assert looks


def test_an_id_that_dcs_knows_later_is_found(workspace: Workspace) -> None:
    """A resource that came before its migration heals as soon as any list mentions it."""
    task_id = str(uuid.uuid4())
    workspace.create("early", task_id)
    workspace.until("early", "False/TaskNotFound")
    workspace.dcs.add(task_id)
    other = workspace.dcs.add()
    workspace.create("other", other)
    eventually(lambda: workspace.record("early").last.ready == "True/Terminated")
    assert workspace.record("early").phases == ["DELETED", "TERMINATING", "TERMINATED"]
