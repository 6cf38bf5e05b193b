"""The budgets, and whether what was measured keeps them.

Pure. A budget that nobody measured is neither met nor missed, and the table says so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from bench.figures import MIB, chosen, cpu_ms
from bench.stand import STOP_S
from bench.trial import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.trial import Trial

BATCH_IDS: Final = 50
PAGE_ROWS: Final = 1000
WRITES_MAX: Final = 2.0
"""Status writes per resource."""
CPU_MS_MAX: Final = 2.3
CPU_SHARE_MAX: Final = 1 / 4
"""Of the peer's CPU."""
CPU_TASKS: Final = 10_000
RSS_MIB_MAX: Final = {1_000: 75, 10_000: 110}
OVERHEAD_S_MAX: Final = 2.0
"""From the last create to TERMINATED, on top of the time DCS takes."""
OVERHEAD_TASKS: Final = 1_000
IDLE_PERCENT_MAX: Final = 1.0

HEAD: Final = ["figure", "budget", "measured", "met"]


def rows(trials: Sequence[Trial], scenes: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Return the table of budgets; the worst trial of each kind counts."""
    return [HEAD, *_orders(trials), *_writes(trials), *_process(trials), *_idle(scenes)]


def pages(tasks: int) -> int:
    """Return how many pages a list of so many rows has: the last one is short or empty."""
    return tasks // PAGE_ROWS + 1


def _orders(trials: Sequence[Trial]) -> Iterator[list[str]]:
    for tasks in _sizes(trials):
        waiting = chosen(trials, "product", Mode.WAITING, tasks)
        if waiting:
            wanted, found = math.ceil(tasks / BATCH_IDS), {one.orders for one in waiting}
            title = f"stop orders for {tasks:,} resources that wait at the start"
            shown = " or ".join(f"{one:,}" for one in sorted(found))
            yield _row(title, f"{wanted:,}", shown, met=found == {wanted})
    for tasks in _sizes(trials):
        product = [one for one in trials if (one.contestant, one.tasks) == ("product", tasks)]
        if product:
            most = max(product, key=lambda one: one.reads - one.looks * pages(tasks))
            wanted = most.looks * pages(tasks)
            title = f"reads of DCS, N = {tasks:,}"
            budget = f"{pages(tasks)} pages x {most.looks} looks = {wanted}"
            yield _row(title, budget, f"{most.reads}", met=most.reads <= wanted)


def _writes(trials: Sequence[Trial]) -> Iterator[list[str]]:
    found = [one.status_writes / one.tasks for one in trials if one.contestant == "product"]
    if found:
        worst = max(found)
        title = "status writes per resource"
        yield _row(title, f"≤ {WRITES_MAX:.1f}", f"{worst:.2f}", met=worst <= WRITES_MAX)


def _process(trials: Sequence[Trial]) -> Iterator[list[str]]:
    for mode in Mode:
        product = chosen(trials, "product", mode, CPU_TASKS)
        peer = chosen(trials, "peer", mode, CPU_TASKS)
        if product:
            worst = max(map(cpu_ms, product))
            title = f"CPU per resource, N = {CPU_TASKS:,}, {mode}"
            yield _row(title, f"≤ {CPU_MS_MAX} ms", f"{worst:.2f} ms", met=worst <= CPU_MS_MAX)
        if product and peer:
            share = max(map(cpu_ms, product)) / min(map(cpu_ms, peer))
            title = f"CPU compared with the peer, N = {CPU_TASKS:,}, {mode}"
            yield _row(title, "≤ 1/4", f"1/{1 / share:.1f}", met=share <= CPU_SHARE_MAX)
    for tasks, most in RSS_MIB_MAX.items():
        found = [
            one.rss_bytes / MIB
            for one in trials
            if (one.contestant, one.tasks) == ("product", tasks)
        ]
        if found:
            title = f"RSS after N = {tasks:,}"
            yield _row(title, f"≤ {most} MiB", f"{max(found):.0f} MiB", met=max(found) <= most)
    created = chosen(trials, "product", Mode.CREATED, OVERHEAD_TASKS)
    if created:
        worst, most_s = max(one.seconds for one in created), STOP_S + OVERHEAD_S_MAX
        title = f"last create to all TERMINATED, N = {OVERHEAD_TASKS:,}"
        yield _row(title, f"≤ {most_s:.1f} s", f"{worst:.1f} s", met=worst <= most_s)


def _idle(scenes: Mapping[str, Mapping[str, Any]]) -> Iterator[list[str]]:
    if "ended" in scenes:
        ended = scenes["ended"]
        title, percent = f"idle, {ended['resources']:,} resources all ended", ended["cpu_percent"]
        budget = f"< {IDLE_PERCENT_MAX:g} % of a core, no call to DCS"
        calls = "no call" if not ended["calls"] else f"{ended['calls']} calls"
        met = percent < IDLE_PERCENT_MAX and not ended["calls"]
        yield _row(title, budget, f"{percent:.2f} %, {calls}", met=met)


def _row(title: str, budget: str, measured: str, *, met: bool) -> list[str]:
    return [title, budget, measured, "yes" if met else "**no**"]


def _sizes(trials: Sequence[Trial]) -> list[int]:
    return sorted({one.tasks for one in trials})
