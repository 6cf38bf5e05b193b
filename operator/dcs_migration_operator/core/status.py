"""The status subresource as a value, and its conversion to and from JSON.

Parsing is lenient: fields that another client wrote into a status are used as far as they are
valid, and the rest is overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.texts import shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MESSAGE_CHARS_MAX: Final = 1024
"""Longest message in a status; DCS bounds its own at 1,024 characters."""

ATTEMPTS_MAX: Final = 1_000_000
"""Most stop requests that are counted. Another client may have written any 32-bit number into the
status, and one more than the largest would make every later write of ours invalid."""

COUNT_MAX: Final = 2**63 - 1
"""Largest value that the CRD admits for a lag and for numbers of keys."""

NEVER: Final = "1970-01-01T00:00:00Z"
"""Transition time of the conditions in the CRDs' default status."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One Kubernetes condition; `status` is `True`, `False` or `Unknown`."""

    type: str
    status: str
    reason: str
    message: str
    since: str
    generation: int


@dataclass(frozen=True, slots=True)
class StopRecord:
    """`status.stop`; times are RFC 3339, empty when the moment has not come."""

    requested_at: str = ""
    accepted_at: str = ""
    terminated_at: str = ""
    attempts: int = 0
    request_id: str = ""
    lag_at_order: int | None = None


@dataclass(frozen=True, slots=True)
class LagRecord:
    """`status.lag`; values that DCS did not give are None, times are RFC 3339."""

    offset: int | None = None
    full_progress: int | None = None
    source_keys: int | None = None
    target_keys: int | None = None
    observed_at: str = ""
    caught_up_since: str = ""


@dataclass(frozen=True, slots=True)
class OpeningRecord:
    """`status.cutover`; times are RFC 3339."""

    opened_at: str
    times_out_at: str


@dataclass(frozen=True, slots=True)
class WaveCounts:
    """`status.tasks` of a wave: each task counts in `total` and in exactly one other field."""

    total: int = 0
    waiting: int = 0
    caught_up: int = 0
    stopping: int = 0
    stopped: int = 0
    trouble: int = 0


@dataclass(frozen=True, slots=True)
class WaveRecord:
    """The fields that only the status of a wave has; times are RFC 3339."""

    tasks: WaveCounts = WaveCounts()
    opened_at: str = ""
    completed_at: str = ""


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """`status.task`: what a person needs to recognize a migration."""

    name: str = ""
    method: str = ""
    source: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """`status.lastError`."""

    code: str
    message: str
    request_id: str
    time: str


@dataclass(frozen=True, slots=True)
class Status:
    """The whole status of a resource; it is empty until the operator has written one."""

    phase: str = ""
    generation: int = 0
    conditions: tuple[Condition, ...] = ()
    stop: StopRecord | None = None
    task: TaskRecord | None = None
    error: ErrorRecord | None = None
    lag: LagRecord | None = None
    opening: OpeningRecord | None = None
    wave: WaveRecord | None = None

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of this type, if there is one."""
        return next((c for c in self.conditions if c.type == kind), None)


def same_meaning(one: Status, other: Status) -> bool:
    """Tell whether two statuses mean the same, regardless of their texts and times.

    DCS's texts change with each answer (trace ids, times). Fields that only inform (`stop`,
    messages, request ids) are left alone if another client writes them differently.
    """
    return (
        one.phase == other.phase
        and one.generation == other.generation
        and one.task == other.task
        and one.lag == other.lag
        and one.opening == other.opening
        and one.wave == other.wave
        and (one.error.code if one.error else "") == (other.error.code if other.error else "")
        and {(c.type, c.status, c.reason) for c in one.conditions}
        == {(c.type, c.status, c.reason) for c in other.conditions}
    )


@lru_cache(maxsize=64)  # thousands of statuses hold the same few times
def rfc3339(moment: datetime | None) -> str:
    """Return a UTC time as Kubernetes writes it, or an empty string."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""


def parse_time(text: str) -> datetime | None:
    """Parse an RFC 3339 time; return None if the text is not one."""
    try:
        moment = datetime.fromisoformat(text)
        # The API server admits the year 1 with any offset, which may not exist in UTC.
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def to_json(status: Status) -> dict[str, Any]:
    """Return the status as the API server stores it, without empty fields."""
    body: dict[str, Any] = {
        "observedGeneration": status.generation,
        "conditions": [
            {
                "type": c.type,
                "status": c.status,
                "reason": c.reason,
                "message": c.message,
                "lastTransitionTime": c.since,
                "observedGeneration": c.generation,
            }
            for c in status.conditions
        ],
    }
    if status.phase:
        body["phase"] = status.phase
    if status.stop:
        body["stop"] = _filled(
            requestedAt=status.stop.requested_at,
            acceptedAt=status.stop.accepted_at,
            terminatedAt=status.stop.terminated_at,
            requestId=status.stop.request_id,
        ) | {"attempts": status.stop.attempts}
        body["stop"] |= _known(lagAtOrder=status.stop.lag_at_order)
    if status.task:
        body["task"] = _filled(
            name=status.task.name,
            method=status.task.method,
            sourceInstance=status.task.source,
            targetInstance=status.task.target,
        )
    if status.error:
        body["lastError"] = _filled(
            code=status.error.code,
            message=status.error.message,
            requestId=status.error.request_id,
            time=status.error.time,
        )
    body |= _cutover_to_json(status)
    return body


def _cutover_to_json(status: Status) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if status.lag:
        body["lag"] = _known(
            offset=status.lag.offset,
            fullProgress=status.lag.full_progress,
            sourceKeys=status.lag.source_keys,
            targetKeys=status.lag.target_keys,
        ) | _filled(observedAt=status.lag.observed_at, caughtUpSince=status.lag.caught_up_since)
    if status.opening:
        body["cutover"] = _filled(
            openedAt=status.opening.opened_at, timesOutAt=status.opening.times_out_at
        )
    if status.wave:
        tasks = status.wave.tasks
        body["tasks"] = _known(
            total=tasks.total,
            waiting=tasks.waiting,
            caughtUp=tasks.caught_up,
            stopping=tasks.stopping,
            stopped=tasks.stopped,
            trouble=tasks.trouble,
        )
        body |= _filled(openedAt=status.wave.opened_at, completedAt=status.wave.completed_at)
    return body


def from_json(body: Mapping[str, Any]) -> Status:
    """Parse the status that the API server holds; a CRD's default gives an empty status."""
    conditions = tuple(_conditions(body.get("conditions")))
    if "observedGeneration" not in body and any(c.since == NEVER for c in conditions):
        return Status()
    stop, task, error = (_mapping(body.get(key)) for key in ("stop", "task", "lastError"))
    lag, opening = (_mapping(body.get(key)) for key in ("lag", "cutover"))
    return Status(
        phase=_text(body.get("phase")),
        generation=_number(body.get("observedGeneration")),
        conditions=conditions,
        stop=StopRecord(
            requested_at=_text(stop.get("requestedAt")),
            accepted_at=_text(stop.get("acceptedAt")),
            terminated_at=_text(stop.get("terminatedAt")),
            attempts=_count(stop.get("attempts")),
            request_id=_text(stop.get("requestId")),
            lag_at_order=_known_count(stop.get("lagAtOrder")),
        )
        if stop
        else None,
        task=TaskRecord(
            name=_text(task.get("name")),
            method=_text(task.get("method")),
            source=_text(task.get("sourceInstance")),
            target=_text(task.get("targetInstance")),
        )
        if task
        else None,
        error=ErrorRecord(
            code=_text(error.get("code")),
            message=_text(error.get("message")),
            request_id=_text(error.get("requestId")),
            time=_text(error.get("time")),
        )
        if error
        else None,
        lag=LagRecord(
            offset=_known_count(lag.get("offset")),
            full_progress=_known_count(lag.get("fullProgress")),
            source_keys=_known_count(lag.get("sourceKeys")),
            target_keys=_known_count(lag.get("targetKeys")),
            observed_at=_text(lag.get("observedAt")),
            caught_up_since=_text(lag.get("caughtUpSince")),
        )
        if lag
        else None,
        opening=OpeningRecord(_text(opening.get("openedAt")), _text(opening.get("timesOutAt")))
        if opening
        else None,
        wave=_wave(body) if "tasks" in body else None,
    )


def _wave(body: Mapping[str, Any]) -> WaveRecord:
    tasks = _mapping(body.get("tasks"))
    return WaveRecord(
        WaveCounts(
            total=_count(tasks.get("total")),
            waiting=_count(tasks.get("waiting")),
            caught_up=_count(tasks.get("caughtUp")),
            stopping=_count(tasks.get("stopping")),
            stopped=_count(tasks.get("stopped")),
            trouble=_count(tasks.get("trouble")),
        ),
        opened_at=_text(body.get("openedAt")),
        completed_at=_text(body.get("completedAt")),
    )


def _conditions(items: object) -> Iterable[Condition]:
    for item in items if isinstance(items, list) else []:
        fields = _mapping(item)
        yield Condition(
            # Thousands of resources have equal conditions; let them share the memory.
            type=shared(_text(fields.get("type"))),
            status=shared(_text(fields.get("status"))),
            reason=shared(_text(fields.get("reason"))),
            message=shared(_text(fields.get("message"))),
            since=shared(_text(fields.get("lastTransitionTime"))),
            generation=_number(fields.get("observedGeneration")),
        )


def _filled(**fields: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _known(**fields: int | None) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _known_count(value: object) -> int | None:
    """Return a count from a status, None if it is not a count; an unknown value never becomes 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return int(value) if value <= COUNT_MAX else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _count(value: object) -> int:
    """Return a count, capped so that the CRD still admits it after an increment."""
    return min(max(_number(value), 0), ATTEMPTS_MAX)
