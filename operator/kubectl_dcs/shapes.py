"""The shapes of `-o json`; scripts rely on them, so fields may only be added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubectl_dcs.tasks import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubectl_dcs.tasks import TaskView
    from kubectl_dcs.waves import WaveView


def task_json(task: TaskView) -> dict[str, Any]:
    """Return the state of one task."""
    wish = "stop" if task.stopped else "cutover" if task.wished else None
    return {
        "namespace": task.namespace,
        "name": task.name,
        "taskId": task.task_id,
        "title": task.title,
        "project": task.project,
        "wish": wish,
        "wave": task.wave or None,
        "state": task.state.value,
        "phase": task.phase,
        "lag": task.lag,
        "lagObservedAt": task.lag_at or None,
        "caughtUp": task.caught_up,
        "ready": task.ready.status,
        "reason": task.ready.reason,
        "message": task.ready.message,
    }


def wave_json(wave: WaveView) -> dict[str, Any]:
    """Return the state of one wave, with the operator's counts."""
    return {
        "namespace": wave.namespace,
        "name": wave.name,
        "state": wave.state,
        "notBefore": wave.not_before or None,
        "notAfter": wave.not_after or None,
        "tasks": dict(wave.counts),
        "openedAt": wave.opened_at or None,
        "completedAt": wave.completed_at or None,
        "ready": wave.ready.status,
        "reason": wave.ready.reason,
        "message": wave.ready.message,
    }


def counts_json(counts: Mapping[State, int]) -> dict[str, int]:
    """Return the number of tasks in each state, including empty ones."""
    return {state.value: counts.get(state, 0) for state in State}


def tasks_json(tasks: Iterable[TaskView]) -> list[dict[str, Any]]:
    """Return the states of tasks, in their order."""
    return [task_json(task) for task in tasks]
