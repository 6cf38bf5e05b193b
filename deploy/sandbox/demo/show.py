"""The output: lines as things happen, a live table on a terminal, the summary at the end.

Owns the appearance, not the figures. If standard output is not a terminal, there are no table and
no control characters: a line reports progress whenever it has changed.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from sandbox.demo.calls import LIST, ORDER, SHOW
from sandbox.demo.fleet import ACTIVE_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOOK_S = 0.2
"""Interval between two displayed states: as short as a person can follow."""

PHASES = (
    "",
    "PENDING",
    *ACTIVE_WORDS,
    "TERMINATING",
    "TERMINATED",
    "SUCCESS",
    "RELEASED",
    "FAILED",
    "DELETED",
)
"""All phases in the order of a migration's life; the first one is none."""

STYLES = {"TERMINATING": "yellow", "TERMINATED": "green", "FAILED": "red", "DELETED": "red"}

COLUMNS_MAX = 7
"""Moments that fit beside the names into 80 characters."""

COLUMN_S_MIN = 1.0
"""Interval between moments of the table; faster changes show in the last one."""

LINE_S_MIN = 2.0
"""Interval between lines where there is no table."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The state at one time: resources by phase, calls to DCS by operation, status writes."""

    phases: Mapping[str, int]
    calls: Mapping[str, int]
    writes: int


class Screen(Protocol):
    """Where it is shown; a context manager, with the clock running inside."""

    def __enter__(self) -> Self:
        """Start the clock."""

    def __exit__(self, *_: object) -> None:
        """Leave the output on the screen."""

    def say(self, text: str) -> None:
        """Print that something happens now."""

    def show(self, moment: Moment) -> None:
        """Show the progress."""


def screen() -> Screen:
    """Return a live table on a terminal, else lines."""
    live = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return LiveTable() if live else Lines()


class Lines:
    """Only lines, for a file, a pipe or a simple terminal."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()
        self._said_s = 0.0
        self._last: Moment | None = None

    def __enter__(self) -> Self:
        self._started_s = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str) -> None:
        """Print it with the time."""
        put(clock(time.monotonic() - self._started_s, text))

    def show(self, moment: Moment) -> None:
        """Print the progress, if it has changed and not too often."""
        now_s = time.monotonic()
        if not moment.phases or moment == self._last or now_s < self._said_s + LINE_S_MIN:
            return
        self._said_s, self._last = now_s, moment
        self.say(in_words(moment))


class LiveTable:
    """A table that grows to the right while things happen, with the lines above it."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self._started_s = time.monotonic()
        self._history = History()

    def __enter__(self) -> Self:
        self._started_s = time.monotonic()
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Print it with the time, above the table."""
        self._console.print(clock(self._now_s(), text), markup=False)

    def show(self, moment: Moment) -> None:
        """Draw the table again."""
        self._history.add(self._now_s(), moment)
        self._live.update(self._history.table(), refresh=True)

    def _now_s(self) -> float:
        return time.monotonic() - self._started_s


class History:
    """The moments that a table shows: the latest, and earlier ones at which phases had changed."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Moment]] = deque(maxlen=COLUMNS_MAX - 1)
        self._latest: tuple[float, Moment] | None = None
        self._seen: set[str] = set()

    def add(self, at_s: float, moment: Moment) -> None:
        """Add the latest moment, unless there is nothing to show yet."""
        if not moment.phases:
            return
        before = self._latest
        if before is not None and before[1].phases != moment.phases:
            previous_s = self._kept[-1][0] if self._kept else -COLUMN_S_MIN
            if before[0] >= previous_s + COLUMN_S_MIN:
                self._kept.append(before)
        self._latest = (at_s, moment)
        self._seen.update(phase for phase, count in moment.phases.items() if count)

    def moments(self) -> list[tuple[float, Moment]]:
        """Return what is shown, oldest first."""
        return [*self._kept, *([self._latest] if self._latest else [])]

    def table(self) -> Table:
        """Return the table: a row for each phase ever seen, one for each kind of call."""
        shown = self.moments()
        table = Table(box=SIMPLE_HEAD, padding=(0, 1))
        table.add_column("resources by phase", no_wrap=True)
        for at_s, _ in shown:
            table.add_column(f"{at_s:.0f} s", justify="right", min_width=4)
        for phase in sorted(self._seen, key=_rank):
            cells = [_cell(moment.phases.get(phase, 0)) for _, moment in shown]
            table.add_row(phase or "(none yet)", *cells, style=STYLES.get(phase, ""))
        table.add_section()
        for title, operation in (("stop orders", ORDER), ("lists", LIST), ("shows", SHOW)):
            cells = [_cell(moment.calls.get(operation, 0)) for _, moment in shown]
            table.add_row(f"calls: {title}", *cells)
        table.add_row("status writes", *[_cell(moment.writes) for _, moment in shown])
        return table


def in_words(moment: Moment) -> str:
    """Return a moment as one line."""
    active = sum(moment.phases.get(word, 0) for word in ACTIVE_WORDS)
    parts = [f"{active} active"]
    rest = [phase for phase in moment.phases if phase not in ACTIVE_WORDS and moment.phases[phase]]
    rest.sort(key=_rank)
    parts += [f"{moment.phases[phase]} {phase or 'without a phase'}" for phase in rest]
    calls = [f"{moment.calls.get(name, 0)} {name}" for name in (ORDER, LIST, SHOW)]
    return f"  {', '.join(parts)} | DCS calls: {', '.join(calls)} | {moment.writes} status writes"


def clock(at_s: float, text: str) -> str:
    """Return a line that begins with the time."""
    return f"{at_s:6.1f} s  {text}"


def put(text: str = "") -> None:
    """Print one line immediately, to be read while the next one is awaited."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _rank(phase: str) -> tuple[int, str]:
    """Return the sort position of a phase; unknown ones come last."""
    return (PHASES.index(phase) if phase in PHASES else len(PHASES), phase)


def _cell(count: int) -> str:
    return str(count) if count else "-"


def follow(look: Callable[[], None], done: Callable[[], bool], timeout_s: float) -> bool:
    """Poll until it is done or the time is up; return whether it is done."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        look()
        if done():
            return True
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(LOOK_S)
