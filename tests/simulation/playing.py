"""Plays a case on virtual time until everything is at rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from simulation import virtual
from simulation.deeds import bring_home, do, let_go, put_right
from simulation.invariants import check_rest
from simulation.replica import Replica
from simulation.watching import watch
from simulation.world import World

if TYPE_CHECKING:
    from simulation.drawing import Case

REST_S: Final = 4200.0
"""Longer than the longest pauses one after the other: a refused key rests 330 s, what has no effect
or fails for one id 600 s, the rare look comes after 660 s, and a batch that hangs because of one id
is divided within 1,800 s."""

HOLD_S: Final = 20.0
"""So long all waves hold before they go for the last time: whatever watch has heard of it."""

LOOK_S: Final = 30.0
"""How often a case is asked whether it is at rest."""


def play(case: Case, rest_s: float = REST_S) -> World:
    """Play a case to its end and return the world as it is then."""
    world = virtual.run(_play(case, rest_s))
    assert isinstance(world, World)
    return world


async def _play(case: Case, rest_s: float) -> World:
    world = World(case)
    put_right(world)
    for number in range(case.replicas):
        _start(world, number)
    watching = asyncio.create_task(watch(world))
    loop = asyncio.get_running_loop()
    for deed in case.deeds:
        await asyncio.sleep(max(deed.at_s - loop.time(), 0.0))
        if deed.what in {"kill", "end"}:
            await _end(world, deed.number, kill=deed.what == "kill")
            _start(world, deed.number)
        elif deed.what == "down":
            await _end(world, deed.number, kill=True)
        elif deed.what == "up":
            _start(world, deed.number)
        else:
            do(world, deed)
    await asyncio.sleep(max(_calm_at(case) - loop.time(), 0.0))
    put_right(world)
    if case.conditional:
        bring_home(world)
        await asyncio.sleep(HOLD_S)
        let_go(world)
    await _rest(world, rest_s)
    watching.cancel()
    for replica in list(world.replicas):
        await replica.kill()
    world.close()
    await asyncio.wait({watching})
    if not watching.cancelled():
        watching.result()
    return world


def _calm_at(case: Case) -> float:
    """Return when the last fault is over of those that end."""
    strange = (one.until_s for one in case.fleet.values() if one.until_s < float("inf"))
    return max(case.weather.ends_s, *strange, 0.0)


async def _rest(world: World, rest_s: float) -> None:
    """Wait until everything is at rest, and then a little for what should not come any more."""
    for _ in range(int(rest_s / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        try:
            check_rest(world, virtual.now())
        except AssertionError:
            continue
        break
    await asyncio.sleep(LOOK_S)
    world.notes.rested_at = virtual.now()


def _start(world: World, number: int) -> None:
    """Start the process of this number, unless it runs."""
    if all(one.number != number for one in world.replicas):
        Replica(world, number).start()


async def _end(world: World, number: int, *, kill: bool) -> None:
    """End the process of this number."""
    current = [one for one in world.replicas if one.number == number]
    for replica in current:
        await (replica.kill() if kill else replica.end())
