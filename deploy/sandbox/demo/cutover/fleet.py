"""The wave: 58 ordinary migrations, one whose writers are forgotten, one whose connection breaks.

Owns what they are in DCS and in Kubernetes. Pure: every run has the same wave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox import dcs, manifests
from sandbox.demo.fleet import Member

if TYPE_CHECKING:
    from collections.abc import Sequence

MIGRATIONS: Final = 60
"""More than fit into one order, and more than a wave allows to be under way at once."""

WAVE: Final = "night"

FORGOTTEN: Final = "cache-07"
"""The task whose writers were not stopped, so that it never catches up."""

BROKEN: Final = "cache-23"
"""Its connection breaks when the wave is set to Go, and DCS copies everything again."""

TIMEOUT: Final = "1m"
"""Timeout of the forgotten task: the shortest possible one, instead of half an hour."""

STOP_S: Final = 2.0
"""How long DCS takes for a stop."""

LAG_BYTES: Final = 4_000_000
CATCH_UP_BYTES_PER_S: Final = 200_000.0
WRITES_PER_S: Final = 400.0
BYTES_PER_WRITE: Final = 200
"""The initial lag of a target, what it takes in, and what the writers add: while they write, the
lag falls for half a minute and then never settles."""

FULL_S: Final = 15.0
"""How long DCS takes to copy everything once more."""


def wave_fleet() -> list[Member]:
    """Return the members of the wave; each must be stopped in the end."""
    ids = dcs.task_ids(MIGRATIONS, 0, dcs.PROJECT_ID)
    return [_member(f"cache-{n:02}", task_id) for n, task_id in enumerate(ids, start=1)]


def _member(name: str, task_id: str) -> Member:
    in_dcs = {
        "task_id": task_id,
        "name": name,
        "writers": True,
        "writes_per_s": WRITES_PER_S,
        "bytes_per_write": BYTES_PER_WRITE,
        "lag_bytes": LAG_BYTES,
        "catch_up_bytes_per_s": CATCH_UP_BYTES_PER_S,
        "full_s": FULL_S,
        "stop_s": STOP_S,
        "word": "INCRMIGEATING",
    }
    return Member(
        name=name,
        task_id=task_id,
        in_dcs=in_dcs,
        ordered=True,
        phase="TERMINATED",
        reason="Terminated",
    )


def resources(fleet: Sequence[Member]) -> list[dict[str, Any]]:
    """Return the wave, at Hold, and its tasks."""
    return [manifests.migration_wave(WAVE, state="Hold"), *map(_task, fleet)]


def _task(member: Member) -> dict[str, Any]:
    cutover: dict[str, Any] = {"waveRef": {"name": WAVE}}
    if member.name == FORGOTTEN:
        cutover["timeout"] = TIMEOUT
    return manifests.migration_task(member.name, member.task_id, cutover=cutover)
