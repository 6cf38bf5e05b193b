"""The promises that hold in any weather, over a thousand drawn cases on virtual time.

Each case is a fleet, a script of what people do, and a weather; then the weather clears, what only
a person can put right is put right, and everything has to come to rest in the right phase.
Hypothesis prints what is needed to repeat a case, and shrinks it first. `python -m simulation.soak`
goes on drawing for as long as asked.
"""

from __future__ import annotations

import os
from math import ceil
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from simulation.drawing import SHARES, Case, cases_of
from simulation.invariants import check
from simulation.playing import play
from simulation.steady import Enough, steady

CASES: Final = int(os.environ.get("SIMULATION_CASES", "1000"))
"""How many are drawn: fewer where the same is only tried on another version of Python, which are
the first ones of each shard then, so that nothing is found there that is not found here."""

THOUSAND: Final = 1000

SHARD_CASES: Final = 70
"""Of a thousand cases, so many are a test, with a seed of its own: cores share them."""

ENOUGH: Final = 20
"""Among so many conditional cases are some that have much to lose."""

SEED: Final = int(os.environ.get("SIMULATION_SEED", "50"))
"""Where the drawing begins: the same cases each time, so that a change is what makes a difference;
`make soak` draws others."""

SHARDS: Final = tuple(
    (sort, number) for sort, share in SHARES.items() for number in range(ceil(share / SHARD_CASES))
)


def drawn_of(sort: str) -> int:
    """Return how many cases a shard of this sort has of a thousand."""
    return SHARES[sort] // ceil(SHARES[sort] / SHARD_CASES)


@pytest.mark.parametrize("sort,number", SHARDS)
@pytest.mark.timeout(600)
def test_every_wish_ends_well_in_any_weather(sort: str, number: int) -> None:
    """All invariants, for all drawn cases, once the faults cease; and waiting saves keys."""
    played = saved = 0
    of_thousand = drawn_of(sort)
    wanted = max(of_thousand * CASES // THOUSAND, 1)

    @seed(SEED + number)
    @given(cases_of(sort))
    @settings(
        max_examples=max(of_thousand, wanted),
        database=None,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    def ends_well(case: Case) -> None:
        nonlocal played, saved
        if played == wanted:
            raise Enough
        world = play(case)
        check(case, world)
        played += 1
        saved += sum(world.notes.at_once.values())

    with steady():
        ends_well()
    assert played == wanted
    if sort == "cutover" and wanted >= ENOUGH:
        assert saved > 0, "no conditional wish could have lost anything"
