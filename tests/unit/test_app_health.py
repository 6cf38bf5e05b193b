"""The health page hears of each loop: every one of them is frozen once, on virtual time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from dcs_migration_operator import app
from dcs_migration_operator.core.model import ObjectRef, Project, ProjectRef, Task
from dcs_migration_operator.core.status import Status
from dcs_migration_operator.kube.session import Cluster
from dcs_migration_operator.settings import Settings
from dcs_migration_operator.telemetry.health import STALLED_S_MAX
from simulation.cloud import ModelDcs
from simulation.rig import KEYS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from dcs_migration_operator.kube.api import KubeApi

pytestmark = pytest.mark.looptime

REF = ObjectRef("migrationtasks", "team-a", "one", "uid-1")


class Api:
    """An API server whose every call hangs once it is frozen."""

    def __init__(self) -> None:
        self.frozen = False
        self.lease: dict[str, Any] = {"metadata": {}, "spec": {}}

    async def _answer(self) -> None:
        await asyncio.sleep(1e9 if self.frozen else 0.01)

    async def patch_status(self, _ref: ObjectRef, _status: Mapping[str, Any]) -> int:
        """Write a status."""
        await self._answer()
        return 7

    async def read_credentials(self, _namespace: str, _name: str) -> object:
        """Read a Secret."""
        await self._answer()
        return KEYS

    async def read_labels(self, _namespace: str) -> Mapping[str, str]:
        """Read labels."""
        return {}

    async def create_event(self, _namespace: str, _event: Mapping[str, Any]) -> None:
        """Create an Event."""

    async def patch_event(self, _namespace: str, _name: str, _news: Mapping[str, Any]) -> None:
        """Change an Event."""

    def server_now(self) -> None:
        """Return the clock, which is not known."""

    async def list_leases(self, _namespace: str, _selector: str, _count_max: int) -> list[Any]:
        """List Leases of other installations: there are none."""
        return []

    async def get_lease(self, _namespace: str, _name: str) -> dict[str, Any]:
        """Read the Lease."""
        await self._answer()
        return self.lease

    async def put_lease(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Write the Lease."""
        await self._answer()
        self.lease = dict(lease)
        return self.lease


class Stage:
    """An operator without a process, a watch and sockets around it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.api, self.slow_s = Api(), 0.05
        monkeypatch.setattr(app, "ThreadedDcs", lambda *_: ModelDcs({}, answer_s=self.slow_s))
        virtual = asyncio.get_running_loop().time
        monkeypatch.setattr(app, "awake_or_asleep_s", virtual)
        cluster = Cluster("https://api.example", "dcs-system")
        self.operator = app._Operator(  # noqa: SLF001 - its wiring is what is tested
            Settings(), cluster, cast("KubeApi", self.api)
        )

    def stuck(self) -> set[str]:
        """Return the loops that the health page would name."""
        found = self.operator._stuck_s()  # noqa: SLF001 - the same
        return {name for name, seconds in found.items() if seconds >= STALLED_S_MAX}

    def work(self) -> None:
        """Give the engine one task to look at."""
        engine = self.operator._engine  # noqa: SLF001 - the same
        project = ProjectRef("DCSProject", "team-a", "default")
        engine.activate()
        engine.intake.project_changed(
            Project(
                ref=project,
                object=ObjectRef("dcsprojects", "team-a", "default", "uid-p"),
                generation=1,
                endpoint="https://dcs.cn-north-4.myhuaweicloud.com",
                project_id="p",
                secret="dcs",
            ),
            Status(),
            1,
        )
        engine.intake.task_changed(
            Task(REF, 1, "id-1", "id1", stopped=True, project=project), Status(), 2
        )


@asynccontextmanager
async def staged(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Give a stage whose watch is heard of all the time, and whose Lease is renewed."""
    stage = Stage(monkeypatch)
    operator = stage.operator
    campaign = asyncio.gather(operator._elector.run(), operator._neighbors.run())  # noqa: SLF001 - the same
    try:
        yield stage
    finally:
        campaign.cancel()
        await operator._engine.close(0.0)  # noqa: SLF001 - the same
        await operator._queue.close()  # noqa: SLF001 - the same
        await asyncio.gather(campaign, return_exceptions=True)


async def pass_time(stage: Stage, seconds: float, *, watch: bool = True) -> None:
    """Let time pass, in which the watch is heard of unless it is frozen."""
    for _ in range(int(seconds)):
        await asyncio.sleep(1.0)
        if watch:
            stage.operator._heard()  # noqa: SLF001 - the same


async def test_nothing_is_stuck_while_all_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays so for as long as one likes."""
    async with staged(monkeypatch) as stage:
        stage.work()
        await pass_time(stage, 600.0)
        assert stage.stuck() == set()


async def test_a_frozen_watch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told within a minute, and nothing else is."""
    async with staged(monkeypatch) as stage:
        await pass_time(stage, 59.0, watch=False)
        assert stage.stuck() == {"the watch"}


async def test_a_frozen_lease_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server swallows its calls."""
    async with staged(monkeypatch) as stage:
        await pass_time(stage, 10.0)
        stage.api.frozen = True
        await pass_time(stage, 59.0)
        assert stage.stuck() == {"the Lease"}


async def test_frozen_writers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that never ends, while others wait."""
    async with staged(monkeypatch) as stage:
        await pass_time(stage, 10.0)
        stage.api.frozen = True
        stage.operator._queue.want(REF, Status(phase="PENDING"))  # noqa: SLF001 - the same
        await pass_time(stage, 59.0)
        assert "the writing" in stage.stuck()


async def test_a_frozen_poll_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a call of DCS outlives every time limit."""
    async with staged(monkeypatch) as stage:
        stage.slow_s = 1e9
        stage.work()
        await pass_time(stage, 59.0)
        assert stage.stuck() == {"the polling"}


async def test_a_replica_that_lost_the_lease_leaves_within_2_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everything hangs, and could do no good: a leader waits 6 s for it."""
    for lost, seconds_max in ((True, 2.0), (False, 7.0)):
        async with staged(monkeypatch) as stage:
            stage.slow_s = 1e9
            stage.work()
            await pass_time(stage, 10.0)
            stage.api.frozen = True
            stage.operator._queue.want(REF, Status(phase="PENDING"))  # noqa: SLF001 - the same
            await pass_time(stage, 1.0)
            if lost:
                monkeypatch.setattr(stage.operator._elector, "leads", lambda: False)  # noqa: SLF001
            watch = asyncio.create_task(asyncio.sleep(1e9))
            began = asyncio.get_running_loop().time()
            await stage.operator._end({"the watch": watch}, asyncio.Event())  # noqa: SLF001
            taken_s = asyncio.get_running_loop().time() - began
            assert seconds_max - 1.0 <= taken_s <= seconds_max
