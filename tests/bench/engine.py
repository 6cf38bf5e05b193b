"""The engine alone, on virtual time, between the models of the simulation: growth without limits.

Owns the feeding. There is no API server, no kopf and no socket here, so what grows faster than the
number of tasks shows at sizes that one machine could not serve.
"""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cloud import LIST_ROWS_MAX, Page
from dcs_migration_operator.core.model import Observation
from sandbox.waiting import eventually_async
from simulation import virtual
from simulation.cloud import Migration, ModelDcs, task_id
from simulation.rig import Rig

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import Account

LOOK_S: Final = 5.0
"""Virtual seconds between two looks whether it is over."""
LIFE_S_MAX: Final = 600.0
"""Real seconds for one life; 40,000 tasks take twenty."""
MS_PER_S: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What it took the engine to stop so many tasks."""

    tasks: int
    cpu_ms_per_task: float
    """Models included."""
    orders: int
    lists: int
    writes_per_task: float
    virtual_s: float
    """The rate per key is limited, so many tasks take long whatever the machine."""


@dataclass(frozen=True, slots=True)
class _Held:
    size_bytes: int
    objects: int


class _Dcs(ModelDcs):
    """The model, whose list copies the whole fleet for each page; this one does not."""

    def __init__(self, fleet: dict[str, Migration]) -> None:
        super().__init__(fleet)
        self._rows = list(fleet.items())

    async def list_page(self, offset: int) -> Page:
        await self._begin("list", ())
        page, now = self._rows[offset : offset + LIST_ROWS_MAX], asyncio.get_running_loop().time()
        return Page(len(page), tuple(Observation(one.at(now), name) for name, one in page))


class _Rig(Rig):
    def _open(self, _: Account) -> ModelDcs:
        self.dcs.append(_Dcs(self.fleet))
        return self.dcs[-1]


def live(tasks: int) -> Life:
    """Stop so many tasks, all wished at the same moment."""
    began_s = time.process_time()
    found: Life = virtual.run(_life(tasks, [], began_s))
    return found


def bytes_per_task(tasks: int) -> float:
    """Return what the engine holds of each task once all have ended."""
    before, after = _held(tasks)
    return (after.size_bytes - before.size_bytes) / tasks


def objects_held(tasks: int) -> int:
    """Return how many objects that can hold others the engine adds to hold so many tasks."""
    before, after = _held(tasks)
    return after.objects - before.objects


def _held(tasks: int) -> list[_Held]:
    held: list[_Held] = []
    tracemalloc.start()
    try:
        virtual.run(_life(tasks, held, 0.0))
    finally:
        tracemalloc.stop()
    return held


async def _life(tasks: int, held: list[_Held], began_s: float) -> Life:
    """Stop all tasks; with `tracemalloc` on, note what is held before and after."""
    loop = asyncio.get_running_loop()
    fleet = {task_id(number): Migration() for number in range(tasks)}
    async with _Rig(fleet) as rig:
        rig.add_project()
        rig.engine.activate()
        await asyncio.sleep(LOOK_S)
        _note(held)
        wished_s = loop.time()
        for number in range(tasks):
            rig.add_task(number)
        await eventually_async(
            lambda: all(rig.reason(uid) == "Terminated" for uid in rig.api.objects),
            LIFE_S_MAX,
            LOOK_S,
        )
        await rig.api.settle()
        found = Life(
            tasks=tasks,
            cpu_ms_per_task=(time.process_time() - began_s) * MS_PER_S / tasks,
            orders=rig.calls["batch_stop"],
            lists=rig.calls["list"],
            writes_per_task=sum(len(one.history) for one in rig.api.objects.values()) / tasks,
            virtual_s=loop.time() - wished_s,
        )
        # What is left is what the engine holds: not the model's objects with their histories.
        rig.api.objects.clear()
        _note(held)
    return found


def _note(held: list[_Held]) -> None:
    if tracemalloc.is_tracing():
        gc.collect()
        held.append(_Held(tracemalloc.get_traced_memory()[0], len(gc.get_objects())))
