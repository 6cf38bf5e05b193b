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
RSS_MIB_MAX: Final = {1_000: 60, 10_000: 95}
RESTART_S_MAX: Final = 3.0
"""Until a new process is ready, among 10,000 resources that have ended."""
SEEN_S_MAX: Final = {50: 1.0, 95: 2.5}
"""From DCS's own TERMINATED to the status, for stops of 3 s, by percentile."""
SEEN_SHARE_MAX: Final = 0.15
"""Of the length of a longer stop, in the median: intervals that grow by 1.3 leave gaps of up to
23 % of the time that has passed, so the rhythm of polling cannot promise it for 95 %."""
PAGES_MAX: Final = 8
"""Pages that are read for 1,000 stops of 3 s."""
OVERHEAD_S_MAX: Final = 2.0
"""From the last create to TERMINATED, on top of the time DCS takes."""
OVERHEAD_TASKS: Final = 1_000
IDLE_PERCENT_MAX: Final = 1.0

HEAD: Final = ["figure", "budget", "measured", "met"]


def rows(
    trials: Sequence[Trial],
    scenes: Mapping[str, Mapping[str, Any]],
    stops: Sequence[Mapping[str, Any]] = (),
) -> list[list[str]]:
    """Return the table of budgets; the worst trial of each kind counts."""
    of_trials = (*_orders(trials), *_writes(trials), *_process(trials))
    return [HEAD, *of_trials, *_idle(scenes), *_seen(stops)]


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
        title, ready_s = "restart to ready, the same", ended["restart_to_ready_s"]
        met = ready_s <= RESTART_S_MAX
        yield _row(title, f"≤ {RESTART_S_MAX:g} s", f"{ready_s:.1f} s", met=met)


def _seen(stops: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    for one in stops:
        about = f"{one['tasks']:,} stops of {one['stop_s']:g} s"
        title = f"DCS's TERMINATED to the status, {about}"
        if one["stop_s"] == STOP_S:
            for percent, most_s in SEEN_S_MAX.items():
                found_s = one[f"seen_p{percent}_s"]
                budget = f"≤ {most_s:.1f} s ({percent} %)"
                yield _row(title, budget, f"{found_s:.2f} s", met=found_s <= most_s)
            pages = one["pages"]
            yield _row(f"pages read, {about}", f"{PAGES_MAX}", f"{pages}", met=pages <= PAGES_MAX)
        elif one["stop_s"] > STOP_S:
            found_s, most_s = one["seen_p50_s"], one["stop_s"] * SEEN_SHARE_MAX
            budget = f"≤ {most_s:.1f} s (50 %)"
            yield _row(title, budget, f"{found_s:.2f} s", met=found_s <= most_s)


def _row(title: str, budget: str, measured: str, *, met: bool) -> list[str]:
    return [title, budget, measured, "yes" if met else "**no**"]


def _sizes(trials: Sequence[Trial]) -> list[int]:
    return sorted({one.tasks for one in trials})
