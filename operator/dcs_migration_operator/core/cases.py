"""The table of decision cases: one row says what each case means.

The conditions and reasons that users and dashboards rely on are defined here. `decide.py` finds the
case of a situation; to change what a case means, change its row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.conditions import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping


class Pace(IntEnum):
    """How soon a task has to be polled again; the larger the value, the more urgent."""

    NEVER = 0  # no decision depends on it
    SETTLED = 1  # the wish is fulfilled; polled now and then to detect drift
    RARELY = 2  # DCS does not know the id
    OBSERVING = 3
    STOPPING = 4
    NOW = 5
    CONFIRM = 6  # now, and by a call for this task alone


class Case(Enum):
    """The rows of the table."""

    SETTLED = auto()
    SUSPENDED = auto()
    UNASKED = auto()
    UNLISTED = auto()
    OUTDATED = auto()
    SURPRISING = auto()
    STARTED_AGAIN = auto()
    OBSERVED = auto()
    TO_STOP = auto()
    WAITING = auto()
    UNSURE = auto()
    REPEATING = auto()
    REJECTED = auto()
    LAGGING = auto()
    INEFFECTIVE = auto()
    TO_STOP_AGAIN = auto()
    STOPPING = auto()
    TERMINATED = auto()
    ENDED = auto()
    FAILED = auto()
    GONE = auto()
    HOLDING = auto()
    EARLY = auto()
    WAVE_PAUSED = auto()
    QUEUED = auto()
    CATCHING_UP = auto()
    LAG_UNKNOWN = auto()
    TIMED_OUT = auto()
    WINDOW_MISSED = auto()
    NOT_INCREMENTAL = auto()
    NOT_REPLICATING = auto()
    WAVE_NOT_FOUND = auto()


QUIET_S: Final = 3.0
"""A state that passes by itself is written only if it lasts longer than this: this keeps a stop at
two writes, and still shows a first status within the promised 5 s."""

UNLISTED_QUIET_S: Final = 1.0
"""The same for a task that a complete list does not mention: it is shown within a moment, unless
hundreds wait for that. After 3 s a thousand first words took up to 5.6 s (two cores, 2026-11-28),
since all of them are written at once."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one case means.

    Attributes:
        ready: Status of `Ready`.
        reason: Reason of `Ready`, and of `Reconciling` or `Stalled`.
        standing: Who has to act next.
        pace: How soon to poll again.
        needs: The calls on which the next step depends; a trouble of any other call does not
            concern this task.
        stop: A stop is due once the last observation is fresh.
        passing: The case resolves itself within moments; it is written only if it does not.
        quiet_s: How long it may take to resolve, in seconds.
        patient: It may take longer while the channel makes progress, because many tasks wait.
    """

    ready: str
    reason: str
    standing: Standing
    pace: Pace
    needs: tuple[Operation, ...] = (Operation.LIST,)
    stop: bool = False
    passing: bool = False
    quiet_s: float = QUIET_S
    patient: bool = True


SUSPENDED: Final = "Suspended"

_DONE, _GOES_ON, _PERSON = Standing.DONE, Standing.RECONCILING, Standing.STALLED
_WAITS = Standing.WAITING
_LIST, _SHOW, _STOP = Operation.LIST, Operation.SHOW, Operation.BATCH_STOP
_STATS = Operation.STATS

CASES: Final[Mapping[Case, Row]] = MappingProxyType(
    {
        Case.SETTLED: Row("True", "Terminated", _DONE, Pace.SETTLED, ()),
        Case.SUSPENDED: Row("False", SUSPENDED, _WAITS, Pace.OBSERVING),
        Case.UNASKED: Row("False", "Pending", _GOES_ON, Pace.NOW, passing=True, patient=False),
        Case.UNLISTED: Row(
            "False",
            "Pending",
            _GOES_ON,
            Pace.CONFIRM,
            (_LIST, _SHOW),
            passing=True,
            quiet_s=UNLISTED_QUIET_S,
            patient=False,
        ),
        Case.OUTDATED: Row("False", "Pending", _GOES_ON, Pace.NOW, passing=True),
        Case.SURPRISING: Row(
            "False", "Pending", _GOES_ON, Pace.CONFIRM, (_LIST, _SHOW), passing=True
        ),
        Case.STARTED_AGAIN: Row("False", "Pending", _GOES_ON, Pace.NOW, passing=True),
        Case.OBSERVED: Row("True", "Observed", _DONE, Pace.OBSERVING),
        Case.TO_STOP: Row(
            "False", "Pending", _GOES_ON, Pace.OBSERVING, (_LIST, _STOP), stop=True, passing=True
        ),
        Case.WAITING: Row(
            "False", "Pending", _GOES_ON, Pace.OBSERVING, (_LIST, _STOP), passing=True
        ),
        Case.UNSURE: Row("False", "Pending", _GOES_ON, Pace.NOW, passing=True),
        Case.REPEATING: Row(
            "False", "CloudUnavailable", _GOES_ON, Pace.STOPPING, (_LIST, _STOP), passing=True
        ),
        Case.REJECTED: Row("False", "StopRejected", _GOES_ON, Pace.OBSERVING, (_LIST, _STOP)),
        Case.LAGGING: Row("False", "Stopping", _GOES_ON, Pace.STOPPING),
        Case.INEFFECTIVE: Row("False", "StopNotEffective", _GOES_ON, Pace.STOPPING),
        Case.TO_STOP_AGAIN: Row(
            "False",
            "StopNotEffective",
            _GOES_ON,
            Pace.STOPPING,
            (_LIST, _SHOW, _STOP),
            stop=True,
            passing=True,
        ),
        Case.STOPPING: Row("False", "Stopping", _GOES_ON, Pace.STOPPING),
        Case.TERMINATED: Row("True", "Terminated", _DONE, Pace.SETTLED, ()),
        Case.ENDED: Row("True", "EndedBeforeStop", _DONE, Pace.SETTLED, ()),
        Case.FAILED: Row("False", "TaskFailed", _PERSON, Pace.OBSERVING),
        Case.GONE: Row("False", "TaskNotFound", _PERSON, Pace.RARELY),
        Case.HOLDING: Row("True", "Holding", _DONE, Pace.OBSERVING),
        Case.EARLY: Row("True", "Holding", _DONE, Pace.OBSERVING),
        Case.WAVE_PAUSED: Row("True", "Holding", _DONE, Pace.OBSERVING),
        # A full wave and stats that hang are waited for however much DCS answers meanwhile.
        Case.QUEUED: Row("False", "Queued", _GOES_ON, Pace.OBSERVING, passing=True, patient=False),
        Case.CATCHING_UP: Row("False", "CatchingUp", _GOES_ON, Pace.STOPPING, (_LIST, _STATS)),
        Case.LAG_UNKNOWN: Row("False", "LagUnknown", _GOES_ON, Pace.STOPPING, (_LIST, _STATS)),
        Case.TIMED_OUT: Row("False", "CutoverTimedOut", _PERSON, Pace.OBSERVING),
        Case.WINDOW_MISSED: Row("False", "WindowMissed", _PERSON, Pace.OBSERVING),
        Case.NOT_INCREMENTAL: Row("False", "NotIncremental", _PERSON, Pace.OBSERVING),
        Case.NOT_REPLICATING: Row("False", "NotReplicating", _PERSON, Pace.STOPPING),
        Case.WAVE_NOT_FOUND: Row("False", "WaveNotFound", _PERSON, Pace.OBSERVING),
    }
)
