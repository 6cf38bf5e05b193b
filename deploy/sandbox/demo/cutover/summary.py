"""The summary in words: what was stopped, what it cost, and what stopping at once would have cost.

Pure: text from figures. `verdict.py` decides whether the figures are right.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Final

from sandbox.demo.calls import LIST, SHOW
from sandbox.demo.cutover import verdict
from sandbox.demo.cutover.fleet import BROKEN, FORGOTTEN
from sandbox.demo.cutover.verdict import STATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.demo.cutover.verdict import Measured
    from sandbox.demo.fleet import Member

LABEL_WIDTH: Final = 18
WIDTH: Final = 79
"""Fits the narrowest usual terminal."""

HOLDS: Final = "Everything is as expected: each figure above was measured and checked."


def summary(fleet: Sequence[Member], measured: Measured) -> str:
    """Return all of it, ready to be printed."""
    wrong = verdict.mismatches(fleet, measured)
    end = [HOLDS]
    if wrong:
        items = (
            textwrap.fill(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")
            for text in wrong
        )
        end = ["This is not as expected:", *items]
    rows = [line for label, text in _rows(fleet, measured).items() for line in _row(label, text)]
    return "\n".join([*rows, "", *end])


def _rows(fleet: Sequence[Member], measured: Measured) -> dict[str, str]:
    kinds = Counter(call.operation for call in measured.calls)
    return {
        "Stopped": _stopped(fleet, measured),
        "Keys lost": f"{measured.losses.keys}, as DCS counts them at the moment of each stop",
        "  at once": f"{measured.at_once} would have been lost by stopping all of them right away,"
        " while their sources were written to",
        "Stop orders": _orders(measured),
        "Polls": f"{kinds[LIST]} lists of everything, {kinds[SHOW]} shows of single tasks,"
        f" {kinds[STATS]} samples of lags (stats), at most"
        f" {verdict.stats_pace(measured.calls):.1f} a second",
        "Status writes": _writes(measured),
        "Time": _time(measured),
        "Timed out": f"{FORGOTTEN}: its writers were forgotten. Nothing was ordered until they had"
        " been stopped, and the wave had been set to Hold and back to Go",
        "Full sync again": f"{BROKEN}: its connection broke right before Go. It was stopped after"
        " DCS had copied everything once more",
    }


def _row(label: str, text: str) -> list[str]:
    """Return one row, wrapped into lines indented below its start."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{label:<{LABEL_WIDTH}}",
        subsequent_indent=" " * LABEL_WIDTH,
    )


def _stopped(fleet: Sequence[Member], measured: Measured) -> str:
    done = [one for one in measured.resources.values() if one.phase == "TERMINATED"]
    lags = Counter(one.status.get("stop", {}).get("lagAtOrder") for one in done)
    return (
        f"{len(done)} of {len(fleet)} are TERMINATED; {lags[0]} were ordered at a lag of 0. The"
        f" wave counts {measured.wave.get('tasks', {}).get('stopped')} stopped"
    )


def _orders(measured: Measured) -> str:
    sizes = " + ".join(str(len(call.ids)) for call in measured.orders)
    held = sum(call.at_s < measured.went_s for call in measured.orders)
    return f"{len(measured.orders)} with {sizes or 'no'} ids; {held} while the wave held"


def _writes(measured: Measured) -> str:
    counts = [one.writes_observed + one.writes_stopping for one in measured.resources.values()]
    mean = sum(counts) / len(counts) if counts else 0.0
    return f"{sum(counts)} in all, {mean:.1f} for each task (at most {max(counts, default=0)})"


def _time(measured: Measured) -> str:
    if measured.stopped_s is None:
        return "not all that had caught up were stopped in time"
    return f"{measured.stopped_s:.1f} s from Go until all that had caught up were stopped"
