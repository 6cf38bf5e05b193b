"""How the cost of one task grows with the number of tasks: the product, then the engine alone.

Owns the sizes and what is concluded: how far the cost per task spreads over the sizes, and the
memory per task as the slope of the process's memory.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import engine, figures, store
from bench.contestants import Product
from bench.figures import plain
from bench.trial import Mode, Trial, run

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

NUMBERS: Final = "1000,2000,5000,10000"
ENGINE_NUMBERS: Final = "1000,5000,10000,20000,40000"
LIMIT_S: Final = 600.0
"""For one trial of the product; 10,000 tasks take half a minute."""
MEMORY_TASKS: Final = 5000
"""For the bytes that the engine holds of one task: enough to divide by."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this measurement."""
    add = parser.add_argument
    add("--n", default=NUMBERS, metavar="N,...", help="tasks per trial (%(default)s)")
    add("--engine-n", default=ENGINE_NUMBERS, metavar="N,...", help="engine alone (%(default)s)")
    add("--mode", choices=[*Mode], default=Mode.CREATED, help="how it begins (%(default)s)")
    add("--runs", type=int, default=1, help="trials of each size; medians count (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="default: .cache/bench/growth.json")


def main(options: argparse.Namespace) -> int:
    """Measure all sizes, print and save what they found."""
    lives = [engine.live(int(one)) for one in options.engine_n.split(",") if one]
    held = engine.bytes_per_task(MEMORY_TASKS)
    sys.stdout.write(plain(engine_rows(lives)) + f"bytes held per task: {held:,.0f}\n\n")
    sys.stdout.flush()
    trials: list[Trial] = []
    for tasks in (int(one) for one in options.n.split(",") if one):
        for _ in range(options.runs):
            trials.append(run(Product(), Mode(options.mode), tasks, LIMIT_S))
            sys.stdout.write(f"N = {tasks:,}: {figures.cpu_ms(trials[-1]):.2f} ms CPU per task\n")
            sys.stdout.flush()
    found = {
        "trials": [one.to_json() for one in trials],
        "engine": [asdict(one) for one in lives],
        "engine_bytes_per_task": held,
        **conclusions(trials),
    }
    sys.stdout.write("\n" + plain(figures.by_size(trials)) + "\n")
    sys.stdout.write(f"saved: {store.save('growth', found, options.json)}\n")
    return 0


def conclusions(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return how flat the cost is, and the bytes of the process per task."""
    if len(_sizes(trials)) < 2:
        return {}
    cost = {size: _median(trials, size, "cpu") for size in _sizes(trials)}
    memory = {size: _median(trials, size, "rss") for size in _sizes(trials)}
    slope = statistics.linear_regression(list(memory), list(memory.values())).slope
    return {
        "cpu_spread_percent": 100 * (max(cost.values()) / min(cost.values()) - 1),
        "rss_bytes_per_task": slope,
    }


def engine_rows(lives: Sequence[engine.Life]) -> list[list[str]]:
    """Return the table of the engine alone."""
    head = ["N", "CPU per task, ms", "orders", "pages listed", "writes per task", "virtual s"]
    return [head] + [
        [
            f"{one.tasks:,}",
            f"{one.cpu_ms_per_task:.2f}",
            f"{one.orders:,}",
            f"{one.lists:,}",
            f"{one.writes_per_task:.2f}",
            f"{one.virtual_s:.0f}",
        ]
        for one in lives
    ]


def _sizes(trials: Sequence[Trial]) -> list[int]:
    return sorted({one.tasks for one in trials})


def _median(trials: Sequence[Trial], size: int, what: str) -> float:
    same = [one for one in trials if one.tasks == size]
    return statistics.median(
        figures.cpu_ms(one) if what == "cpu" else float(one.rss_bytes) for one in same
    )
