"""Progress without a terminal: one line per change, or nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_dcs import moments, say
from kubectl_dcs.shapes import task_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_dcs.problems import Problem
    from kubectl_dcs.progress import Change, Progress


class Lines:
    """Prints a line per change, with the time; as JSON on request.

    Args:
        everything: Whether to begin with a line for the current state of each task.
    """

    def __init__(self, *, everything: bool, as_json: bool = False) -> None:
        self._everything, self._as_json = everything, as_json

    def changes(self, changes: Sequence[Change], *, first: bool) -> None:
        """Print what changed."""
        if first and not self._everything:
            return
        for change in changes:
            if self._as_json:
                say.json_line(change_json(change))
            else:
                say.result(f"{moments.now():%H:%M:%S}Z  {change_line(change)}")

    def tick(self, progress: Progress, *, force: bool = False) -> None:
        """Do nothing: lines are printed only when something changes."""

    def lost(self, problem: Problem | None) -> None:
        """Print that the connection is lost, or restored."""
        tell_lost(problem)


class Silence:
    """Prints nothing except that the connection is lost."""

    def changes(self, changes: Sequence[Change], *, first: bool) -> None:
        """Do nothing."""

    def tick(self, progress: Progress, *, force: bool = False) -> None:
        """Do nothing."""

    def lost(self, problem: Problem | None) -> None:
        """Print that the connection is lost, or restored."""
        tell_lost(problem)


def tell_lost(problem: Problem | None) -> None:
    """Print that the connection is lost, or restored."""
    if problem is None:
        say.note("Connected again; nothing was missed.")
    else:
        say.note(f"Connection lost, trying again: {problem}")


def change_line(change: Change) -> str:
    """Return a change on one line, always with the reason."""
    task = change.task
    name = f"{task.namespace}/{task.name}"
    if change.deleted:
        return f"{name}  deleted"
    parts = [name, task.phase, f"{task.ready.reason} ({task.state.value})"]
    if task.lag is not None:
        parts.append(f"lag {task.lag:,}")
    if task.holds("Stalled"):
        parts.append(task.ready.message)
    return "  ".join(part for part in parts if part)


def change_json(change: Change) -> dict[str, object]:
    """Return a change as data."""
    return {
        "time": f"{moments.now():%Y-%m-%dT%H:%M:%SZ}",
        "deleted": change.deleted,
        **task_json(change.task),
    }
