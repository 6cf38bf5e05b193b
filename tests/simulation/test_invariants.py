"""The promises that hold in any weather, over thousands of drawn cases on virtual time.

Each case is a fleet, a script of what users do, and a weather; then the weather clears and
everything has to come to rest in the right phase. Hypothesis prints what is needed to repeat a
case, and shrinks it first.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dcs_migration_operator.core.conditions import READY
from dcs_migration_operator.core.phases import PhaseClass, class_of
from simulation import virtual
from simulation.cloud import Migration
from simulation.faults import AFTER, API, CLOUD, ApiFault, CloudFault, Pause, Weather
from simulation.replica import Replica
from simulation.world import World, task_id

BUSY_S: Final = 120.0
"""Users and weather are busy for so long."""

REST_S: Final = 2400.0
"""Longer than the longest pause (a refused key rests 330 s, an order without effect 600 s) and the
rare look (600 s) one after the other."""

LOOK_S: Final = 30.0
"""How often a case is asked whether it is at rest."""

CASES: Final = 2000


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that users do, or that happens to a replica."""

    at_s: float
    what: str
    number: int


@dataclass(frozen=True, slots=True)
class Case:
    """One drawn case."""

    fleet: dict[str, Migration]
    unknown: int
    deeds: tuple[Deed, ...]
    weather: Weather
    replicas: int


TIMES = st.integers(0, int(BUSY_S) * 4).map(lambda quarter: quarter / 4)
SPANS = st.sampled_from([0.5, 2.0, 10.0, 45.0])
MIGRATIONS = st.builds(
    Migration,
    word=st.sampled_from(
        ["MIGRATING", "INCRMIGEATING", "NEW_WORD", "TERMINATING", "TERMINATED", "SUCCESS", "FAILED"]
    ),
    lag_s=st.sampled_from([0.0, 1.0, 8.0]),
    stop_s=st.sampled_from([0.0, 3.0, 30.0]),
    ends_as=st.sampled_from(["TERMINATED", "TERMINATED", "SUCCESS"]),
    ignores=st.sampled_from([0, 0, 0, 1]),
    listed=st.sampled_from([True, True, False]),
)
CLOUD_FAULTS = st.builds(
    CloudFault,
    begins_s=TIMES,
    lasts_s=SPANS,
    operation=st.sampled_from(["any", "batch_stop", "list", "show"]),
    kind=st.sampled_from(sorted(CLOUD)),
    moment=st.sampled_from(["before", "after"]),
)
API_FAULTS = st.builds(
    ApiFault,
    begins_s=TIMES,
    lasts_s=SPANS,
    status=st.sampled_from(API),
    moment=st.sampled_from(["before", "after"]),
)
WEATHERS = st.builds(
    Weather,
    cloud_faults=st.lists(CLOUD_FAULTS, max_size=4).map(tuple),
    api_faults=st.lists(API_FAULTS, max_size=2).map(tuple),
    pauses=st.lists(
        st.builds(Pause, begins_s=TIMES, lasts_s=SPANS, replica=st.integers(0, 1)), max_size=2
    ).map(tuple),
    watch_delays_s=st.lists(st.sampled_from([0.0, 0.05, 2.0, 15.0]), min_size=1, max_size=4).map(
        tuple
    ),
    answers_s=st.lists(st.sampled_from([0.05, 0.5, 5.0]), min_size=1, max_size=3).map(tuple),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw one case: mostly a few tasks, sometimes more than one batch."""
    count = draw(st.sampled_from([1, 2, 3, 5, 8, 60]))
    models = [draw(MIGRATIONS) for _ in range(min(count, 8))]
    fleet = {task_id(n): _copy(models[n % len(models)]) for n in range(count)}
    unknown = draw(st.integers(0, 1))
    deeds = [
        Deed(draw(TIMES) if count <= 8 else 0.0, draw(st.sampled_from(["stop", "observe"])), n)
        for n in range(min(count, 8) + unknown)
    ]
    deeds += [Deed(1.0, "stop", n) for n in range(8, count)]
    numbers = st.integers(0, count - 1)
    deeds += draw(
        st.lists(st.builds(Deed, TIMES, st.sampled_from(["stop", "delete"]), numbers), max_size=4)
    )
    replicas = draw(st.integers(1, 2))
    lives = st.builds(Deed, TIMES, st.sampled_from(["kill", "end"]), st.integers(0, replicas - 1))
    deeds += draw(st.lists(lives, max_size=3))
    ordered = tuple(sorted(deeds, key=lambda deed: deed.at_s))
    return Case(fleet, unknown, ordered, draw(WEATHERS), replicas)


def _copy(one: Migration) -> Migration:
    return Migration(
        one.word, one.lag_s, one.stop_s, one.ends_as, one.refuses, one.ignores, listed=one.listed
    )


def play(case: Case) -> World:
    """Play a case to its end and return the world as it is then."""
    world = virtual.run(_play(case))
    assert isinstance(world, World)
    return world


async def _play(case: Case) -> World:
    world = World({key: _copy(one) for key, one in case.fleet.items()}, case.weather)
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
            _check_rest(world)
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


def check(case: Case, world: World) -> None:
    """Hold every invariant against what happened."""
    _check_rest(world)
    _check_orders(case, world)
    _check_words(world)
    if not case.weather.api_faults and all(d.what not in {"kill", "end"} for d in case.deeds):
        _check_writes(world)
    assert world.writes_while_not_leading == 0, "a status was written without the Lease"


def _check_rest(world: World) -> None:
    """Every wish is fulfilled or says why not; every resource says something true."""
    for uid, stored in world.objects.items():
        ready = stored.status.condition(READY)
        assert ready is not None, f"{uid} was left without a status"
        one = world.fleet.get(stored.task.task_id)
        if one is None:
            assert (stored.status.phase, ready.reason) == ("DELETED", "TaskNotFound")
            continue
        kind = class_of(one.word)
        if kind is PhaseClass.FAILED:
            assert ready.reason == "TaskFailed"
        elif stored.task.stopped:
            assert kind in {PhaseClass.TERMINATED, PhaseClass.ENDED}, f"{uid} still runs"
            assert ready.reason in {"Terminated", "EndedBeforeStop"}
            assert stored.status.phase == one.word
        else:
            assert ready.reason == "Observed"
            assert stored.status.phase == one.word


def _check_orders(case: Case, world: World) -> None:
    """Only for wishes, only by the leader, never too many ids, never too often."""
    for order in world.orders:
        assert 1 <= len(order.task_ids) <= 50
        assert not order.unwished, f"ordered without a wish: {order}"
        assert not order.unlooked, f"ordered again without a look: {order}"
        assert order.led, f"ordered without the Lease: {order}"
    restarts = sum(deed.what in {"kill", "end"} for deed in case.deeds) + len(case.weather.pauses)
    faults = [f for f in case.weather.cloud_faults if f.operation in {"any", "batch_stop"}]
    for key, one in world.fleet.items():
        sent = sum(key in order.task_ids for order in world.orders)
        hidden = sum(fault.lasts_s / 5.0 + 2.0 for fault in faults)
        allowed = 1 + restarts * 2 + one.ignores + 2 + hidden
        assert sent <= allowed, f"{key} was ordered {sent} times, {allowed} are explained"
        unexplained = len(one.orders) - (1 + restarts * 2 + 2)
        if not any(fault.kind in AFTER for fault in faults):
            assert unexplained <= 0, f"{key} was accepted {len(one.orders)} times"


def _check_words(world: World) -> None:
    """No status claims more than DCS said, and no ended word is taken back."""
    for uid, stored in world.objects.items():
        one = world.fleet.get(stored.task.task_id)
        over = False
        for at, status in stored.history:
            _check_word(uid, status.phase, one)
            kind = class_of(status.phase)
            assert not (over and kind is PhaseClass.ACTIVE), f"{uid} went back at {at}"
            over = over or kind in {PhaseClass.TERMINATED, PhaseClass.ENDED}
        first = stored.history[0][0] if stored.history else float("inf")
        assert first < float("inf"), f"{uid} never got a status"


def _check_writes(world: World) -> None:
    """While the API server answers, nothing is written that is there already."""
    for uid, stored in world.objects.items():
        written = [status for _, status in stored.history]
        assert all(a != b for a, b in pairwise(written)), f"{uid} was written twice alike"


def _check_word(uid: str, phase: str, one: Migration | None) -> None:
    if one is None:
        assert phase in {"PENDING", "DELETED"}, f"{uid} says {phase} of an unknown task"
    elif phase == "TERMINATING":
        assert one.orders or "TERMINATING" in one.said, f"{uid} claims an acceptance"
    else:
        assert phase == "PENDING" or phase in one.said, f"{uid} says {phase}; DCS never did"


@given(cases())
@settings(
    max_examples=CASES,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@pytest.mark.timeout(600)
def test_every_wish_ends_well_in_any_weather(case: Case) -> None:
    """All invariants, for all drawn cases, once the faults cease."""
    check(case, play(case))
