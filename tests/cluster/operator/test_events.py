"""Kubernetes Events on a real API server: one per resource and cause, none while all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import manifests
from sandbox.waiting import eventually
from support.operator.process import SECRET

if TYPE_CHECKING:
    from sandbox.api import Api
    from sandbox.control_plane import ControlPlane
    from support.operator.workspace import Workspace


def events(api: Api, workspace: Workspace) -> list[dict[str, Any]]:
    """Return the events about the resources of a workspace."""
    found = api.get(manifests.core_path(workspace.namespace, "events"))["items"]
    return [one for one in found if one["involvedObject"]["name"].startswith(workspace.name)]


def test_who_needs_a_person_gets_one_warning(
    workspace: Workspace, api: Api, control_plane: ControlPlane
) -> None:
    """The failed task alone; `kubectl describe` shows it; nothing secret is in any event."""
    workspace.create("well", workspace.dcs.add())
    workspace.create("bad", workspace.dcs.add(word="FAILED"))
    workspace.until("well", "True/Terminated")
    workspace.until("bad", "False/TaskFailed")
    (event,) = eventually(lambda: events(api, workspace))
    assert event["involvedObject"]["name"] == workspace.full("bad")
    assert (event["type"], event["reason"], event["count"]) == ("Warning", "TaskFailed", 1)
    told = control_plane.kubectl(
        "describe", "dcsmt", workspace.full("bad"), "--namespace", workspace.namespace
    )
    assert "Warning  TaskFailed" in told
    everything = control_plane.kubectl("get", "events", "--all-namespaces", "--output", "json")
    assert not SECRET.search(everything)


def test_a_refused_key_is_told_on_the_project_and_its_tasks(workspace: Workspace, api: Api) -> None:
    """Once each, and not again when it heals."""
    workspace.dcs.rotate()
    workspace.create("one", workspace.dcs.add())
    workspace.until("one", "False/CredentialsInvalid")
    eventually(lambda: workspace.project_ready() == "False/CredentialsInvalid")
    told = eventually(lambda: (found := events(api, workspace)) and len(found) == 2 and found)
    assert told
    assert {one["reason"] for one in told} == {"CredentialsInvalid"}
    assert {one["involvedObject"]["kind"] for one in told} == {"MigrationTask", "DCSProject"}
    workspace.put_secret(**workspace.dcs.credentials)
    workspace.until("one", "True/Terminated")
    assert len(events(api, workspace)) == 2
