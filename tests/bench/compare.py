"""Product and peer side by side, one after the other on the same machine in one run.

Owns the order of the trials and what is printed about them.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import figures, store
from bench.contestants import Peer, Product
from bench.profiler import Profiler
from bench.trial import Mode, Trial, run

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bench.contestants import Contestant

NUMBERS: Final = "100,1000,10000"
LIMIT_S: Final = 1200.0
"""The peer needs many minutes for 10,000 tasks; nobody should need more than this."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this measurement."""
    add = parser.add_argument
    add("--n", default=NUMBERS, metavar="N,...", help="tasks per trial (%(default)s)")
    add("--mode", choices=[*Mode, "both"], default="both", help="how it begins (%(default)s)")
    add("--runs", type=int, default=1, help="trials of each kind; medians are shown (%(default)s)")
    add("--only", choices=["product", "peer"], help="leave the other one out")
    add("--peer-max", type=int, default=10_000, metavar="N", help="largest N for the peer")
    add("--limit-s", type=float, default=LIMIT_S, help="a trial is cut after this (%(default)g)")
    add(
        "--option",
        action="append",
        default=[],
        metavar="OPTION",
        help="additional option of the product, as --option=--status-writers=32; repeatable",
    )
    add(
        "--profile",
        type=Path,
        metavar="FOLDER",
        help="also sample each trial with py-spy and say where the time goes; figures of such "
        "a run are disturbed",
    )
    add("--json", type=Path, metavar="FILE", help="default: .cache/bench/compare.json")


def main(options: argparse.Namespace) -> int:
    """Run all trials, print their tables, save them."""
    modes = [*Mode] if options.mode == "both" else [Mode(options.mode)]
    numbers = [int(one) for one in options.n.split(",")]
    trials: list[Trial] = []
    for tasks in numbers:
        for mode in modes:
            for number in range(options.runs):
                for contestant in _contestants(options, tasks):
                    _say(f"{contestant.name}, {mode}, N = {tasks:,}, run {number + 1}")
                    trials.append(_trial(contestant, mode, tasks, options))
                    # After each trial: the next one may break, and all take most of an hour.
                    _save(trials, options.json)
            _print(trials, mode, tasks)
    _say(f"saved: {_save(trials, options.json)}")
    return 0


def _contestants(options: argparse.Namespace, tasks: int) -> Sequence[Contestant]:
    chosen: list[Contestant] = []
    if options.only != "peer":
        chosen.append(Product(tuple(options.option)))
    if options.only != "product" and tasks <= options.peer_max:
        chosen.append(Peer())
    return chosen


def _trial(contestant: Contestant, mode: Mode, tasks: int, options: argparse.Namespace) -> Trial:
    began_s = time.monotonic()
    if options.profile:
        with Profiler(options.profile / f"{contestant.name}-{mode}-{tasks}.txt") as profiler:
            trial = run(contestant, mode, tasks, options.limit_s, profiler.watch)
        sys.stdout.write(profiler.summary(figures.cpu_ms(trial)))
    else:
        trial = run(contestant, mode, tasks, options.limit_s)
    _say(
        f"  {figures.cpu_ms(trial):.2f} ms CPU per resource, {trial.orders} orders, {trial.reads} "
        f"reads, {trial.status_writes} + {trial.other_writes} writes, {trial.seconds:.1f} s "
        f"(load before {trial.load:.1f}; the trial took {time.monotonic() - began_s:.0f} s)"
    )
    return trial


def _save(trials: Sequence[Trial], file: Path | None) -> Path:
    return store.save("compare", {"trials": [one.to_json() for one in trials]}, file)


def _print(trials: Sequence[Trial], mode: str, tasks: int) -> None:
    sys.stdout.write("\n" + figures.plain(figures.comparison(trials, mode, tasks)) + "\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
