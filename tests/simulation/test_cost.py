"""What a stop costs the engine, counted: what has grown here has grown for everybody.

Times are measured by `make bench`; counts on virtual time are the same on every machine.
"""

from __future__ import annotations

from math import ceil
from typing import Final

import pytest

from bench import engine
from dcs_migration_operator.core.cloud import BATCH_IDS_MAX, LIST_ROWS_MAX

LOOKS: Final = 4
"""Before the order, 1 s after its acceptance, and 1.3 s and 1.7 s later; a stop takes 3 s here."""

OBJECTS: Final = 15
"""Per task, of those that can hold others and which the garbage collector therefore passes over:
entry and shadow, cloud task and its paces, task and its name, what DCS said, request, status with
its conditions, three of them as a tuple, stop and task, and the index by project."""

BYTES_MAX: Final = 2_700
"""Per task; 2,570 with Python 3.11."""

FEW, MANY = 500, 1_000


@pytest.mark.parametrize("tasks", [1, 49, 50, 51, 999, 1_000, 2_500])
def test_orders_looks_and_writes(tasks: int) -> None:
    """ceil(n / 50) orders, four looks of n / 1,000 pages and an end, two writes per task."""
    life = engine.live(tasks)
    assert life.orders == ceil(tasks / BATCH_IDS_MAX)
    assert life.lists == LOOKS * (tasks // LIST_ROWS_MAX + 1)
    assert life.writes_per_task == 2.0


def test_objects_held_per_task() -> None:
    """A fleet that has ended holds so many objects for each more task."""
    more = engine.objects_held(MANY) - engine.objects_held(FEW)
    assert round(more / (MANY - FEW), 1) == OBJECTS


def test_bytes_held_per_task() -> None:
    """And so much memory."""
    assert engine.bytes_per_task(FEW) < BYTES_MAX
