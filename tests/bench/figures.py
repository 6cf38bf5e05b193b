"""Figures as people read them: medians over runs, ratios, tables.

Pure. A row of a table is one figure; its text and its ratio come from here and nowhere else, so
that the terminal and the page say the same.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.trial import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.trial import Trial

MIB: Final = 1024 * 1024
MS_PER_S: Final = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: how it is called, taken from a trial, and written."""

    title: str
    of: Callable[[Trial], float]
    digits: int = 0

    def text(self, value: float) -> str:
        """Write a value."""
        return "—" if math.isnan(value) else f"{value:,.{self.digits}f}"


def cpu_ms(trial: Trial) -> float:
    """Return the CPU milliseconds per resource, process start excluded."""
    return trial.cpu_s * MS_PER_S / trial.tasks


CPU: Final = Figure("CPU per resource, ms", cpu_ms, 2)
RSS_PEAK: Final = Figure("peak RSS, MiB", lambda one: one.rss_peak_bytes / MIB)
SECONDS: Final = Figure("until all are TERMINATED, s", lambda one: one.seconds, 1)
FIGURES: Final = (
    Figure("stop orders", lambda one: one.orders),
    Figure("reads of DCS", lambda one: one.reads),
    Figure("status writes per resource", lambda one: one.status_writes / one.tasks, 2),
    Figure("all writes per resource", lambda one: _writes(one) / one.tasks, 2),
    CPU,
    Figure("CPU of the start alone, s", lambda one: one.start_cpu_s, 2),
    RSS_PEAK,
    Figure("RSS at the end, MiB", lambda one: one.rss_bytes / MIB),
    SECONDS,
    Figure("wish to acceptance, median, s", lambda one: one.accepted_p50_s, 2),
    Figure("wish to acceptance, 99 %, s", lambda one: one.accepted_p99_s, 2),
)


def _writes(trial: Trial) -> int:
    return trial.status_writes + trial.other_writes


def median(figure: Figure, trials: Iterable[Trial]) -> float:
    """Return the median of a figure; NaN without trials."""
    values = [figure.of(one) for one in trials]
    return statistics.median(values) if values else math.nan


def chosen(trials: Iterable[Trial], contestant: str, mode: str, tasks: int) -> list[Trial]:
    """Return the trials of one column."""
    wanted = (contestant, mode, tasks)
    return [one for one in trials if (one.contestant, one.mode, one.tasks) == wanted]


def columns(trials: Sequence[Trial]) -> list[tuple[str, int]]:
    """Return every mode and number of tasks that was tried, in their order."""
    modes = [*Mode]
    found = {(one.mode, one.tasks) for one in trials}
    return sorted(found, key=lambda one: (modes.index(Mode(one[0])), one[1]))


def comparison(trials: Sequence[Trial], mode: str, tasks: int) -> list[list[str]]:
    """Return a table of product, peer and ratio: a head and a row for each figure."""
    product, peer = (chosen(trials, name, mode, tasks) for name in ("product", "peer"))
    # A trial that was cut has spent too little: its figures are lower bounds.
    bound = "≥ " if any(one.cut for one in peer) else ""
    rows = [[f"{mode}, N = {tasks:,}", "product", "peer", "peer / product"]]
    for figure in FIGURES:
        ours, theirs = median(figure, product), median(figure, peer)
        ratio = theirs / ours if ours else math.nan
        shown = "—" if math.isnan(ratio) else f"{bound}{ratio:,.1f}"
        other = figure.text(theirs)
        rows.append([figure.title, figure.text(ours), bound * (other != "—") + other, shown])
    for one in peer:
        if one.cut:
            said = f"cut after {one.seconds:,.0f} s with {one.ended:,} of {one.tasks:,} ended"
            rows.append(["", "", said, ""])
    return rows


def by_size(trials: Sequence[Trial]) -> list[list[str]]:
    """Return a table of one contestant: a column for each number of tasks."""
    sizes = sorted({one.tasks for one in trials})
    rows = [["N", *(f"{size:,}" for size in sizes)]]
    for figure in FIGURES:
        same = ([one for one in trials if one.tasks == size] for size in sizes)
        rows.append([figure.title, *(figure.text(median(figure, one)) for one in same)])
    return rows


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Write a table whose first row is its head; numbers are aligned to the right."""
    head, *body = rows
    rule = ["---", *("---:" for _ in head[1:])]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *body))


def plain(rows: Sequence[Sequence[str]]) -> str:
    """Write a table for a terminal."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = (
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)
