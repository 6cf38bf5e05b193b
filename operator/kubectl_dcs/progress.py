"""The progress of a set of tasks towards a goal: counts, changes, and when to stop waiting.

Pure: it is given what exists and what changed. Screens and clocks are elsewhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from kubectl_dcs.tasks import State, TaskView, by_urgency

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kubectl_dcs.waves import WaveView

Key = tuple[str, str]


class Goal(Enum):
    """What to wait for; the value is the word used on the command line."""

    CAUGHT_UP = "caught-up"
    STOPPED = "stopped"

    def reached_by(self, task: TaskView) -> bool:
        """Return whether a task has reached the goal."""
        return task.caught_up if self is Goal.CAUGHT_UP else task.state is State.STOPPED


class Verdict(Enum):
    """Whether to keep waiting."""

    WAITING = "waiting"
    DONE = "done"
    PERSON = "person needed"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one task that is worth showing: a new state, or a new reason."""

    task: TaskView
    before: TaskView | None
    deleted: bool = False


class Progress:
    """The tasks that are being followed.

    Args:
        wanted: Whether a reported task is one of them.
    """

    def __init__(self, wanted: Callable[[TaskView], bool]) -> None:
        self._wanted = wanted
        self.tasks: dict[Key, TaskView] = {}
        self.deleted: dict[Key, TaskView] = {}
        self.wave: WaveView | None = None

    def listed(self, tasks: Iterable[TaskView]) -> list[Change]:
        """Process a full list; tasks missing from it were deleted in the meantime."""
        there = {task.key: task for task in tasks}
        changes = [change for task in there.values() for change in self.changed(task)]
        for key in [key for key in self.tasks if key not in there]:
            changes += self.gone(self.tasks[key])
        return changes

    def changed(self, task: TaskView) -> list[Change]:
        """Process one task; returns the change if it is worth showing."""
        before = self.tasks.get(task.key)
        if not self._wanted(task):
            return self.gone(task) if before else []
        self.tasks[task.key] = task
        self.deleted.pop(task.key, None)
        return [] if before and _looks(before) == _looks(task) else [Change(task, before)]

    def gone(self, task: TaskView) -> list[Change]:
        """Process a task that was deleted, or is no longer one of those being followed."""
        before = self.tasks.pop(task.key, None)
        if before is None:
            return []
        self.deleted[task.key] = before
        return [Change(before, before, deleted=True)]

    def counts(self) -> Mapping[State, int]:
        """Return how many tasks are in each state, in the order of the states."""
        found = Counter(task.state for task in self.tasks.values())
        return {state: found[state] for state in State if found[state]}

    def highest_lag(self) -> TaskView | None:
        """Return the task that is farthest behind among those that are not stopped."""
        behind = [
            task
            for task in self.tasks.values()
            if task.lag is not None and task.state is not State.STOPPED
        ]
        return max(behind, key=lambda task: task.lag or 0, default=None)

    def by_urgency(self) -> list[TaskView]:
        """Return the tasks: those that need a person first, then by lag."""
        return sorted(self.tasks.values(), key=by_urgency)

    def verdict(self, goal: Goal) -> Verdict:
        """Return whether waiting for a goal is over.

        Waiting continues while any task may still reach the goal by itself, so that one in trouble
        does not hide the others. If a wave needs a person, none of its tasks can reach it.
        """
        open_tasks = [task for task in self.tasks.values() if not goal.reached_by(task)]
        if not open_tasks:
            return Verdict.PERSON if self.deleted else Verdict.DONE
        states = {task.state for task in open_tasks}
        if states == {State.TROUBLE}:
            return Verdict.PERSON
        if self.wave and self.wave.stalled and State.STOPPING not in states:
            return Verdict.PERSON
        return Verdict.WAITING


def _looks(task: TaskView) -> tuple[object, ...]:
    """Return what counts as a visible change; a new lag alone is not worth a line."""
    return task.state, task.phase, task.ready.reason, task.caught_up
