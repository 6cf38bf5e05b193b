"""Describes the state of a project resource in its `Ready` condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcs_migration_operator.core.conditions import (
    READY,
    Standing,
    condition,
    dated,
    standing_condition,
)
from dcs_migration_operator.core.status import Status, rfc3339

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import Instant, Project, Trouble
    from dcs_migration_operator.core.status import Condition

CONFIGURED = "Configured"

_COMPLETE = "Endpoint, Secret and keys are in place."
_COMPLETE_AMBIENT = "The endpoint and the operator's own identity are in place."


def describe_project(
    project: Project, shown: Status, trouble: Trouble | None, now: Instant
) -> Status:
    """Return the status of a project: that it is usable, or why it is not."""
    wanted: tuple[Condition, ...]
    if trouble is None:
        message = _COMPLETE_AMBIENT if project.ambient else _COMPLETE
        wanted = (condition(READY, "True", CONFIGURED, message),)
    else:
        reason = trouble.kind.value
        standing = Standing.STALLED if trouble.needs_person(now.mono) else Standing.RECONCILING
        wanted = (
            condition(READY, "False", reason, trouble.message),
            *standing_condition(standing, reason, trouble.message),
        )
    return Status(
        generation=project.generation,
        conditions=dated(wanted, shown.conditions, project.generation, rfc3339(now.wall)),
    )
