"""Builds the status of a conditional wish: the lag, the condition `CaughtUp`, and the opening.

A lag changes with every sample. It is written when its meaning changes, and otherwise only now and
then, so that a thousand waiting tasks do not cause a stream of writes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.conditions import CAUGHT_UP, condition
from dcs_migration_operator.core.cutover import Sight, is_incremental
from dcs_migration_operator.core.durations import in_words
from dcs_migration_operator.core.status import LagRecord, OpeningRecord, parse_time, rfc3339

if TYPE_CHECKING:
    from dcs_migration_operator.core.cutover import Conditional
    from dcs_migration_operator.core.model import Instant, Observation
    from dcs_migration_operator.core.status import Condition, Status

OPEN_WRITE_S: Final = 15.0
HOLDING_WRITE_S: Final = 300.0
"""Shortest intervals between two writes of a lag whose meaning has not changed, while the cutover
is open and while it holds. A lag whose value does not change is written at the latter interval."""

_SAYS: Final = {
    Sight.WITHIN: ("False", "Lagging", "The lag is within {max_lag}, but not for {stable} yet."),
    Sight.LAGGING: ("False", "Lagging", "The lag is above {max_lag}."),
    Sight.FULL_PHASE: ("False", "FullPhase", "The full phase is not over yet."),
    Sight.NOT_REPLICATING: ("False", "NotReplicating", "DCS says that nothing is replicated."),
    Sight.UNKNOWN: ("Unknown", "LagUnknown", "DCS does not say how far the target is behind."),
}


def caught_up_condition(wish: Conditional, observed: Observation) -> Condition:
    """Return `CaughtUp`, without time and generation."""
    if not is_incremental(observed):
        text = "DCS knows no lag of a full migration or a backup import."
        return condition(CAUGHT_UP, "Unknown", "NotIncremental", text)
    stable = in_words(wish.terms.stable_for_s)
    if wish.caught_up:
        text = f"The lag has been within {wish.terms.max_lag} for at least {stable}."
        return condition(CAUGHT_UP, "True", CAUGHT_UP, text)
    status, reason, text = _SAYS[wish.streak.sight or Sight.UNKNOWN]
    return condition(
        CAUGHT_UP, status, reason, text.format(max_lag=wish.terms.max_lag, stable=stable)
    )


def lag_record(
    wish: Conditional, shown: Status, says: Condition | None, now: Instant
) -> LagRecord | None:
    """Return the lag to show: the newest one, or the one already shown if it is too soon."""
    if wish.lag is None or says is None:
        return shown.lag
    stats = wish.lag.stats
    newest = LagRecord(
        offset=stats.offset,
        full_progress=stats.full_progress,
        source_keys=stats.source_keys,
        target_keys=stats.target_keys,
        observed_at=rfc3339(wish.lag.at),
        caught_up_since=rfc3339(wish.streak.since_wall),
    )
    before, said = shown.lag, shown.condition(CAUGHT_UP)
    written_at = parse_time(before.observed_at) if before else None
    if before is None or written_at is None or said is None:
        return newest
    if (said.status, said.reason) != (says.status, says.reason):
        return newest
    rests = _values(before) == _values(newest)
    pause_s = HOLDING_WRITE_S if rests or wish.opening is None else OPEN_WRITE_S
    due = wish.lag.at - written_at >= timedelta(seconds=pause_s)
    ahead = written_at > now.wall  # a clock was set back
    return newest if due or ahead else before


def opening_record(wish: Conditional) -> OpeningRecord | None:
    """Return when the cutover was opened and when it times out."""
    if wish.opening is None:
        return None
    until = wish.opening.wall + timedelta(seconds=wish.terms.timeout_s)
    return OpeningRecord(rfc3339(wish.opening.wall), rfc3339(until))


def in_numbers(wish: Conditional) -> str:
    """Return the newest lag in a few words."""
    stats = wish.lag.stats if wish.lag else None
    if stats is None or stats.offset is None:
        return "the lag is unknown"
    if wish.streak.sight is Sight.FULL_PHASE and stats.full_progress is not None:
        return f"the full phase is at {stats.full_progress} %"
    return f"the lag is {stats.offset}, the limit {wish.terms.max_lag}"


def _values(lag: LagRecord) -> tuple[int | None, ...]:
    return lag.offset, lag.full_progress, lag.source_keys, lag.target_keys
