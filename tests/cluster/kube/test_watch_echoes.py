"""The watch on a real API server: echoes end at its door, and the engine is free of kopf."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from typing import TYPE_CHECKING, Any, cast

import pytest

from dcs_migration_operator.kube.echoes import PASSED_EVERY
from dcs_migration_operator.kube.listing import Listing
from dcs_migration_operator.kube.login import login
from dcs_migration_operator.kube.pulse import Pulse
from dcs_migration_operator.kube.watch import watch
from sandbox import manifests
from sandbox.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from dcs_migration_operator.core.model import Task
    from dcs_migration_operator.engine.intake import Intake
    from sandbox.api import Api
    from sandbox.control_plane import ControlPlane

TASKS = 2 * PASSED_EVERY
WRITES = 2


class Heard:
    """An intake that takes note, and calls a change an echo from when it is told to."""

    def __init__(self) -> None:
        self.echoes = False
        self.asked: list[tuple[str, int, int]] = []
        self.told: list[Task] = []
        self.variables: set[str] = set()

    def is_echo(self, uid: str, generation: int, version: int) -> bool:
        """Take note."""
        self.asked.append((uid, generation, version))
        return self.echoes

    def echoed(self, _uid: str, _version: int) -> None:
        """Take no note."""

    def task_changed(self, task: Task, *_: object) -> None:
        """Take note, and of what a timer made here would hold."""
        self.told.append(task)
        self.variables |= {variable.name for variable in contextvars.copy_context()}


@contextlib.asynccontextmanager
async def watching(
    control_plane: ControlPlane, namespace: str, folder: Path
) -> AsyncIterator[Heard]:
    """Watch the namespace, once everything in it was listed."""
    heard, ready, stop = Heard(), asyncio.Event(), asyncio.Event()
    intake = cast("Intake", heard)
    listing = Listing(intake, (namespace,), cluster_projects=False)
    task = asyncio.create_task(
        watch(
            login(str(control_plane.kubeconfig), str(folder)),
            intake,
            (namespace,),
            heard=lambda: None,
            listing=listing,
            pulse=Pulse(asyncio.get_running_loop().time),
            ready=ready,
            stop=stop,
        )
    )
    await asyncio.wait_for(ready.wait(), timeout=60)
    await asyncio.wait_for(listing.complete.wait(), timeout=60)
    yield heard
    stop.set()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait_for(task, timeout=60)


@pytest.fixture
async def heard(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> AsyncIterator[Heard]:
    """Watch the namespace."""
    async with watching(control_plane, namespace, tmp_path) as found:
        yield found


async def test_echoes_end_before_kopf(heard: Heard, api: Api, namespace: str) -> None:
    """All are recognized by their numbers; exactly one of fifty passes."""
    tasks = manifests.path(namespace, manifests.TASKS)
    names = [f"task-{number}" for number in range(TASKS)]
    labels = {"generation": "99", "resourceVersion": "99", "uid": "x"}

    def create(*names: str) -> None:
        for name in names:
            body = manifests.migration_task(name, stopped=True)
            body["metadata"] |= {"labels": labels, "annotations": {"note": '"uid":"x"}'}}
            api.create(tasks, body)

    def write() -> list[tuple[str, int, int]]:
        answers: list[dict[str, Any]] = [
            api.patch(f"{tasks}/{name}/status", {"status": {"phase": f"P{turn}"}})
            for turn in range(WRITES)
            for name in names
        ]
        metadata = [answer["metadata"] for answer in answers]
        return [(one["uid"], one["generation"], int(one["resourceVersion"])) for one in metadata]

    await asyncio.to_thread(create, *names)
    await eventually_async(lambda: len(heard.told) == TASKS)
    heard.echoes = True
    written = await asyncio.to_thread(write)
    await asyncio.to_thread(create, "last")
    passed = WRITES * TASKS // PASSED_EVERY
    await eventually_async(lambda: len(heard.told) >= TASKS + passed + 1)
    assert heard.asked == written
    assert len(heard.told) == TASKS + passed + 1


async def test_the_engine_is_not_called_in_the_context_of_kopf(
    heard: Heard, api: Api, namespace: str
) -> None:
    """A timer holds its context; kopf's would hold the whole body."""
    tasks = manifests.path(namespace, manifests.TASKS)
    await asyncio.to_thread(api.create, tasks, manifests.migration_task("one"))
    await eventually_async(lambda: heard.told)
    assert heard.variables == set()


async def test_what_exists_is_known_once_the_listing_is_complete(
    control_plane: ControlPlane, api: Api, namespace: str, tmp_path: Path
) -> None:
    """Each object once, and no handler of kopf was called for it."""
    tasks = manifests.path(namespace, manifests.TASKS)
    names = {f"task-{number}" for number in range(TASKS)}
    for name in names:
        await asyncio.to_thread(api.create, tasks, manifests.migration_task(name))
    async with watching(control_plane, namespace, tmp_path) as heard:
        assert {task.ref.name for task in heard.told} == names
        assert len(heard.told) == TASKS
        assert heard.variables == set()
        await asyncio.to_thread(api.create, tasks, manifests.migration_task("later"))
        await eventually_async(lambda: len(heard.told) > TASKS)
    assert heard.told[-1].ref.name == "later"
