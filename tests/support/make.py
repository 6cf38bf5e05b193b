"""Makes core values for unit tests, each with defaults that suit most tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dcs_migration_operator.core.decide import Decision, Situation, decide
from dcs_migration_operator.core.describe import describe
from dcs_migration_operator.core.model import (
    ErrorDetail,
    Instant,
    ObjectRef,
    Observation,
    Outcome,
    Project,
    ProjectRef,
    StopRequest,
    Task,
    Trouble,
    TroubleKind,
    task_key,
)
from dcs_migration_operator.core.status import Condition, Status

TASK_ID = "b21989ec-2889-4b8e-99db-19c073425ec2"
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
FAULT = ErrorDetail("DCS.4957", "not allowed in the current task state", "req-1")
PROJECT = ProjectRef("DCSProject", "team-a", "default")


def now(seconds: float = 1000.0) -> Instant:
    """Return a moment; the wall clock runs along from second 1,000 on."""
    return Instant(seconds, START + timedelta(seconds=int(seconds - 1000.0)))


def task(*, stopped: bool = True, generation: int = 1, **changes: Any) -> Task:
    """Return a task resource."""
    task_id = changes.pop("task_id", TASK_ID)
    base = Task(
        ref=ObjectRef("migrationtasks", "team-a", "cache", "uid-1"),
        generation=generation,
        task_id=task_id,
        key=task_key(task_id),
        stopped=stopped,
        project=PROJECT,
    )
    return replace(base, **changes)


def observed(word: str, **changes: Any) -> Observation:
    """Return an observation."""
    return Observation(word=word, task_id=TASK_ID, **changes)


def accepted(at: float, **changes: Any) -> StopRequest:
    """Return a request that was accepted at this monotonic second."""
    base = StopRequest(
        outcome=Outcome.ACCEPTED,
        attempts=1,
        answered_at=at,
        accepted=now(at).wall,
        request_id="req-0",
    )
    return replace(base, **changes)


def trouble(kind: TroubleKind, since: float = 900.0, detail: ErrorDetail | None = None) -> Trouble:
    """Return a trouble that is old enough to be told."""
    return Trouble(kind, since, "Something is wrong.", detail)


def situation(
    word: str | None = None, *, stopped: bool = True, asked_at: float = 999.0, **changes: Any
) -> Situation:
    """Return a situation: a task that was just observed in this state, or never."""
    base = Situation(
        task=task(stopped=stopped),
        shown=Status(),
        wished_at=float("-inf"),
        wished=START if stopped else None,
        news_at=897.0,
        observed=observed(word) if word else None,
        asked_at=asked_at if word else float("-inf"),
        confirmed=False,
        unlisted_at=float("-inf"),
        request=StopRequest(),
        moved=False,
        started_again=False,
        suspended=False,
        blocked=None,
        unreadable=None,
        troubles={},
        progress_at=float("-inf"),
    )
    return replace(base, **changes)


def condition(kind: str, status: str, reason: str, **changes: Any) -> Condition:
    """Return a condition as a resource shows it."""
    base = Condition(kind, status, reason, "", "2026-03-01T12:00:00Z", 1)
    return replace(base, **changes)


def shown_after(before: Situation, at: float = 1000.0) -> Status:
    """Return the status that this situation leads to."""
    return describe(before, decide(before, now(at)), now(at))


def outcome(before: Situation, at: float = 1000.0) -> tuple[Decision, Status]:
    """Return the decision and the status in words."""
    decision = decide(before, now(at))
    return decision, describe(before, decision, now(at))


def project(**changes: Any) -> Project:
    """Return a project resource."""
    base = Project(
        ref=PROJECT,
        object=ObjectRef("dcsprojects", "team-a", "default", "uid-p"),
        generation=1,
        endpoint="https://dcs.cn-north-4.myhuaweicloud.com",
        project_id="0123456789abcdef0123456789abcdef",
        secret="dcs",
    )
    return replace(base, **changes)
