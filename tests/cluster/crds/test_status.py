"""The status half of the CRDs: who may write it, what it takes, and how it can be selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import manifests
from sandbox.api import ApiError

if TYPE_CHECKING:
    from sandbox.api import Api

READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Terminated",
    "message": "DCS says that the migration is terminated.",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "observedGeneration": 1,
}

FULL_STATUS = {
    "phase": "TERMINATED",
    "observedGeneration": 1,
    "conditions": [READY],
    "stop": {
        "requestedAt": "2026-01-01T00:00:00Z",
        "acceptedAt": "2026-01-01T00:00:01.5Z",
        "terminatedAt": "2026-01-01T00:00:10Z",
        "attempts": 1,
        "requestId": "f0e1d2",
        "lagAtOrder": 0,
    },
    "lag": {
        "offset": 0,
        "fullProgress": 100,
        "sourceKeys": 9_007_199_254_740_993,
        "targetKeys": 3,
        "observedAt": "2026-01-01T00:00:00Z",
        "caughtUpSince": "2025-12-31T23:59:50Z",
    },
    "cutover": {"openedAt": "2025-12-31T23:59:00Z", "timesOutAt": "2026-01-01T00:29:00Z"},
    "task": {
        "name": "orders",
        "method": "incremental_migration",
        "sourceInstance": "redis-1",
        "targetInstance": "redis-2",
    },
    "lastError": {
        "code": "DCS.4855",
        "message": "invalid id",
        "requestId": "a1b2c3",
        "time": "2026-01-01T00:00:02Z",
    },
}


class Task:
    """One MigrationTask, made for the test."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self.path = manifests.path(namespace, manifests.TASKS, "one")
        body = manifests.migration_task("one")
        self.created = api.create(manifests.path(namespace, manifests.TASKS), body)

    def patch_status(self, body: Any, kind: str = "merge") -> Any:
        """Patch through the status subresource and return the whole object."""
        return self._api.patch(f"{self.path}/status", body, kind)


@pytest.fixture
def task(api: Api, namespace: str) -> Task:
    """Make a MigrationTask named `one`."""
    return Task(api, namespace)


def test_every_field_of_the_contract_is_kept(task: Task) -> None:
    """Nothing of a full status is pruned or changed."""
    assert task.patch_status({"status": FULL_STATUS})["status"] == FULL_STATUS


def test_writing_the_status_leaves_the_spec_and_generation_alone(task: Task) -> None:
    """Through the status subresource, a change of the spec is ignored."""
    body = {"spec": {"stopped": True}, "status": {"phase": "MIGRATING"}}
    changed = task.patch_status(body)
    assert changed["spec"] == task.created["spec"]
    assert changed["metadata"]["generation"] == task.created["metadata"]["generation"]


def test_writing_the_resource_leaves_the_status_alone(task: Task, api: Api) -> None:
    """A person who applies a manifest with a status cannot fake what DCS said."""
    body = {"spec": {"stopped": True}, "status": {"phase": "TERMINATED"}}
    changed = api.patch(task.path, body)
    assert changed["spec"]["stopped"] is True
    assert changed["status"]["phase"] == "PENDING"


def test_a_resource_nobody_has_seen_says_so(task: Task, api: Api) -> None:
    """From its first moment it is pending, for people and for tools that read conditions."""
    status = api.get(task.path)["status"]
    said = {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}
    assert said == {
        "Ready": ("False", "Pending"),
        "Stopped": ("Unknown", "Pending"),
        "Reconciling": ("True", "Pending"),
    }
    assert status["phase"] == "PENDING"
    assert manifests.written_status(api.get(task.path)) == {}


def test_a_status_word_nobody_has_heard_of_is_stored(task: Task) -> None:
    """DCS may invent words; they are shown as they are."""
    word = "Schrödinger-phase 2"
    assert task.patch_status({"status": {"phase": word}})["status"]["phase"] == word


def test_a_patch_meant_for_another_object_is_refused(task: Task) -> None:
    """A resource that was deleted and made again under its name does not get the old status."""
    patch = [
        {"op": "test", "path": "/metadata/uid", "value": "00000000-0000-0000-0000-000000000000"},
        {"op": "add", "path": "/status", "value": {"phase": "TERMINATED"}},
    ]
    with pytest.raises(ApiError) as refusal:
        task.patch_status(patch, kind="json")
    assert refusal.value.status == 422


def test_a_patch_with_the_right_uid_is_taken(task: Task) -> None:
    """The first status can be added to a resource that has none yet."""
    patch = [
        {"op": "test", "path": "/metadata/uid", "value": task.created["metadata"]["uid"]},
        {"op": "add", "path": "/status", "value": {"phase": "PENDING"}},
    ]
    assert task.patch_status(patch, kind="json")["status"] == {"phase": "PENDING"}


def test_the_same_condition_cannot_stand_there_twice(task: Task) -> None:
    """Conditions are a map by type, as `kubectl wait` expects."""
    with pytest.raises(ApiError, match="Duplicate value"):
        task.patch_status({"status": {"conditions": [READY, READY]}})


@pytest.mark.parametrize("missing", ["type", "status", "reason", "message", "lastTransitionTime"])
def test_an_incomplete_condition_is_refused(task: Task, missing: str) -> None:
    """What kstatus readers rely on has to be there."""
    condition = {key: value for key, value in READY.items() if key != missing}
    with pytest.raises(ApiError, match="Required value"):
        task.patch_status({"status": {"conditions": [condition]}})


@pytest.mark.parametrize(
    "field, value",
    [("status", "true"), ("reason", "not one word"), ("lastTransitionTime", "yesterday")],
)
def test_a_malformed_condition_is_refused(task: Task, field: str, value: str) -> None:
    """The usual rules of Kubernetes conditions hold."""
    with pytest.raises(ApiError) as refusal:
        task.patch_status({"status": {"conditions": [READY | {field: value}]}})
    assert refusal.value.status == 422


def test_tasks_are_selected_by_wish_and_phase(
    api: Api, namespace: str, *, selectable: bool
) -> None:
    """The API server itself filters by spec.stopped and status.phase; before 1.31 it refuses."""
    tasks_path = manifests.path(namespace, manifests.TASKS)
    for name, stopped, phase in [
        ("done", True, "TERMINATED"),
        ("going", True, "TERMINATING"),
        ("watched", False, "TERMINATED"),
    ]:
        api.create(tasks_path, manifests.migration_task(name, stopped=stopped))
        api.patch(f"{tasks_path}/{name}/status", {"status": {"phase": phase}})
    api.create(tasks_path, manifests.migration_task("new", stopped=True))

    def selected(selector: str) -> list[str]:
        items = api.get(tasks_path, fieldSelector=selector)["items"]
        return [item["metadata"]["name"] for item in items]

    if not selectable:
        with pytest.raises(ApiError, match="field label not supported"):
            selected("status.phase=PENDING")
        return
    assert selected("spec.stopped=true,status.phase=TERMINATED") == ["done"]
    assert selected("spec.stopped=true,status.phase!=TERMINATED") == ["going", "new"]
    assert selected("status.phase=PENDING") == ["new"]
