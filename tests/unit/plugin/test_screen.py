"""What a terminal shows while somebody waits or watches."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from kubectl_dcs.problems import Problem
from kubectl_dcs.progress import Goal, Progress
from kubectl_dcs.rows import TASK_HEADS
from kubectl_dcs.screen import Screen
from kubectl_dcs.tasks import task_view
from kubectl_dcs.waves import wave_view
from unit.plugin import bodies

WIDTH, HEIGHT = 110, 24


def drawn(
    progress: Progress,
    *,
    goal: Goal | None = Goal.STOPPED,
    heads: tuple[str, ...] = (),
    lost: Problem | None = None,
) -> list[str]:
    """Return the lines that stand on the screen in the end."""
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=True, width=WIDTH, height=HEIGHT, legacy_windows=False
    )
    with Screen(goal, heads=heads, console=console) as screen:
        screen.lost(lost)
        screen.tick(progress, force=True)
    # Each drawing begins by erasing the lines of the one before.
    shown = out.getvalue().rpartition("\x1b[2K")[2]
    lines = Text.from_ansi(shown.replace("\r", "")).plain.splitlines()
    return [line.rstrip() for line in lines if line.strip()]


def progress_of(*made: dict[str, object]) -> Progress:
    """Return the progress of these tasks."""
    progress = Progress(lambda _: True)
    progress.listed(task_view(body) for body in made)
    return progress


MIXED = (
    *(bodies.stopped(f"done{n}") for n in range(3)),
    bodies.task("far", lag=1204),
    bodies.task("near", also=("CaughtUp",), lag=0),
    bodies.task("broken", "False/CutoverTimedOut", standing="Stalled", lag=7),
)


def test_a_wait_shows_the_goal_the_counts_the_lag_and_who_needs_a_person() -> None:
    """From the goal backwards, so that the bar fills from the left."""
    progress = progress_of(*MIXED)
    progress.wave = wave_view(bodies.wave(ready="False/Going", standing="Reconciling"))
    lines = drawn(progress)
    assert lines[0].startswith("━" * 60)
    assert "3/6 stopped" in lines[0]
    assert lines[1] == (
        "1 needs a person  1 catching up  1 caught up  3 stopped  wave night: Going"
    )
    assert lines[2].startswith("highest lag 1,204: far, seen ")
    assert lines[3] == "broken: CutoverTimedOut: Because of CutoverTimedOut."


def test_a_watch_shows_a_table_that_fits() -> None:
    """Trouble first; what does not fit is counted."""
    made = [*MIXED, *(bodies.task(f"t{n:03}") for n in range(60))]
    lines = drawn(progress_of(*made), goal=None, heads=TASK_HEADS)
    assert len(lines) <= HEIGHT
    table = [line for line in lines if line.startswith(("NAMESPACE", "shop"))]
    assert [line.split()[1] for line in table[:3]] == ["NAME", "broken", "far"]
    assert lines[-1] == f"… and {len(made) - len(table) + 1} more"


def test_a_lost_connection_is_told_as_long_as_it_lasts() -> None:
    """What is shown is old then."""
    lines = drawn(progress_of(*MIXED), lost=Problem("the API server broke the connection"))
    assert "connection lost, trying again: the API server broke the connection" in lines


@pytest.mark.parametrize("goal", [None, *Goal])
def test_nothing_to_show_is_no_error(goal: Goal | None) -> None:
    """As before the first list."""
    assert drawn(progress_of(), goal=goal)


def test_many_troubles_are_counted() -> None:
    """The screen is for the whole, not for a list."""
    made = [
        bodies.task(f"t{n:02}", "False/TaskFailed", standing="Stalled", phase="FAILED")
        for n in range(20)
    ]
    assert drawn(progress_of(*made))[-1] == "… and 12 more"
