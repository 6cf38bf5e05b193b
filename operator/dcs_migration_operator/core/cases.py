"""The cases of the decision as a table: what each means, in one row.

What users and dashboards rely on is said here in code. `decide.py` names the case of a
situation; a change of what a case means is a change of a row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.conditions import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping


class Pace(Enum):
    """How soon DCS has to be asked about a task again."""

    NONE = auto()  # never: the wish is fulfilled
    RARELY = auto()  # DCS does not know the id
    OBSERVING = auto()
    STOPPING = auto()
    NOW = auto()
    CONFIRM = auto()  # now, and by a call for this task alone


class Case(Enum):
    """The rows of the table."""

    SETTLED = auto()
    UNASKED = auto()
    SURPRISING = auto()
    OBSERVED = auto()
    TO_ORDER = auto()
    WAITING = auto()
    UNSURE = auto()
    REJECTED = auto()
    LAGGING = auto()
    INEFFECTIVE = auto()
    TO_REORDER = auto()
    STOPPING = auto()
    TERMINATED = auto()
    ENDED = auto()
    FAILED = auto()
    GONE = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """What one case means.

    Attributes:
        ready: Status of `Ready`.
        reason: Reason of `Ready`, and of `Reconciling` or `Stalled`.
        standing: Who acts next.
        pace: How soon to look again.
        order: A stop is due as soon as the last look is fresh.
        passing: The case passes by itself within moments; it is written only if it does not.
    """

    ready: str
    reason: str
    standing: Standing
    pace: Pace
    order: bool = False
    passing: bool = False


_DONE, _GOES_ON, _PERSON = Standing.DONE, Standing.RECONCILING, Standing.STALLED

CASES: Final[Mapping[Case, Row]] = MappingProxyType(
    {
        Case.SETTLED: Row("True", "Terminated", _DONE, Pace.NONE),
        Case.UNASKED: Row("False", "Pending", _GOES_ON, Pace.NOW, passing=True),
        Case.SURPRISING: Row("False", "Pending", _GOES_ON, Pace.CONFIRM, passing=True),
        Case.OBSERVED: Row("True", "Observed", _DONE, Pace.OBSERVING),
        Case.TO_ORDER: Row("False", "Pending", _GOES_ON, Pace.OBSERVING, order=True, passing=True),
        Case.WAITING: Row("False", "Pending", _GOES_ON, Pace.OBSERVING, passing=True),
        Case.UNSURE: Row("False", "Pending", _GOES_ON, Pace.NOW, passing=True),
        Case.REJECTED: Row("False", "StopRejected", _GOES_ON, Pace.OBSERVING),
        Case.LAGGING: Row("False", "Stopping", _GOES_ON, Pace.STOPPING),
        Case.INEFFECTIVE: Row("False", "StopNotEffective", _GOES_ON, Pace.STOPPING),
        Case.TO_REORDER: Row(
            "False", "StopNotEffective", _GOES_ON, Pace.STOPPING, order=True, passing=True
        ),
        Case.STOPPING: Row("False", "Stopping", _GOES_ON, Pace.STOPPING),
        Case.TERMINATED: Row("True", "Terminated", _DONE, Pace.NONE),
        Case.ENDED: Row("True", "EndedBeforeStop", _DONE, Pace.NONE),
        Case.FAILED: Row("False", "TaskFailed", _PERSON, Pace.OBSERVING),
        Case.GONE: Row("False", "TaskNotFound", _PERSON, Pace.RARELY),
    }
)
