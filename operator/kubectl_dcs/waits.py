"""Waits for a goal with a suitable display, and tells how the wait ended."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubectl_dcs import moments, say
from kubectl_dcs.problems import DONE, PERSON_NEEDED, TIME_IS_UP, Interrupted
from kubectl_dcs.progress import Verdict
from kubectl_dcs.shapes import counts_json, tasks_json
from kubectl_dcs.shows import Lines, Silence
from kubectl_dcs.tasks import State
from kubectl_dcs.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubectl_dcs.cluster import Cluster
    from kubectl_dcs.progress import Goal, Progress
    from kubectl_dcs.selection import Selection
    from kubectl_dcs.watching import Show, Subject

STATUSES = {
    Verdict.DONE: DONE,
    Verdict.PERSON: PERSON_NEEDED,
    Verdict.WAITING: TIME_IS_UP,
}


@dataclass(frozen=True, slots=True)
class Waited:
    """How a wait ended.

    Attributes:
        sentence: For people.
        seconds: How long the wait took.
    """

    goal: Goal
    verdict: Verdict
    progress: Progress
    sentence: str
    seconds: float

    @property
    def status(self) -> int:
        """The exit status."""
        return STATUSES[self.verdict]

    def as_json(self) -> dict[str, Any]:
        """Return the result as data, with the tasks that have not reached the goal."""
        words = {
            Verdict.DONE: "done",
            Verdict.PERSON: "person needed",
            Verdict.WAITING: "time is up",
        }
        missing = [t for t in self.progress.by_urgency() if not self.goal.reached_by(t)]
        return {
            "until": self.goal.value,
            "result": words[self.verdict],
            "seconds": round(self.seconds, 1),
            "counts": counts_json(self.progress.counts()),
            "missing": tasks_json(missing),
            "deleted": [f"{ns}/{name}" for ns, name in sorted(self.progress.deleted)],
        }


def wait_for(
    cluster: Cluster,
    subject: Subject,
    progress: Progress,
    goal: Goal,
    timeout_s: float,
    *,
    quiet: bool,
    again: str,
    check: Callable[[Progress], None] = lambda _: None,
) -> Waited:
    """Wait until the goal is reached, a person is needed or time is up.

    With `quiet`, no progress is shown. `again` is the command that resumes waiting after Ctrl-C;
    `check` is called with the initial state, and may raise.

    Raises:
        Interrupted: By Ctrl-C; the text says that the operator carries on.
        Problem: The cluster can no longer be followed.
    """
    began_s = time.monotonic()
    try:
        with _show(goal, quiet=quiet) as show, Watching(cluster, subject, progress, show) as one:
            one.until_listed()
            check(progress)
            verdict = one.until(goal, timeout_s)
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted: no longer waiting, but the operator carries on as requested. To wait"
            f" again: {again}"
        ) from None
    seconds = time.monotonic() - began_s
    return Waited(goal, verdict, progress, _sentence(goal, verdict, progress, seconds), seconds)


def wait_words(selection: Selection) -> str:
    """Return the arguments of `kubectl dcs wait` for a selection, each after a space."""
    names = "".join(f" --name {name}" for name in selection.names)
    return names or (f" {selection.wave}" if selection.wave else selection.words())


@contextlib.contextmanager
def _show(goal: Goal, *, quiet: bool) -> Iterator[Show]:
    if quiet:
        yield Silence()
    elif say.is_terminal():
        from kubectl_dcs.screen import Screen  # noqa: PLC0415 - rich is needed only on a terminal

        with Screen(goal) as screen:
            yield screen
    else:
        yield Lines(everything=False)


def _sentence(goal: Goal, verdict: Verdict, progress: Progress, seconds: float) -> str:
    total, after = len(progress.tasks), moments.in_words(seconds)
    words = "caught up" if goal.value == "caught-up" else "stopped"
    missing = [task for task in progress.by_urgency() if not goal.reached_by(task)]
    lines = [
        f"{task.namespace}/{task.name}: {task.ready.reason}: {task.ready.message}"
        for task in missing
    ]
    if verdict is Verdict.DONE:
        return f"{total:,} of {total:,} {words} after {after}."
    deleted = [f"{namespace}/{name}: deleted" for namespace, name in sorted(progress.deleted)]
    rest = say.listing(lines + deleted)
    head = f"{total - len(missing):,} of {total + len(deleted):,} {words} after {after}"
    if verdict is Verdict.WAITING:
        return f"Time is up: {head}. Not yet:\n{rest}"
    wave = progress.wave
    why = f" Wave {wave.name}: {wave.ready.message}" if wave and wave.stalled else ""
    trouble = sum(task.state is State.TROUBLE for task in missing)
    return f"A person is needed for {trouble + len(deleted):,}: {head}.{why}\n{rest}"
