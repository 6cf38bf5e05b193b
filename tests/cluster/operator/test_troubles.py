"""Bad days of DCS that pass: what they leave alone, and what is not worth a write.

Troubles that last until they are told are in `test_trials.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.dcs import FaultKind
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually
from support.operator.cloud import NEVER_S, Cloud

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from support.operator.workspace import Workspace


def test_a_first_status_appears_though_dcs_is_down(workspace: Workspace) -> None:
    """PENDING with the reason comes first; when DCS is back, all goes its way by itself."""
    ends = {"stopped": "True/Terminated", "observed": "True/Observed"}
    with Cloud() as cloud:
        workspace.dcs = cloud.open_project()
        with cloud.hung_up():
            workspace.connect()
            for name in ends:
                workspace.create(name, workspace.dcs.add(), stopped=name == "stopped")
            for name in ends:
                told = workspace.until(name, "False/CloudUnavailable")
                assert workspace.record(name).readies == ["False/CloudUnavailable"]
                assert told.phase == "PENDING"
                assert told.conditions["Reconciling"] == "True/CloudUnavailable"
                assert told.conditions["Stopped"].startswith("Unknown/")
        for name, ready in ends.items():
            assert not workspace.until(name, ready).error


def test_a_passing_trouble_is_not_worth_a_write(workspace: Workspace) -> None:
    """One 503 costs a moment, and no status."""
    task_id = workspace.dcs.add(stop_s=NEVER_S)
    workspace.dcs.fail(FaultKind.ERROR, status=503, times=1)
    workspace.create("one", task_id)
    workspace.until("one", "False/Stopping")
    workspace.dcs.end(task_id)
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
