"""Passes each watch event to the engine; an event that cannot be parsed affects no other.

Handling an event must never raise: kopf would continue, but the object would count as unknown, and
the operator does not start until every existing object is known.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.bodies import (
    Unreadable,
    object_of,
    project_of,
    status_of,
    task_of,
    version_of,
    wave_of,
)
from dcs_migration_operator.core.kinds import CLUSTER_PROJECTS, PROJECTS, TASKS, WAVES
from dcs_migration_operator.core.status import from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcs_migration_operator.engine.intake import Intake

    Body = Mapping[str, Any]

_log = logging.getLogger(__name__)


def task_event(intake: Intake, plural: str, body: Body, *, deleted: bool) -> None:
    """Pass on one event of a `MigrationTask`."""
    _hand_on(intake, plural, body, _take_task, deleted=deleted)


def project_event(intake: Intake, plural: str, body: Body, *, deleted: bool) -> None:
    """Pass on one event of a `DCSProject` or a `ClusterDCSProject`."""
    _hand_on(intake, plural, body, _take_project, deleted=deleted)


def wave_event(intake: Intake, plural: str, body: Body, *, deleted: bool) -> None:
    """Pass on one event of a `MigrationWave`."""
    _hand_on(intake, plural, body, _take_wave, deleted=deleted)


EVENTS: Final = {
    TASKS: task_event,
    PROJECTS: project_event,
    CLUSTER_PROJECTS: project_event,
    WAVES: wave_event,
}
"""What takes in the events of each kind, by its plural."""


def _take_wave(intake: Intake, body: Body) -> None:
    intake.wave_changed(wave_of(body), from_json(status_of(body)), version_of(body))


def _take_task(intake: Intake, body: Body) -> None:
    intake.task_changed(task_of(body), from_json(status_of(body)), version_of(body))


def _take_project(intake: Intake, body: Body) -> None:
    intake.project_changed(project_of(body), from_json(status_of(body)), version_of(body))


def _hand_on(
    intake: Intake,
    plural: str,
    body: Body,
    take: Callable[[Intake, Body], None],
    *,
    deleted: bool,
) -> None:
    try:
        ref, version = object_of(body, plural), version_of(body)
    except (AttributeError, KeyError, TypeError, ValueError):
        # The API server writes no such thing; in a list it would take the others with it.
        _log.error("an object without name, uid or version was left out", extra={"kind": plural})
        return
    if deleted:
        intake.deleted(ref.uid)
        return
    try:
        take(intake, body)
    except Unreadable as error:
        intake.unreadable(ref, version, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is concerns this object alone
        _log.exception("an event could not be taken in", extra={"object": str(ref)})
        intake.unreadable(ref, version, f"It cannot be read ({type(error).__name__}).")
