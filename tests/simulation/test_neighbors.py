"""What is strange about one id, status, project or key delays nothing else, over drawn pairs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from dcs_migration_operator.core.model import task_key
from simulation.cloud import task_id
from simulation.pairs import LAST_S, Pair, pairs
from simulation.playing import play
from simulation.steady import Enough, steady

if TYPE_CHECKING:
    from simulation.world import World

CASES: Final = int(os.environ.get("SIMULATION_CASES", "1000"))
"""As in `test_invariants.py`: with fewer of them, the first pairs of the same ones."""

THOUSAND: Final = 1000
PAIRS: Final = 31
"""Pairs of a shard that belong to a thousand cases; each is two cases."""

SHARDS: Final = 4
SEED: Final = int(os.environ.get("SIMULATION_SEED", "50"))
LATE_S_MAX: Final = 1.0
REST_S: Final = 60.0


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.timeout(600)
def test_one_strange_thing_delays_nobody_else(shard: int) -> None:
    """First order and first status of all others come within a second of their usual time."""
    played, wanted = 0, max(PAIRS * CASES // THOUSAND, 1)

    @seed(SEED + shard)
    @given(pairs())
    @settings(
        max_examples=max(PAIRS, wanted),
        database=None,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    def delays_nobody(pair: Pair) -> None:
        nonlocal played
        if played == wanted:
            raise Enough
        check_pair(pair, play(pair.usual, REST_S), play(pair.strange, REST_S))
        played += 1

    with steady():
        delays_nobody()
    assert played == wanted


def check_pair(pair: Pair, usual: World, strange: World) -> None:
    """Compare what became of the tasks that the strange thing is not about."""
    for what, times in (("order", _first_orders), ("status", _first_statuses)):
        before, after = times(usual), times(strange)
        for n in set(range(len(pair.usual.fleet))) - pair.named:
            key = task_key(task_id(n))
            if pair.thing == "unknown ids" and not pair.usual.fleet[task_id(n)].listed:
                continue  # it cannot be told from them before it is its turn to be shown
            late_s = after.get(key, float("inf")) - before.get(key, LAST_S)
            assert late_s <= LATE_S_MAX, f"{pair.thing}: first {what} of {n} is {late_s} s late"


def _first_orders(world: World) -> dict[str, float]:
    """Return when each task was first ordered where it is, by key."""
    found: dict[str, float] = {}
    for order in world.notes.orders:
        for one in order.task_ids:
            if order.project_id == world.home_of(task_key(one)):
                found.setdefault(task_key(one), order.at)
    return found


def _first_statuses(world: World) -> dict[str, float]:
    """Return when each task had its first status, by key."""
    found = ((s.task.key, s.history) for s in world.objects.values())
    return {key: history[0][0] for key, history in found if history}
