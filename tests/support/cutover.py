"""Makes conditional wishes for unit tests: samples, their streak, and a situation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcs_migration_operator.core.cloud import Stats
from dcs_migration_operator.core.cutover import (
    ALWAYS,
    Conditional,
    Cutover,
    Lag,
    Opening,
    Streak,
    Terms,
    WaveStanding,
)
from support import make

if TYPE_CHECKING:
    from dcs_migration_operator.core.decide import Situation

NOW = 1000.0
WORD = "INCRMIGEATING"
IDLE = Stats(0, 100, 10, 10, is_migrating=True)
BEHIND = replace(IDLE, offset=7)
FULL = replace(IDLE, full_progress=40)
DEAD = replace(IDLE, is_migrating=False)


def sampled(*stats: Stats, every_s: float = 5.0, last_at: float = NOW - 1.0) -> tuple[Lag, Streak]:
    """Return the newest sample and the streak after these, the last of them a second ago."""
    streak, lag = Streak(0), None
    for number, one in enumerate(stats):
        at = last_at - every_s * (len(stats) - 1 - number)
        lag = Lag(one, at, make.now(at).wall)
        streak = streak.after(lag, WORD)
    assert lag
    return lag, streak


def wish(*stats: Stats, **changes: object) -> Conditional:
    """Return an opened wish without a wave, after these samples."""
    lag, streak = sampled(*stats) if stats else (None, Streak(0))
    opened_at = NOW - 100.0
    base = Conditional(
        terms=Terms(),
        window=ALWAYS,
        standing=WaveStanding.NONE,
        wave="",
        opening=Opening(opened_at, make.now(opened_at).wall),
        lag=lag,
        streak=streak,
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # names are checked by replace


def situation(one: Conditional, word: str = WORD, **changes: object) -> Situation:
    """Return a situation with this wish."""
    task = make.task(stopped=False, cutover=Cutover())
    base = make.situation(word, stopped=False, task=task, wish=one)
    return replace(base, **changes)  # type: ignore[arg-type]  # the same
