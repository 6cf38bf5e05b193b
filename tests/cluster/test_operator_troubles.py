"""Bad days of DCS: nothing answers, too many calls, errors; each with a reason, and each heals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox.dcs import FaultKind
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from cluster.operator_records import Shown
    from cluster.operator_workspace import Workspace

pytest_plugins = ["cluster.operator_fixtures"]


def goes_on(shown: Shown, reason: str) -> None:
    """Assert that a status says: not asked yet, this is why, and it goes on by itself."""
    assert shown.phase == "PENDING"
    assert shown.ready == f"False/{reason}"
    assert shown.conditions["Reconciling"] == f"True/{reason}"
    assert shown.conditions["Stopped"] == "Unknown/Pending"


@pytest.mark.parametrize("stopped", [True, False])
def test_a_first_status_appears_though_dcs_is_down(workspace: Workspace, *, stopped: bool) -> None:
    """PENDING with the reason comes first; when DCS is back, all goes its way by itself."""
    task_id = workspace.dcs.add()
    with workspace.dcs.cloud.hung_up():
        workspace.create("one", task_id, stopped=stopped)
        goes_on(workspace.until("one", "False/CloudUnavailable"), "CloudUnavailable")
        assert workspace.record("one").readies == ["False/CloudUnavailable"]
    shown = workspace.until("one", "True/Terminated" if stopped else "True/Observed")
    assert not shown.error
    eventually(lambda: workspace.project_ready() == "True/Configured")


@pytest.mark.parametrize(
    "fault, reason, code",
    [
        ({"kind": FaultKind.THROTTLE, "window_s": 1.0}, "Throttled", "APIGW.0308"),
        ({"kind": FaultKind.ERROR, "status": 503}, "CloudUnavailable", "APIGW.0201"),
        ({"kind": FaultKind.ERROR, "status": 502, "html": True}, "CloudUnavailable", "HTTP 502"),
        ({"kind": FaultKind.HTML}, "CloudUnavailable", "bad-answer"),
        ({"kind": FaultKind.DROP}, "CloudUnavailable", "connection-lost"),
    ],
    ids=["429", "503", "502-html", "200-html", "dropped"],
)
def test_a_lasting_trouble_is_told_and_heals(
    workspace: Workspace, fault: dict[str, Any], reason: str, code: str
) -> None:
    """Reason and code stand there while it lasts; afterwards the error is gone."""
    task_id = workspace.dcs.add()
    workspace.dcs.fail(**fault)
    workspace.create("one", task_id)
    shown = workspace.until("one", f"False/{reason}")
    goes_on(shown, reason)
    assert shown.error["code"] == code
    assert code in shown.message
    eventually(lambda: workspace.project_ready() == f"False/{reason}")
    workspace.dcs.heal()
    shown = workspace.until("one", "True/Terminated")
    assert not shown.error
    assert workspace.dcs.ordered() == [key_of(task_id)]


def test_a_dcs_that_hangs_is_told_and_heals(workspace: Workspace) -> None:
    """No answer at all: a status says so, and the time limit of a call ends the waiting."""
    task_id = workspace.dcs.add()
    workspace.dcs.fail(FaultKind.HANG)
    workspace.create("one", task_id)
    first = eventually(lambda: workspace.record("one").last)
    assert first.phase == "PENDING"
    assert first.conditions["Reconciling"]
    shown = workspace.until("one", "False/CloudUnavailable")
    assert shown.error["code"] == "timeout"
    workspace.dcs.heal()
    workspace.until("one", "True/Terminated")


@pytest.mark.parametrize(
    "fault, reason",
    [
        ({"kind": FaultKind.THROTTLE, "window_s": 1.0}, "Throttled"),
        ({"kind": FaultKind.ERROR, "status": 503}, "CloudUnavailable"),
    ],
    ids=["429", "503"],
)
def test_an_order_in_trouble_is_told_and_repeated(
    workspace: Workspace, fault: dict[str, Any], reason: str
) -> None:
    """Only the orders fail: the word of DCS is kept, the order is sent until it is taken."""
    task_id = workspace.dcs.add(word="FULLMIGRATING")
    workspace.dcs.fail(operation="batch_stop", **fault)
    workspace.create("one", task_id)
    shown = workspace.until("one", f"False/{reason}")
    assert shown.phase == "FULLMIGRATING"
    assert shown.conditions["Stopped"].startswith("False/")
    assert shown.conditions["Reconciling"] == f"True/{reason}"
    workspace.dcs.heal()
    workspace.until("one", "True/Terminated")
    assert workspace.record("one").phases[-2:] == ["TERMINATING", "TERMINATED"]


def test_a_passing_trouble_is_not_worth_a_write(workspace: Workspace) -> None:
    """One 503 costs a moment, and no status."""
    task_id = workspace.dcs.add(stop_s=2.0)
    workspace.dcs.fail(FaultKind.ERROR, status=503, times=1)
    workspace.create("one", task_id)
    workspace.until("one", "True/Terminated")
    assert workspace.record("one").readies == ["False/Stopping", "True/Terminated"]


def test_what_is_observed_keeps_its_phase_through_a_trouble(workspace: Workspace) -> None:
    """An observed task keeps what it says while DCS fails, at no cost of writes."""
    task_id = workspace.dcs.add()
    workspace.create("one", task_id, stopped=False)
    workspace.until("one", "True/Observed")
    workspace.dcs.fail(FaultKind.ERROR, status=503)
    eventually(lambda: workspace.project_ready() == "False/CloudUnavailable")
    workspace.dcs.heal()
    eventually(lambda: workspace.project_ready() == "True/Configured")
    workspace.until_looked(1)
    assert workspace.record("one").readies == ["True/Observed"]


def test_a_stop_under_way_survives_a_trouble(workspace: Workspace) -> None:
    """DCS fails between acceptance and end: the phase stays TERMINATING, no second order."""
    task_id = workspace.dcs.add(stop_s=3600.0)
    workspace.create("one", task_id)
    workspace.until("one", "False/Stopping")
    workspace.dcs.fail(FaultKind.ERROR, status=503)
    shown = workspace.until("one", "False/CloudUnavailable")
    assert shown.conditions["Reconciling"] == "True/CloudUnavailable"
    workspace.dcs.heal()
    workspace.dcs.alter(task_id, word="TERMINATED")
    workspace.until("one", "True/Terminated")
    assert workspace.record("one").phases == ["TERMINATING", "TERMINATED"]
    assert workspace.dcs.ordered() == [key_of(task_id)]


def test_one_projects_trouble_does_not_delay_another(
    workspace: Workspace, open_workspace: Callable[[], AbstractContextManager[Workspace]]
) -> None:
    """While one project hangs, another one's tasks are stopped."""
    stuck = workspace.dcs.add()
    workspace.dcs.fail(FaultKind.HANG)
    workspace.create("stuck", stuck)
    eventually(lambda: workspace.dcs.calls("list"))
    with open_workspace() as other:
        other.connect()
        task_id = other.dcs.add()
        other.create("one", task_id)
        other.until("one", "True/Terminated")
    assert workspace.dcs.words(stuck) == ["INCRMIGEATING"]
    workspace.dcs.heal()
    workspace.until("stuck", "True/Terminated")
