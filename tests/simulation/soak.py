"""Draws and plays cases for as long as asked: `python -m simulation.soak --minutes 20`.

Cases come in rounds, each from a seed that is printed; `--seed` repeats from there. The first case
that breaks an invariant is shrunk, printed, and ends it with status 1.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, given, seed, settings

from simulation.drawing import SHARES, Case, cases_of
from simulation.invariants import check
from simulation.playing import play
from simulation.steady import steady

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUND_SHARE: Final = 5
"""A round is a fifth of a thousand cases, of each sort its share: so it ends soon after the time
asked for."""

SEED_BITS: Final = 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m simulation.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default: 1)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(SEED_BITS), help="begin here")
    options = parser.parse_args(arguments)
    # The operator has much to say in such weather; a broken promise is what counts here.
    logging.getLogger("dcs_migration_operator").setLevel(logging.CRITICAL)
    started, count, number = time.monotonic(), Counter[str](), options.seed
    while True:
        say(f"seed {number}")
        try:
            play_round(number, count)
        except AssertionError as error:
            say(f"A promise was broken: {error}\nRepeat it: --seed {number}")
            return 1
        seconds = time.monotonic() - started
        per_s = ", ".join(f"{n} {what} ({n / seconds:.0f}/s)" for what, n in count.items())
        say(f"  {seconds:.0f} s: {per_s}; every promise held")
        if seconds >= options.minutes * 60.0:
            return 0
        number += 1


def play_round(number: int, count: Counter[str]) -> None:
    """Play the cases of one seed, some of each sort."""
    for sort, share in SHARES.items():
        play_sort(sort, share // ROUND_SHARE, number, count)


def play_sort(sort: str, cases: int, number: int, count: Counter[str]) -> None:
    """Play cases of one sort; counts cases, faults met and calls to DCS."""

    @seed(number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases_of(sort))
    def play_one(case: Case) -> None:
        world = play(case)
        count["cases"] += 1
        count["faults"] += len(case.weather.met)
        count["stop orders"] += len(world.notes.orders)
        count["of targets that had caught up"] += len(world.notes.cuts)
        count["keys lost by these"] += sum(cut.keys for cut in world.notes.cuts)
        count["keys lost by stopping at once"] += sum(world.notes.at_once.values())
        check(case, world)

    with steady():
        play_one()


def say(line: str) -> None:
    """Report on standard output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
