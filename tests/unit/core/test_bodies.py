"""Events of the watch to frozen values: what is read, and with which defaults."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import kopf
import pytest

from dcs_migration_operator.core.model import ObjectRef, Project, ProjectRef, Task, task_key
from dcs_migration_operator.core.status import Status, to_json
from dcs_migration_operator.kube.feed import project_event, task_event
from support import make

if TYPE_CHECKING:
    from dcs_migration_operator.engine.intake import Intake

METADATA = {
    "namespace": "team-a",
    "name": "cache",
    "uid": "uid-1",
    "resourceVersion": "12345678901234567890",
    "generation": 3,
}


class Heard:
    """An intake that only takes note."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def task_changed(self, task: Task, shown: Status, version: int) -> None:
        """Take note."""
        self.events.append(("task", task, shown, version))

    def deleted(self, uid: str) -> None:
        """Take note."""
        self.events.append(("deleted", uid))

    def unreadable(self, ref: ObjectRef, version: int, reason: str) -> None:
        """Take note."""
        self.events.append(("unreadable", ref.uid, version, reason))

    def project_changed(self, project: Project, shown: Status, version: int) -> None:
        """Take note."""
        self.events.append(("project", project, shown, version))


def told(kind: str, body: dict[str, Any], *, deleted: bool = False) -> list[tuple[Any, ...]]:
    """Return what the intake hears of one event, as a plain body and as kopf's."""
    heard = [Heard(), Heard()]
    handle = {"task": task_event, "project": project_event}[kind]
    plural = {"task": "migrationtasks", "project": "dcsprojects"}[kind]
    handle(cast("Intake", heard[0]), plural, body, deleted=deleted)
    handle(cast("Intake", heard[1]), plural, kopf.Body(cast("Any", body)), deleted=deleted)
    assert heard[0].events == heard[1].events
    return heard[0].events


class TestTask:
    """A `MigrationTask` becomes a `Task`."""

    def test_every_field_is_read(self) -> None:
        """Names, generation, both forms of the id, the wish, the project and the version."""
        spec = {
            "taskId": make.TASK_ID.upper(),
            "stopped": True,
            "projectRef": {"kind": "DCSProject", "name": "other"},
        }
        ((_, task, shown, version),) = told("task", {"metadata": METADATA, "spec": spec})
        assert task == Task(
            ref=ObjectRef("migrationtasks", "team-a", "cache", "uid-1"),
            generation=3,
            task_id=make.TASK_ID.upper(),
            key=task_key(make.TASK_ID),
            stopped=True,
            project=ProjectRef("DCSProject", "team-a", "other"),
        )
        assert (shown, version) == (Status(), 12345678901234567890)

    def test_defaults_are_those_of_the_resource(self) -> None:
        """They hold without an API server that fills them in, too."""
        body = {"metadata": METADATA, "spec": {"taskId": make.TASK_ID}}
        ((_, task, *_),) = told("task", body)
        assert (task.stopped, task.project) == (
            False,
            ProjectRef("DCSProject", "team-a", "default"),
        )

    @pytest.mark.parametrize("stopped", [False, None, 1, "true", "yes", ["true"]])
    def test_only_true_is_a_wish_to_stop(self, stopped: object) -> None:
        """Nothing is stopped by accident."""
        body = {"metadata": METADATA, "spec": {"taskId": make.TASK_ID, "stopped": stopped}}
        ((_, task, *_),) = told("task", body)
        assert task.stopped is False

    def test_its_status_is_read_back(self) -> None:
        """So that a restart resumes and writes nothing."""
        situation = make.situation("MIGRATING", request=make.accepted(990.0))
        shown = make.shown_after(
            replace(situation, observed=make.observed("MIGRATING", name="cache"))
        )
        body = {"metadata": METADATA, "spec": {"taskId": "t"}, "status": to_json(shown)}
        ((_, _, read, _),) = told("task", body)
        assert read == shown

    def test_a_deletion_needs_no_spec(self) -> None:
        """The uid is enough."""
        assert told("task", {"metadata": METADATA}, deleted=True) == [("deleted", "uid-1")]

    @pytest.mark.parametrize("spec", [None, {}, {"taskId": ""}, {"taskId": 7}, "text", []])
    def test_a_resource_without_an_id_counts_as_known_and_is_told(self, spec: object) -> None:
        """Only a foreign CRD lets it exist, so that is what the reason asks about."""
        ((what, uid, version, reason),) = told("task", {"metadata": METADATA, "spec": spec})
        assert (what, uid, version) == ("unreadable", "uid-1", 12345678901234567890)
        assert "Install the CRDs of this operator" in reason


class TestProject:
    """A `DCSProject` becomes a `Project`."""

    @pytest.mark.parametrize(
        "where, endpoint",
        [
            ({"region": "cn-north-4"}, "https://dcs.cn-north-4.myhuaweicloud.com"),
            ({"endpoint": "HTTPS://DCS.Example.com/"}, "https://dcs.example.com"),
        ],
    )
    def test_every_field_is_read(self, where: dict[str, str], endpoint: str) -> None:
        """Region or endpoint, cloud project, and the Secret by its name."""
        spec = {"projectId": "p1", "credentials": {"secretRef": {"name": "dcs"}}, **where}
        ((_, project, shown, version),) = told("project", {"metadata": METADATA, "spec": spec})
        assert project == Project(
            ref=ProjectRef("DCSProject", "team-a", "cache"),
            object=ObjectRef("dcsprojects", "team-a", "cache", "uid-1"),
            generation=3,
            endpoint=endpoint,
            project_id="p1",
            secret="dcs",
        )
        assert (shown, version) == (Status(), 12345678901234567890)

    def test_an_empty_project_names_nothing(self) -> None:
        """It is handed on all the same, so that it gets a reason."""
        ((_, project, *_),) = told("project", {"metadata": METADATA, "spec": {}})
        assert (project.project_id, project.secret) == ("", "")

    def test_a_deletion_names_the_uid(self) -> None:
        """A namesake that was made meanwhile is another one."""
        assert told("project", {"metadata": METADATA}, deleted=True) == [("deleted", "uid-1")]
