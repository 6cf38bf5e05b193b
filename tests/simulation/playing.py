"""Plays a case on virtual time until everything is at rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from simulation import virtual
from simulation.drawing import copy_of
from simulation.invariants import check_rest
from simulation.replica import Replica
from simulation.world import World

if TYPE_CHECKING:
    from simulation.drawing import Case, Deed

REST_S: Final = 2400.0
"""Longer than the longest pause (a refused key rests 330 s, an order without effect 600 s) and the
rare look (600 s) one after the other."""

LOOK_S: Final = 30.0
"""How often a case is asked whether it is at rest."""


def play(case: Case) -> World:
    """Play a case to its end and return the world as it is then."""
    world = virtual.run(_play(case))
    assert isinstance(world, World)
    return world


async def _play(case: Case) -> World:
    world = World({key: copy_of(one) for key, one in case.fleet.items()}, case.weather)
    living: dict[int, Replica] = {}
    for number in range(case.replicas):
        _start(world, number, living)
    loop = asyncio.get_running_loop()
    for deed in case.deeds:
        await asyncio.sleep(max(deed.at_s - loop.time(), 0.0))
        await _do(world, deed, living)
    await asyncio.sleep(max(case.weather.ends_s - loop.time(), 0.0))
    await _rest(world)
    for replica in list(world.replicas):
        await replica.kill()
    world.close()
    await asyncio.sleep(0)
    return world


async def _rest(world: World) -> None:
    """Wait until everything is at rest, and then a little for what should not come any more."""
    for _ in range(int(REST_S / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        try:
            check_rest(world)
        except AssertionError:
            continue
        break
    await asyncio.sleep(LOOK_S)


def _start(world: World, number: int, living: dict[int, Replica]) -> None:
    living[number] = Replica(world, number)
    living[number].start()


async def _do(world: World, deed: Deed, living: dict[int, Replica]) -> None:
    match deed.what:
        case "stop" | "observe":
            world.apply(deed.number, stopped=deed.what == "stop")
        case "delete":
            world.delete(deed.number)
        case _:
            current = [one for one in world.replicas if one.number == deed.number]
            for replica in current:
                await (replica.kill() if deed.what == "kill" else replica.end())
            _start(world, deed.number, living)
