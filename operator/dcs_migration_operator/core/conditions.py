"""Builds Kubernetes conditions that kstatus, `kubectl wait`, Flux and Argo CD understand.

`Ready` and `Stopped` are always present. `Reconciling` and `Stalled` follow kstatus's
"abnormal-true" rule: each is present only while it is true, and never both at once.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.status import MESSAGE_CHARS_MAX, NEVER, Condition
from dcs_migration_operator.core.texts import shared

if TYPE_CHECKING:
    from collections.abc import Iterable

READY: Final = "Ready"
STOPPED: Final = "Stopped"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
CAUGHT_UP: Final = "CaughtUp"


class Standing(Enum):
    """Who has to act next."""

    DONE = auto()  # no action is needed
    RECONCILING = auto()  # the operator, which continues by itself
    STALLED = auto()  # a person
    WAITING = auto()  # a person who asked for the wait; this is neither progress nor a fault


def clip(text: str, chars_max: int = MESSAGE_CHARS_MAX) -> str:
    """Return the text, cut with an ellipsis if it is longer than allowed."""
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def condition(kind: str, status: str, reason: str, message: str) -> Condition:
    """Return a condition without time and generation; `dated` adds them."""
    return Condition(kind, status, reason, shared(clip(message)), since="", generation=0)


def standing_condition(standing: Standing, reason: str, message: str) -> tuple[Condition, ...]:
    """Return `Reconciling` or `Stalled`; no condition if the task is done or waits on purpose."""
    if standing in {Standing.DONE, Standing.WAITING}:
        return ()
    kind = RECONCILING if standing is Standing.RECONCILING else STALLED
    return (condition(kind, "True", reason, message),)


def dated(
    wanted: Iterable[Condition], before: Iterable[Condition], generation: int, moment: str
) -> tuple[Condition, ...]:
    """Return the wanted conditions with their transition times.

    The time of a condition changes only with its `status`, as the API conventions ask; the time in
    the default status of a CRD does not count.
    """
    known = {c.type: c for c in before if c.since not in {"", NEVER}}
    return tuple(
        Condition(
            type=c.type,
            status=c.status,
            reason=c.reason,
            message=c.message,
            since=known[c.type].since
            if c.type in known and known[c.type].status == c.status
            else moment,
            generation=generation,
        )
        for c in wanted
    )
