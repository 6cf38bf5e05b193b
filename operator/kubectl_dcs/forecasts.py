"""The types of a forecast: what the operator would do about each task of a world.

`plan` gathers a world, passes it to a `Forecaster`, and prints the result. The real forecaster uses
the operator's own pure code; tests use others.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from kubectl_dcs.tasks import TaskView
    from kubectl_dcs.waves import WaveView

Key = tuple[str, str]


class Group(Enum):
    """What happens to a task next; the value is used in `-o json`."""

    STOP = "stop"
    WAIT = "wait"
    NOTHING = "nothing"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class World:
    """Everything a forecast depends on, frozen.

    Attributes:
        tasks: The tasks, by namespace and name.
        waves: The waves, by namespace and name.
        projects: The project objects, by kind, namespace (empty if cluster-scoped) and name.
        namespaces: The labels of those namespaces that may be read.
        unknown: The kinds that may not be read; a missing object of these proves nothing.
        now: The time for windows and deadlines.
    """

    tasks: Mapping[Key, TaskView]
    waves: Mapping[Key, WaveView]
    projects: Mapping[tuple[str, str, str], Mapping[str, Any]]
    now: datetime
    unknown: frozenset[str] = frozenset()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def with_tasks(self, tasks: Mapping[Key, TaskView]) -> World:
        """Return the same world with other tasks."""
        return replace(self, tasks=tasks)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to one task next, and why, in the operator's own words."""

    group: Group
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call that would be made.

    Attributes:
        endpoint: The endpoint of DCS.
        project_id: The id of the cloud project.
        tasks: The tasks whose ids it would carry; each id only once.
    """

    endpoint: str
    project_id: str
    tasks: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the operator would do with a world: a verdict for each task, and the calls."""

    verdicts: Mapping[Key, Verdict]
    calls: tuple[Call, ...]


class Forecaster(Protocol):
    """Makes a forecast for a world."""

    def __call__(self, world: World, /) -> Forecast:
        """Return what the operator would do; the same world gives the same answer."""
