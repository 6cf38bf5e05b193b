"""Shows progress on a terminal: a bar, the count of each state, the highest lag, the troubles.

The door to rich. It is slow to import, so this module is imported only when there is a terminal to
draw on.
"""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from kubectl_dcs import moments, say
from kubectl_dcs.rows import task_row
from kubectl_dcs.tasks import State, by_urgency

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from kubectl_dcs.problems import Problem
    from kubectl_dcs.progress import Change, Goal, Progress
    from kubectl_dcs.tasks import TaskView

STYLES: Final = {
    State.TROUBLE: "bold red",
    State.DELAYED: "yellow",
    State.PENDING: "bright_black",
    State.HOLDING: "blue",
    State.CATCHING_UP: "cyan",
    State.CAUGHT_UP: "green",
    State.STOPPING: "magenta",
    State.STOPPED: "bold green",
    State.OBSERVED: "bright_black",
}

BAR_CELLS_MAX: Final = 60
TROUBLES_MAX: Final = 8
"""Tasks in trouble that are listed by name; `kubectl dcs status` lists all of them."""

ROWS_BESIDES: Final = 8
"""Lines of the screen that the table of `status --watch` leaves free for everything else."""

DRAW_S: Final = 0.25


class Screen:
    """Draws the progress of tasks in place; use it as a context manager.

    Args:
        goal: What is being waited for, if anything.
        heads: The column heads of the table; without them no table is drawn.
        console: Where to draw; standard output if not given.
    """

    def __init__(
        self, goal: Goal | None, *, heads: Sequence[str] = (), console: Console | None = None
    ) -> None:
        self._goal, self._heads = goal, heads
        self._began_s = self._drawn_s = time.monotonic()
        self._lost: Problem | None = None
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="ellipsis")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def changes(self, changes: Sequence[Change], *, first: bool) -> None:
        """Do nothing: the next drawing shows the changes."""

    def lost(self, problem: Problem | None) -> None:
        """Remember that the connection is lost, or restored."""
        self._lost = problem

    def tick(self, progress: Progress, *, force: bool = False) -> None:
        """Draw, but not more often than the eye can follow."""
        if not force and time.monotonic() - self._drawn_s < DRAW_S:
            return
        self._drawn_s = time.monotonic()
        self._live.update(self._drawing(progress), refresh=True)

    def _drawing(self, progress: Progress) -> Group:
        lines = [self._bar(progress), self._counts(progress)]
        if behind := progress.highest_lag():
            ago = moments.age(behind.lag_at, moments.now())
            when = f", seen {ago} ago" if ago else ""
            lines.append(Text(f"highest lag {behind.lag:,}: {behind.name}{when}"))
        if self._lost:
            lines.append(Text(f"connection lost, trying again: {self._lost}", "bold yellow"))
        if self._heads:
            lines += self._table(progress.tasks.values())
        else:
            lines += _troubles(progress.tasks.values())
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*lines)

    def _bar(self, progress: Progress) -> Text:
        total = len(progress.tasks)
        room = min(BAR_CELLS_MAX, max(self._live.console.width - 40, 10))
        bar, used, seen = Text(), 0, 0
        # In reverse order of the states, so that the bar fills from the left.
        for state, number in reversed(list(progress.counts().items())):
            seen += number
            size = round(room * seen / total) - used
            bar.append("━" * size, STYLES[state])
            used += size
        reached = sum(map(self._goal.reached_by, progress.tasks.values())) if self._goal else 0
        passed = moments.in_words(time.monotonic() - self._began_s)
        goal = f"{reached}/{total} {self._goal.value}  " if self._goal else ""
        return bar.append(f"  {goal}{passed}", "default")

    def _counts(self, progress: Progress) -> Text:
        line = Text()
        for state, number in progress.counts().items():
            line.append(f"{number:,} {state.value}  ", STYLES[state])
        if progress.wave:
            line.append(f"wave {progress.wave.name}: {progress.wave.ready.reason}")
        return line

    def _table(self, tasks: Collection[TaskView]) -> list[Text]:
        room = max(self._live.console.height - ROWS_BESIDES, 3)
        now = moments.now()
        shown = heapq.nsmallest(room, tasks, by_urgency)
        lines = say.columns(self._heads, [task_row(task, now) for task in shown])
        styles = ["bold", *(STYLES[task.state] for task in shown)]
        found = [Text(line, style) for line, style in zip(lines, styles, strict=True)]
        return found + _more(len(tasks) - room)


def _troubles(tasks: Collection[TaskView]) -> list[Text]:
    found = sorted((t for t in tasks if t.state is State.TROUBLE), key=by_urgency)
    lines = [
        Text(f"{task.name}: {task.ready.reason}: {task.ready.message}", STYLES[State.TROUBLE])
        for task in found[:TROUBLES_MAX]
    ]
    return lines + _more(len(found) - TROUBLES_MAX)


def _more(number: int) -> list[Text]:
    return [Text(f"… and {number:,} more")] if number > 0 else []
