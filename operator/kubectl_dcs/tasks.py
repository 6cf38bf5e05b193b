"""A `MigrationTask` as people see it: what is requested, its lag, and its state.

Parsing is lenient: CRDs of another version may lack fields or have additional ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.phases import TERMINATING

if TYPE_CHECKING:
    from collections.abc import Mapping

UNDER_WAY: Final = frozenset({"Stopping", "StopNotEffective"})
CATCHING_UP: Final = frozenset({"Queued", "CatchingUp", "LagUnknown"})


class State(Enum):
    """The state of a task; the value is shown to people. In the order of a cutover."""

    TROUBLE = "needs a person"
    DELAYED = "delayed"
    PENDING = "pending"
    HOLDING = "holding"
    CATCHING_UP = "catching up"
    CAUGHT_UP = "caught up"
    STOPPING = "stopping"
    STOPPED = "stopped"
    OBSERVED = "observed"


_ORDER: Final = {state: number for number, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; empty if it does not exist."""

    status: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class TaskView:
    """One `MigrationTask`.

    Attributes:
        stopped: `spec.stopped`.
        cutover: `spec.cutover`; None if there is none.
        generation: The generation of the object.
        observed: The generation that the status describes; 0 if it has never been written.
        lag: DCS's `offset`; None if unknown.
        created_at: RFC 3339, as all times here; empty if not reached yet.
        title: What DCS calls the migration.
        body: The object itself, for users of other fields.
    """

    namespace: str
    name: str
    uid: str
    task_id: str
    project: str
    stopped: bool
    cutover: Mapping[str, Any] | None
    generation: int
    observed: int
    phase: str
    lag: int | None
    lag_at: str
    created_at: str
    title: str
    conditions: Mapping[str, Condition]
    body: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def key(self) -> tuple[str, str]:
        """Its identity within the cluster."""
        return self.namespace, self.name

    @property
    def wave(self) -> str:
        """The name of its wave, in the same namespace; empty if it has none."""
        return _text(_fields(self.cutover, "waveRef"), "name")

    @property
    def wished(self) -> bool:
        """Whether it is to be stopped, now or once the target has caught up."""
        return self.stopped or self.cutover is not None

    @property
    def ready(self) -> Condition:
        """The condition `Ready`."""
        return self.condition("Ready")

    @property
    def current(self) -> bool:
        """Whether the status describes the latest spec."""
        return 0 < self.generation <= self.observed

    @cached_property
    def state(self) -> State:
        """The state of the task."""
        return _state(self)

    @property
    def caught_up(self) -> bool:
        """Whether its target has caught up, or no longer matters because the task is stopped."""
        return self.holds("CaughtUp") or self.state in {State.STOPPING, State.STOPPED}

    def condition(self, kind: str) -> Condition:
        """Return a condition; an empty one if it does not exist."""
        return self.conditions.get(kind, Condition())

    def holds(self, kind: str) -> bool:
        """Return whether a condition is true for the latest spec."""
        return self.current and self.condition(kind).status == "True"

    def part(self, *path: str) -> Mapping[str, Any]:
        """Return the object below a path of the status; empty if there is none."""
        return _fields(_fields(self.body, "status"), *path)


def task_view(body: Mapping[str, Any]) -> TaskView:
    """Return the view of an object."""
    metadata, spec, status = (_fields(body, part) for part in ("metadata", "spec", "status"))
    project, lag, cutover = _fields(spec, "projectRef"), _fields(status, "lag"), spec.get("cutover")
    prefix = "ClusterDCSProject " if project.get("kind") == "ClusterDCSProject" else ""
    return TaskView(
        namespace=_text(metadata, "namespace"),
        name=_text(metadata, "name"),
        uid=_text(metadata, "uid"),
        task_id=_text(spec, "taskId"),
        project=prefix + (_text(project, "name") or "default"),
        stopped=spec.get("stopped") is True,
        cutover=cutover if isinstance(cutover, dict) else None,
        generation=number(metadata.get("generation")) or 0,
        observed=number(status.get("observedGeneration")) or 0,
        phase=_text(status, "phase"),
        lag=number(lag.get("offset")),
        lag_at=_text(lag, "observedAt"),
        created_at=_text(metadata, "creationTimestamp"),
        title=_text(_fields(status, "task"), "name"),
        conditions=conditions_of(status),
        body=body,
    )


def conditions_of(status: Mapping[str, Any]) -> dict[str, Condition]:
    """Return the conditions of a status by their types."""
    return {
        _text(one, "type"): Condition(*(_text(one, key) for key in ("status", "reason", "message")))
        for one in status.get("conditions") or []
        if isinstance(one, dict)
    }


def number(value: object) -> int | None:
    """Return a whole number, or None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def by_urgency(task: TaskView) -> tuple[bool, int, bool, int, str, str]:
    """Return a sort key: tasks that need a person first, then by lag, then those under way."""
    state = task.state
    done = state in {State.STOPPED, State.OBSERVED}
    lag = -1 if task.lag is None or done else task.lag
    return state is not State.TROUBLE, -lag, done, _ORDER[state], task.namespace, task.name


def _state(task: TaskView) -> State:
    reason = task.ready.reason
    if not task.current:
        return State.PENDING
    if task.holds("Stalled"):
        return State.TROUBLE
    if task.holds("Ready") and task.holds("Stopped"):
        return State.STOPPED
    if not task.wished and task.holds("Ready"):
        return State.OBSERVED
    if reason in UNDER_WAY or task.phase == TERMINATING:
        return State.STOPPING
    if task.holds("CaughtUp"):
        return State.CAUGHT_UP
    if reason == "Holding":
        return State.HOLDING
    if reason in CATCHING_UP:
        return State.CATCHING_UP
    return State.PENDING if reason in {"", "Pending"} else State.DELAYED


def _fields(body: Mapping[str, Any] | None, *path: str) -> Mapping[str, Any]:
    for key in path:
        below = (body or {}).get(key)
        body = below if isinstance(below, dict) else {}
    return body or {}


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""
