"""The promises that hold in any weather, over thousands of drawn cases on virtual time.

Each case is a fleet, a script of what people do, and a weather; then the weather clears, what only
a person can put right is put right, and everything has to come to rest in the right phase.
Hypothesis prints what is needed to repeat a case, and shrinks it first. `python -m simulation.soak`
goes on drawing for as long as asked.
"""

from __future__ import annotations

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from simulation.drawing import Case, cases
from simulation.invariants import check
from simulation.playing import play

CASES: Final = int(os.environ.get("SIMULATION_CASES", "1000"))
"""How many are drawn: fewer where the same is only tried on another version of Python."""

ENOUGH: Final = 400
"""Among so many are some that have much to lose."""

SHARDS: Final = 4
"""Parts of the cases, each a test with a seed of its own, for as many cores."""

SEED: Final = int(os.environ.get("SIMULATION_SEED", "50"))
"""Where the drawing begins: the same cases each time, so that a change is what makes a difference;
`make soak` draws others."""


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.timeout(600)
def test_every_wish_ends_well_in_any_weather(shard: int) -> None:
    """All invariants, for all drawn cases, once the faults cease; and waiting saves keys."""
    saved = 0

    @seed(SEED + shard)
    @given(cases())
    @settings(
        max_examples=CASES // SHARDS,
        database=None,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    def ends_well(case: Case) -> None:
        nonlocal saved
        world = play(case)
        check(case, world)
        saved += sum(world.notes.at_once.values())

    ends_well()
    assert saved > 0 or CASES < ENOUGH, "no conditional wish could have lost anything"
