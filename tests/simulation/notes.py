"""What an invariant may ask about a case: who sent, saw, heard and was refused what, and when.

Tasks are told apart by cloud project and key, moments are virtual seconds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcs_migration_operator.core.status import Status
    from simulation.trials import Trials

At = tuple[str, str]
"""A cloud project and the key of a task."""


class Rule(Enum):
    """What may forbid an order; the value says what is wrong with one that leaves all the same."""

    WISH = "without a wish"
    LOOK = "without a look lately"
    DOUBT = "again without a look"
    ENDED = "although DCS had said that it does not run"
    PATIENCE = "too soon after an acceptance"
    SUSPENDED = "although its project is suspended"
    SAMPLES = "without two samples within the limit that span the time"
    AGE = "on a sample that is too old"
    PHASE = "although DCS had said another phase than the incremental one"
    WINDOW = "outside of its window"
    WAVE = "before its wave was at Go"
    HOLD = "after its wave was told to hold"


@dataclass(slots=True)
class SentOrder:
    """One stop order as it left a replica.

    Attributes:
        led: Whether the replica held the Lease.
        broken: Task id → what its replica knew that forbids it.
        throttled: Whether the gateway turned it away, so that DCS never heard of it.
    """

    at: float
    replica: str
    project_id: str
    task_ids: tuple[str, ...]
    led: bool
    broken: dict[str, frozenset[Rule]]
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """One order that left because a target had caught up.

    Attributes:
        quiet: Nobody wrote to its source since before the first of its samples.
        honest: Its stats never said 0 of what was not.
        exact: Its wish tolerates no lag.
        keys: What is missing in the target at that moment.
    """

    at: float
    task: At
    quiet: bool
    honest: bool
    exact: bool
    keys: int


@dataclass(slots=True)
class Notes:
    """Everything that was noted.

    Attributes:
        said: By task, all words that DCS said to anybody.
        accepted_at: By task, the last acceptance that a replica heard of.
        ordered_at: By task, the last order.
        looked_at: By task, when it was last shown; by (project, ""), when a list was last answered.
        over_at: By task, when the last question was asked whose answer was that it does not run.
        failed_at: By cloud project or access key, the last call that failed because of it.
        starts: Processes that were started.
        started_at: When the last of them was.
        gone_writes: Writes to objects that are not there any more.
        shown: By uid of a project, its statuses in order.
    """

    orders: list[SentOrder] = field(default_factory=list)
    said: defaultdict[At, set[str]] = field(default_factory=lambda: defaultdict(set))
    accepted_at: dict[At, float] = field(default_factory=dict)
    ordered_at: dict[At, float] = field(default_factory=dict)
    looked_at: dict[At, float] = field(default_factory=dict)
    over_at: dict[At, float] = field(default_factory=dict)
    failed_at: dict[str, float] = field(default_factory=dict)
    failed_shows: defaultdict[At, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By task, the shows that failed because of it."""
    starts: int = 0
    started_at: float = 0.0
    rested_at: float = 0.0
    writes_while_not_leading: int = 0
    gone_writes: int = 0
    shown: defaultdict[str, list[tuple[float, Status]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    cuts: list[Cut] = field(default_factory=list)
    at_once: dict[str, int] = field(default_factory=dict)
    """By uid, the keys that would be lost if a conditional wish were an order as it is made."""
    crowded: list[str] = field(default_factory=list)
    """Admissions that a wave had no room for."""
    idle_stats: list[str] = field(default_factory=list)
    """Samples of tasks that nobody wishes to be stopped on a condition."""
    untold: list[str] = field(default_factory=list)
    """Full syncs that began again of which nobody was warned."""
    trials: list[Trials] = field(default_factory=list)
    """How each process has tried its keys."""
    early: list[str] = field(default_factory=list)
    """Claims of a status about a wish that nobody had asked DCS about."""
    stuck: list[str] = field(default_factory=list)
    """Complaints of `watching.py`."""
