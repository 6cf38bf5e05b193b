"""What has to hold in any weather."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from dcs_migration_operator.core.conditions import READY
from dcs_migration_operator.core.phases import PhaseClass, class_of
from simulation.faults import AFTER

if TYPE_CHECKING:
    from simulation.cloud import Migration
    from simulation.drawing import Case
    from simulation.world import World


def check(case: Case, world: World) -> None:
    """Hold every invariant against what happened."""
    check_rest(world)
    _check_orders(case, world)
    _check_words(world)
    if not case.weather.api_faults and all(d.what not in {"kill", "end"} for d in case.deeds):
        _check_writes(world)
    assert world.writes_while_not_leading == 0, "a status was written without the Lease"


def check_rest(world: World) -> None:
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
        assert not order.hasty, f"ordered again too soon after an acceptance: {order}"
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
