"""What keeps the operator from DCS: keys, rights, projects, Secrets, endpoints; and how it heals.

Each reason needs a person, says what to do in words, shows no secret, and goes by itself once the
cause is mended: without a restart, and without touching the task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.operator_cloud import PLANTED
from cluster.operator_workspace import PATIENCE_S
from sandbox.dcs import FaultKind
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from cluster.operator_records import Shown
    from cluster.operator_workspace import Workspace

pytest_plugins = ["cluster.operator_fixtures"]

FAILURES_MAX = 5
"""More 401s in a row than these lock a key at the gateway."""


@pytest.fixture
def unconnected(
    open_workspace: Callable[[], AbstractContextManager[Workspace]],
) -> Iterator[Workspace]:
    """Give a workspace without Secret and DCSProject."""
    with open_workspace() as opened:
        yield opened


def needs_a_person(workspace: Workspace, reason: str, *words: str) -> Shown:
    """Wait until a task is stalled for this reason, and assert that its words are there."""
    shown = workspace.until("one", f"False/{reason}")
    assert shown.conditions["Stalled"] == f"True/{reason}"
    for word in words:
        assert word in shown.message
    assert PLANTED not in str(shown.body)
    return shown


def test_a_wrong_key_is_told_and_heals_with_the_secret(unconnected: Workspace) -> None:
    """401: few tries, a reason, and a fresh start as soon as the Secret is corrected."""
    workspace, right = unconnected, unconnected.dcs.credentials
    workspace.put_secret(**right | {"secretKey": f"{PLANTED}-WRONG"})
    workspace.put_project()
    task_id = workspace.dcs.add()
    workspace.create("one", task_id)
    shown = needs_a_person(workspace, "CredentialsInvalid", "Secret")
    assert shown.phase == "PENDING"
    assert shown.error["code"] == "APIGW.0301"
    eventually(lambda: workspace.project_ready() == "False/CredentialsInvalid")
    workspace.put_secret(**right)
    workspace.until("one", "True/Terminated")
    refused = [call for call in workspace.dcs.calls() if call.status == 401]
    assert 1 <= len(refused) <= FAILURES_MAX


def test_a_rotated_key_is_picked_up(workspace: Workspace) -> None:
    """The Secret changes, the old key is removed: it goes on with the new one, unasked."""
    observed, stopped = workspace.dcs.add(), workspace.dcs.add()
    workspace.create("observed", observed, stopped=False)
    workspace.until("observed", "True/Observed")
    old = workspace.dcs.access_key
    workspace.dcs.rotate()
    workspace.put_secret(**workspace.dcs.credentials)
    workspace.create("stopped", stopped)
    workspace.until("stopped", "True/Terminated")
    calls = workspace.dcs.calls()
    assert calls[-1].access_key == workspace.dcs.access_key
    assert len([c for c in calls if c.access_key == old and c.status == 401]) <= FAILURES_MAX
    last = workspace.record("observed").last
    assert last.ready == "True/Observed"
    assert workspace.record("observed").phases == ["INCRMIGEATING"]


def test_a_temporary_key_is_used_with_its_token(
    open_workspace: Callable[[], AbstractContextManager[Workspace]],
) -> None:
    """A Secret with a securityToken works, and a wrong token is told."""
    with open_workspace() as workspace:
        workspace.dcs = workspace.dcs.cloud.open_project(with_token=True)
        right = workspace.dcs.credentials
        workspace.put_secret(**right | {"securityToken": f"{PLANTED}-EXPIRED"})
        workspace.put_project()
        task_id = workspace.dcs.add()
        workspace.create("one", task_id)
        needs_a_person(workspace, "CredentialsInvalid", "securityToken")
        workspace.put_secret(**right)
        workspace.until("one", "True/Terminated")


@pytest.mark.parametrize(
    "operation, action",
    [("list", "dcs:migrationTask:list"), ("batch_stop", "dcs:migrationTask:modify")],
)
def test_a_missing_right_names_the_action(
    workspace: Workspace, operation: str, action: str
) -> None:
    """403: the reason names the action that has to be granted."""
    task_id = workspace.dcs.add()
    workspace.dcs.fail(FaultKind.FORBIDDEN, operation=operation)
    workspace.create("one", task_id)
    shown = needs_a_person(workspace, "PermissionDenied", action)
    assert shown.error["code"] == "DCS.2007"
    assert workspace.dcs.words(task_id) == ["INCRMIGEATING"]


@pytest.mark.timeout(180)
def test_a_granted_right_is_noticed(workspace: Workspace) -> None:
    """403 heals by itself once the action is granted; looks go on meanwhile."""
    task_id = workspace.dcs.add()
    workspace.dcs.fail(FaultKind.FORBIDDEN, operation="batch_stop")
    workspace.create("one", task_id)
    needs_a_person(workspace, "PermissionDenied")
    workspace.until_looked(1)
    workspace.dcs.heal()
    workspace.until("one", "True/Terminated", timeout_s=120.0)
    refused, taken = workspace.dcs.calls("batch_stop")
    assert (refused.status, taken.status) == (403, 200)


def test_a_missing_project_is_told_and_heals(unconnected: Workspace) -> None:
    """No DCSProject: its name stands there; when it appears the task is stopped."""
    task_id = unconnected.dcs.add()
    unconnected.create("one", task_id)
    shown = needs_a_person(unconnected, "ProjectNotReady", "DCSProject", unconnected.name)
    assert shown.phase == "PENDING"
    unconnected.connect()
    unconnected.until("one", "True/Terminated")
    assert unconnected.dcs.ordered() == [key_of(task_id)]
    eventually(lambda: unconnected.project_ready() == "True/Configured", PATIENCE_S)


def test_a_missing_secret_is_told_and_heals(unconnected: Workspace) -> None:
    """No Secret: task and project name it; when it appears the task is stopped."""
    task_id = unconnected.dcs.add()
    unconnected.put_project()
    unconnected.create("one", task_id)
    needs_a_person(unconnected, "ProjectNotReady", "Secret", unconnected.name, "accessKey")
    eventually(lambda: unconnected.project_ready() == "False/ProjectNotReady")
    unconnected.put_secret(**unconnected.dcs.credentials)
    unconnected.until("one", "True/Terminated")
    eventually(lambda: unconnected.project_ready() == "True/Configured", PATIENCE_S)


@pytest.mark.parametrize(
    "key, bad",
    [
        ("accessKey", None),
        ("secretKey", None),
        ("secretKey", ""),
        ("secretKey", f"{PLANTED} with white space"),
        ("secretKey", f"{PLANTED}-\u00fcml\u00e4ut"),
    ],
    ids=["no-access-key", "no-secret-key", "empty", "white-space", "not-ascii"],
)
def test_a_malformed_secret_names_the_key_and_heals(
    unconnected: Workspace, key: str, bad: str | None
) -> None:
    """A key that is missing or malformed is named, and what it holds is not repeated."""
    right = unconnected.dcs.credentials
    wrong = {name: value for name, value in right.items() if name != key}
    unconnected.put_secret(**wrong if bad is None else wrong | {key: bad})
    unconnected.put_project()
    task_id = unconnected.dcs.add()
    unconnected.create("one", task_id)
    needs_a_person(unconnected, "ProjectNotReady", key, unconnected.name)
    assert unconnected.dcs.calls() == []
    unconnected.put_secret(**right)
    unconnected.until("one", "True/Terminated")


def test_a_newline_at_the_end_of_a_key_is_forgiven(unconnected: Workspace) -> None:
    """`echo KEY | base64` is how people make Secrets."""
    credentials = {name: f"{value}\n" for name, value in unconnected.dcs.credentials.items()}
    unconnected.put_secret(**credentials)
    unconnected.put_project()
    task_id = unconnected.dcs.add()
    unconnected.create("one", task_id)
    unconnected.until("one", "True/Terminated")


def test_an_endpoint_that_is_not_allowed_is_never_called(unconnected: Workspace) -> None:
    """An endpoint outside the allow-list: a reason, no call; it heals when it is mended."""
    allowed = unconnected.dcs.cloud.endpoint
    unconnected.put_secret(**unconnected.dcs.credentials)
    unconnected.put_project(endpoint=allowed.replace("127.0.0.1", "localhost"))
    task_id = unconnected.dcs.add()
    unconnected.create("one", task_id)
    needs_a_person(unconnected, "EndpointNotAllowed", "localhost", "--allow-endpoint")
    eventually(lambda: unconnected.project_ready() == "False/EndpointNotAllowed")
    assert unconnected.dcs.calls() == []
    unconnected.put_project(endpoint=allowed)
    unconnected.until("one", "True/Terminated")


def test_a_wrong_cloud_project_is_told_and_heals(unconnected: Workspace) -> None:
    """A projectId that is not the key's: the project is not ready, and mending it is enough."""
    unconnected.put_secret(**unconnected.dcs.credentials)
    unconnected.put_project(projectId="f" * 32)
    task_id = unconnected.dcs.add()
    unconnected.create("one", task_id)
    needs_a_person(unconnected, "ProjectNotReady", "projectId")
    unconnected.put_project()
    unconnected.until("one", "True/Terminated")
