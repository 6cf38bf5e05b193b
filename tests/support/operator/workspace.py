"""A workspace: one test's share of the cluster (tasks) and of the cloud (migrations).

Owns the names: a Secret and a DCSProject called after the workspace, and MigrationTasks whose names
begin with it, so that many workspaces fit into one namespace.
"""

from __future__ import annotations

import contextlib
import http
import secrets
from typing import TYPE_CHECKING, Any

from sandbox import manifests
from sandbox.api import ApiError
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sandbox.api import Api
    from support.operator.cloud import CloudProject
    from support.operator.records import Record, Recorder, Shown

PATIENCE_S = 60.0
"""Time limit for anything that happens by itself; on an idle machine most takes a second or two."""


class Workspace:
    """What one test works with.

    Attributes:
        dcs: The cloud project.
        namespace: Where the resources are.
        name: Of the Secret and of the DCSProject.
    """

    def __init__(self, api: Api, dcs: CloudProject, recorder: Recorder, namespace: str) -> None:
        self._api, self._recorder = api, recorder
        self.dcs, self.namespace = dcs, namespace
        self.name = f"w{secrets.token_hex(3)}"

    def full(self, name: str) -> str:
        """Return the name under which Kubernetes knows a MigrationTask of this workspace."""
        return f"{self.name}-{name.lower().replace('_', '-')}"

    def connect(self) -> None:
        """Create the Secret and the DCSProject."""
        self.put_secret(**self.dcs.credentials)
        self.put_project()

    def put_secret(self, **data: str) -> None:
        """Create the Secret with these keys, or replace it."""
        body = manifests.secret(self.name, **data)
        try:
            self._api.replace(manifests.core_path(self.namespace, "secrets", self.name), body)
        except ApiError as error:
            if error.status != http.HTTPStatus.NOT_FOUND:
                raise
            self._api.create(manifests.core_path(self.namespace, "secrets"), body)

    def put_project(self, **spec: Any) -> None:
        """Create the DCSProject, or change these fields of its spec."""
        full = {
            "endpoint": self.dcs.cloud.endpoint,
            "projectId": self.dcs.project_id,
            "credentials": {"secretRef": {"name": self.name}},
        }
        body = manifests.dcs_project(self.name, **(full | spec))
        path = manifests.path(self.namespace, manifests.PROJECTS, self.name)
        self._api.apply(path, body, "test")

    def task(self, name: str, task_id: str, *, stopped: bool, **spec: Any) -> dict[str, Any]:
        """Return the manifest of a MigrationTask of this workspace."""
        project = {"name": self.name}
        return manifests.migration_task(
            self.full(name), task_id, stopped=stopped, projectRef=project, **spec
        )

    def create(self, name: str, task_id: str, *, stopped: bool = True) -> None:
        """Create a MigrationTask."""
        path = manifests.path(self.namespace, manifests.TASKS)
        self._api.create(path, self.task(name, task_id, stopped=stopped))

    def create_many(self, task_ids: Iterable[str], *, stopped: bool = True) -> None:
        """Create a MigrationTask for each id, named by its place."""
        path = manifests.path(self.namespace, manifests.TASKS)
        numbered = enumerate(task_ids)
        bodies = [self.task(f"{n:04}", one, stopped=stopped) for n, one in numbered]
        self._api.create_many(path, bodies)

    def cut_over(self, name: str, task_id: str, **cutover: Any) -> None:
        """Create a MigrationTask that is stopped once its target has caught up."""
        path = manifests.path(self.namespace, manifests.TASKS)
        self._api.create(path, self.task(name, task_id, stopped=False, cutover=cutover))

    def join(self, task_ids: Iterable[str]) -> None:
        """Create a MigrationTask of the wave for each id, named by its place."""
        wave = {"waveRef": {"name": self.name}}
        path = manifests.path(self.namespace, manifests.TASKS)
        numbered = enumerate(task_ids)
        bodies = [self.task(f"{n:04}", one, stopped=False, cutover=wave) for n, one in numbered]
        self._api.create_many(path, bodies)

    def put_wave(self, state: str, **spec: Any) -> None:
        """Create the wave of this workspace, or replace all of its spec."""
        body = manifests.migration_wave(self.name, state=state, **spec)
        self._api.apply(self._wave, body, "test")

    def delete_wave(self) -> None:
        """Delete the wave."""
        self._api.delete(self._wave)

    def until_wave(self, ready: str, timeout_s: float = PATIENCE_S, **tasks: int) -> dict[str, Any]:
        """Wait until Ready of the wave and some of its counts are so; returns the status."""

        def look() -> dict[str, Any]:
            status: dict[str, Any] = self._api.get(self._wave)["status"]
            conditions = [one for one in status["conditions"] if one["type"] == "Ready"]
            assert [f"{one['status']}/{one['reason']}" for one in conditions] == [ready], status
            assert status["tasks"] == status["tasks"] | tasks, status
            return status

        return eventually(look, timeout_s)

    def events(self) -> list[tuple[str, str, str]]:
        """Return type, reason and name of the object of each event about this workspace."""
        found = self._api.get(manifests.core_path(self.namespace, "events"))["items"]
        every = [(one["type"], one["reason"], one["involvedObject"]["name"]) for one in found]
        return [one for one in every if one[2].startswith(self.name)]

    def stop(self, name: str) -> None:
        """Set `spec.stopped` of a MigrationTask."""
        self._api.patch(self._path(name), {"spec": {"stopped": True}})

    def delete(self, name: str) -> None:
        """Delete a MigrationTask."""
        self._api.delete(self._path(name))

    def plant(self, name: str, status: dict[str, Any]) -> None:
        """Write a status as an operator of an earlier life would have left it."""
        self._api.patch(f"{self._path(name)}/status", {"status": status})

    def read(self, name: str) -> Any:
        """Return a MigrationTask as it is stored now; raises `ApiError` if it is not there."""
        return self._api.get(self._path(name))

    def project_ready(self) -> str:
        """Return Ready of the DCSProject as `True/Reason`; raises `LookupError` before there is."""
        path = manifests.path(self.namespace, manifests.PROJECTS, self.name)
        for one in self._api.get(path)["status"]["conditions"]:
            if one["type"] == "Ready":
                return f"{one['status']}/{one['reason']}"
        raise LookupError("Ready")

    def record(self, name: str) -> Record:
        """Return the life of a MigrationTask; raises `LookupError` while nothing is known of it."""
        return self._recorder[self.namespace, self.full(name)]

    def records(self) -> dict[str, Record]:
        """Return the lives of all MigrationTasks of this workspace, by their full names."""
        return self._recorder.in_namespace(self.namespace, f"{self.name}-")

    def until(self, name: str, ready: str, timeout_s: float = PATIENCE_S) -> Shown:
        """Wait until Ready of a task is `ready`, as in `True/Terminated`; returns the status."""
        return self.until_shown(name, lambda shown: shown.ready == ready, timeout_s)

    def until_shown(
        self, name: str, fact: Callable[[Shown], bool], timeout_s: float = PATIENCE_S
    ) -> Shown:
        """Wait until a fact holds for the status of a task; returns that status."""

        def look() -> Shown | None:
            last = self.record(name).last
            assert fact(last), last.body
            return last

        shown = eventually(look, timeout_s)
        assert shown
        return shown

    def until_all(self, ready: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until Ready of every task is `ready`."""

        def look() -> bool:
            others = [name for name, one in self.records().items() if one.last.ready != ready]
            assert not others, others[:5]
            return True

        eventually(look, timeout_s)

    def until_looked(self, times: int, operation: str = "list") -> None:
        """Wait for further polls, after which the effect of the first would have shown."""
        before = len(self.dcs.calls(operation))
        eventually(lambda: len(self.dcs.calls(operation)) >= before + times, PATIENCE_S)

    def check(self) -> None:
        """Assert what holds for every status that was ever written."""
        for record in self.records().values():
            for shown in record.statuses:
                shown.check()

    def close(self) -> None:
        """Delete everything but the Secret, so that the operator has no work left, and check."""
        for name, record in self.records().items():
            if not record.deleted:
                self._api.delete(manifests.path(self.namespace, manifests.TASKS, name))
        with contextlib.suppress(ApiError):
            self._api.delete(manifests.path(self.namespace, manifests.PROJECTS, self.name))
        self.dcs.heal()
        self.check()

    @property
    def _wave(self) -> str:
        return manifests.path(self.namespace, manifests.WAVES, self.name)

    def _path(self, name: str) -> str:
        return manifests.path(self.namespace, manifests.TASKS, self.full(name))
