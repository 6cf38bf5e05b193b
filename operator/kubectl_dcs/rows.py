"""The rows of the tables of tasks and waves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubectl_dcs import moments
from kubectl_dcs.problems import one_line

if TYPE_CHECKING:
    from datetime import datetime

    from kubectl_dcs.tasks import TaskView
    from kubectl_dcs.waves import WaveView

TASK_HEADS: Final = (
    *("NAMESPACE", "NAME", "STATE", "PHASE", "LAG", "SEEN", "WAVE", "REASON", "MESSAGE"),
)
WAVE_HEADS: Final = (
    *(
        "NAMESPACE",
        "WAVE",
        "STATE",
        "TASKS",
        "CAUGHT-UP",
        "STOPPED",
        "TROUBLE",
        "REASON",
        "MESSAGE",
    ),
)

MESSAGE_CELLS_MAX: Final = 100
"""Length of a message in a table; `kubectl describe` shows all of it."""


def task_row(task: TaskView, now: datetime) -> tuple[str, ...]:
    """Return the row of a task; `SEEN` is the age of the lag."""
    return (
        task.namespace,
        task.name,
        task.state.value,
        task.phase,
        "" if task.lag is None else f"{task.lag:,}",
        moments.age(task.lag_at, now),
        task.wave,
        task.ready.reason,
        _cut(task.ready.message),
    )


def wave_row(wave: WaveView) -> tuple[str, ...]:
    """Return the row of a wave."""
    counts = (
        str(wave.counts.get(name, "")) for name in ("total", "caughtUp", "stopped", "trouble")
    )
    reason, message = wave.ready.reason, _cut(wave.ready.message)
    return (wave.namespace, wave.name, wave.state, *counts, reason, message)


def _cut(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= MESSAGE_CELLS_MAX else line[: MESSAGE_CELLS_MAX - 1] + "…"
