"""The mixed fleet: what each migration is in DCS, and how its resource must end.

Owns the expectations. They follow from DCS's statuses alone and never from what an operator did.
Pure: equal arguments give equal fleets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox import dcs, manifests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MIGRATIONS = 120
"""More than two full orders, and few enough to read in a terminal."""

ACTIVE_WORDS = (
    "CREATING",
    "RUNNING",
    "MIGRATING",
    "FULLMIGRATING",
    "INCRMIGEATING",
    "INCRMIGRATING",
    "REBALANCING",  # an unknown word
)

OVER_WORDS = ("TERMINATED", "SUCCESS", "RELEASED", "TERMINATING")
"""Statuses that have ended or are about to: there is nothing left to order."""

OVER_SHARE = 40
"""One migration in this many has each of these words, at least one of each."""

FULL_WORDS = frozenset({"FULLMIGRATING", "SUCCESS"})
"""Words of a migration that copies once; the others run until they are stopped."""

APPS = ("carts", "sessions", "search", "orders", "prices", "stock", "users")

UNDASHED_EVERY = 4
"""One id in this many is 32 hex digits: DCS knows both shapes."""

LAG_EVERY = 8
LAG_S = 2.5
"""One migration in this many keeps its old status this long after an accepted stop: longer than
until the first poll, so that a phase that falls back would be seen."""

STOPPED_ELSEWHERE_S = 10.0
"""Seconds from the start of DCS until the stops by other people are done."""

REFUSAL = ("DCS.4017", "Another job is running on this instance.")
"""Code and text of the refusal of the refused stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One migration with its resource."""

    name: str
    """Of the resource, and of the migration in DCS."""
    task_id: str
    in_dcs: dict[str, Any] | None
    """Fields of a `MigrationSpec`; None if DCS does not know the id."""
    ordered: bool = False
    """Whether an order is needed to stop it."""
    phase: str
    """The phase that the resource must show in the end."""
    ready: bool = True
    """Whether the requested stop can be achieved; if not, a person is needed."""
    reason: str
    """The reason of the condition Ready, in the end."""

    @property
    def word(self) -> str:
        """The status in DCS at first; empty if DCS does not know the id."""
        return str(self.in_dcs["word"]) if self.in_dcs else ""

    @property
    def ends_alone(self) -> bool:
        """Whether its status changes without an order, perhaps before the stop is requested."""
        return self.in_dcs is not None and "script" in self.in_dcs

    @property
    def can_be_stopped(self) -> bool:
        """Whether it must end as TERMINATED."""
        return self.ready and self.phase == "TERMINATED"

    def manifest(self, *, stopped: bool) -> dict[str, Any]:
        """Return the resource; if no stop is requested, `stopped` is left out."""
        wish = {"stopped": True} if stopped else {}
        return manifests.migration_task(self.name, self.task_id, **wish)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One row of the plan: an initial status, and what follows from it."""

    word: str
    phase: str
    reason: str
    ordered: bool = False
    ready: bool = True
    known: bool = True
    details: dict[str, Any] = field(default_factory=dict)


_ACTIVE = tuple(_Kind(word, "TERMINATED", "Terminated", ordered=True) for word in ACTIVE_WORDS)

_OVER = (
    _Kind("TERMINATED", "TERMINATED", "Terminated"),
    _Kind("SUCCESS", "SUCCESS", "EndedBeforeStop"),
    _Kind("RELEASED", "RELEASED", "EndedBeforeStop"),
    _Kind(
        "TERMINATING",
        "TERMINATED",
        "Terminated",
        details={"script": ((STOPPED_ELSEWHERE_S, "TERMINATED"),)},
    ),
)

_FOR_A_PERSON = (
    _Kind("FAILED", "FAILED", "TaskFailed", ready=False),
    _Kind("INCRMIGEATING", "DELETED", "TaskNotFound", ready=False, known=False),
    _Kind(
        "INCRMIGEATING",
        "INCRMIGEATING",
        "StopRejected",
        ordered=True,
        ready=False,
        details={"refuse_code": REFUSAL[0], "refuse_message": REFUSAL[1]},
    ),
)

MIGRATIONS_MIN = len(_ACTIVE) + len(_OVER) + len(_FOR_A_PERSON)
"""One of each kind."""


def mixed_fleet(count: int, stop_s: float) -> list[Member]:
    """Return a fleet of `count` members that includes every kind of member.

    Args:
        count: At least `MIGRATIONS_MIN`.
        stop_s: How long DCS takes for the slowest stop; the quickest takes half of it.
    """
    plan = list(_plan(count))
    ids = dcs.task_ids(count, 0, dcs.PROJECT_ID)
    return [
        _member(number, kind, task_id, stop_s * (1 + number / count) / 2)
        for number, (kind, task_id) in enumerate(zip(plan, ids, strict=True), start=1)
    ]


def migrations(fleet: Sequence[Member]) -> dict[str, Any]:
    """Return the fleet in the form of the simulator's fleet file."""
    return {"migrations": [one.in_dcs for one in fleet if one.in_dcs is not None]}


def _plan(count: int) -> Iterator[_Kind]:
    """Yield `count` kinds, with those that are not simply stopped spread among the others."""
    others = [kind for kind in _OVER for _ in range(max(1, count // OVER_SHARE))]
    others += _FOR_A_PERSON
    placed = 0
    for number in range(count):
        if placed * count <= number * len(others):
            yield others[placed]
            placed += 1
        else:
            yield _ACTIVE[(number - placed) % len(_ACTIVE)]


def _member(number: int, kind: _Kind, task_id: str, stop_s: float) -> Member:
    """Return member `number`, counted from 1."""
    name = f"{APPS[number % len(APPS)]}-{(number - 1) // len(APPS) + 1:02}"
    if number % UNDASHED_EVERY == 0:
        task_id = task_id.replace("-", "")
    full = kind.word in FULL_WORDS
    in_dcs = {
        "task_id": task_id,
        "name": name,
        "word": kind.word,
        "method": "full_amount_migration" if full else "incremental_migration",
        "lag_s": LAG_S if number % LAG_EVERY == 0 else 0.0,
        "stop_s": stop_s,
        **kind.details,
    }
    return Member(
        name=name,
        task_id=task_id,
        in_dcs=in_dcs if kind.known else None,
        ordered=kind.ordered,
        phase=kind.phase,
        ready=kind.ready,
        reason=kind.reason,
    )
