"""The feed: events of the watch as calls of the intake, and one that is odd harms nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from dcs_migration_operator.core.status import Status
from dcs_migration_operator.kube.feed import project_event, task_event

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import ObjectRef, Project, Task
    from dcs_migration_operator.engine.intake import Intake

TASK: dict[str, Any] = {
    "metadata": {
        "namespace": "team-a",
        "name": "cache",
        "uid": "uid-1",
        "generation": 3,
        "resourceVersion": "17",
    },
    "spec": {"taskId": "b21989ec-2889-4b8e-99db-19c073425ec2", "stopped": True},
    "status": {"phase": "MIGRATING", "observedGeneration": 2},
}
PROJECT: dict[str, Any] = {
    "metadata": TASK["metadata"] | {"name": "default", "uid": "uid-p"},
    "spec": {
        "region": "cn-north-4",
        "projectId": "0123456789abcdef",
        "credentials": {"secretRef": {"name": "dcs"}},
    },
}


class Told:
    """Keeps what the intake was told (`Intake`)."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error = error

    @property
    def intake(self) -> Intake:
        """Itself, as the feed knows it."""
        return cast("Intake", self)

    def task_changed(self, task: Task, status: Status, version: int) -> None:
        """Keep a task."""
        self._keep("task", task.ref.uid, task.generation, task.stopped, status.phase, version)

    def project_changed(self, project: Project, status: Status, version: int) -> None:
        """Keep a project."""
        self._keep("project", project.object.uid, project.secret, status, version)

    def deleted(self, uid: str) -> None:
        """Keep a deletion."""
        self._keep("deleted", uid)

    def unreadable(self, ref: ObjectRef, version: int, reason: str) -> None:
        """Keep what could not be read."""
        self.calls.append(("unreadable", ref.plural, ref.uid, version, reason))

    def _keep(self, *call: Any) -> None:
        if self.error:
            raise self.error
        self.calls.append(call)


def test_a_task_is_handed_on_with_its_status_and_its_version() -> None:
    """They are frozen values."""
    told = Told()
    task_event(told.intake, "migrationtasks", TASK, deleted=False)
    assert told.calls == [("task", "uid-1", 3, True, "MIGRATING", 17)]


def test_a_project_is_handed_on_with_its_status_and_its_version() -> None:
    """One without a status has an empty one."""
    told = Told()
    project_event(told.intake, "dcsprojects", PROJECT, deleted=False)
    assert told.calls == [("project", "uid-p", "dcs", Status(), 17)]


@pytest.mark.parametrize("event", [task_event, project_event])
def test_a_deletion_needs_no_readable_body(event: Any) -> None:
    """Only the uid of what is gone counts."""
    told = Told()
    body = {"metadata": TASK["metadata"], "spec": "junk"}
    event(told.intake, "migrationtasks", body, deleted=True)
    assert told.calls == [("deleted", "uid-1")]


@pytest.mark.parametrize(
    "event, body, words",
    [
        (task_event, TASK | {"spec": {}}, "spec.taskId is missing"),
        (task_event, TASK | {"spec": None}, "spec.taskId is missing"),
        (project_event, PROJECT | {"spec": {"caBundle": "%"}}, "spec.caBundle is not base64"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_to_do(
    event: Any, body: dict[str, Any], words: str
) -> None:
    """It counts as known, so that a start does not wait for it."""
    told = Told()
    event(told.intake, "migrationtasks", body, deleted=False)
    ((call, plural, uid, version, reason),) = told.calls
    assert (call, plural, version) == ("unreadable", "migrationtasks", 17)
    assert uid == body["metadata"]["uid"]
    assert words in reason


def test_an_error_of_our_own_concerns_its_object_alone(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged and told by its kind; kopf never sees it, and goes on with the next."""
    told = Told(error=ValueError("what a body holds"))
    task_event(told.intake, "migrationtasks", TASK, deleted=False)
    assert told.calls == [
        ("unreadable", "migrationtasks", "uid-1", 17, "It cannot be read (ValueError).")
    ]
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"metadata": None},
        {"metadata": []},
        {"metadata": {"name": "cache", "uid": "uid-1"}},
        {"metadata": {"name": "cache", "uid": "uid-1", "resourceVersion": "latest"}},
    ],
)
def test_what_is_no_object_is_left_out(
    body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the rest of its page still arrives."""
    told = Told()
    task_event(told.intake, "migrationtasks", body, deleted=False)
    assert told.calls == []
    assert "without name, uid or version" in caplog.text
