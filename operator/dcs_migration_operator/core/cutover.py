"""Conditional wishes: their terms, and the decision whether the target has caught up.

A lag counts only in a streak of samples. A missing, invalid or negative value in a sample is
unknown and ends the streak, and so does any phase but the incremental one. With writers active a
lag of 0 proves nothing: only a person knows that they have stopped, and says so by opening the
cutover.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from dcs_migration_operator.core.cloud import Stats
    from dcs_migration_operator.core.model import ErrorDetail, Observation

SAMPLES_MIN: Final = 2
"""Number of samples that have to agree: RedisShake's users saw a single 0 from busy sources."""

SAMPLE_AGE_S_MAX: Final = 10.0
"""Greatest age of the last sample when the request is sent."""

FULL_PROGRESS: Final = 100
"""Progress, in percent, at which the full phase is over."""

_INCREMENTAL_WORDS: Final = frozenset({"INCRMIGEATING", "INCRMIGRATING"})
"""The incremental phase, in both spellings of the API."""


@dataclass(frozen=True, slots=True)
class Terms:
    """When a target counts as caught up, and how long to wait for that.

    Attributes:
        max_lag: The largest lag that counts as caught up, in DCS's own unit.
        stable_for_s: How long the lag has to stay within `max_lag`.
        timeout_s: Time limit, counted from the opening.
        stop_anyway: Whether the stop is requested when the time is up.
    """

    max_lag: int = 0
    stable_for_s: float = 10.0
    timeout_s: float = 1800.0
    stop_anyway: bool = False


@dataclass(frozen=True, slots=True)
class TermsSaid:
    """The terms that a resource sets; None for those that it does not set."""

    max_lag: int | None = None
    stable_for_s: float | None = None
    timeout_s: float | None = None
    stop_anyway: bool | None = None


def terms_of(task: TermsSaid, wave: TermsSaid | None = None) -> Terms:
    """Return the terms: those of the task, otherwise of its wave, otherwise the defaults."""
    terms = Terms()
    for said in (wave, task):
        if said:
            terms = Terms(
                max_lag=terms.max_lag if said.max_lag is None else said.max_lag,
                stable_for_s=terms.stable_for_s if said.stable_for_s is None else said.stable_for_s,
                timeout_s=terms.timeout_s if said.timeout_s is None else said.timeout_s,
                stop_anyway=terms.stop_anyway if said.stop_anyway is None else said.stop_anyway,
            )
    return terms


@dataclass(frozen=True, slots=True)
class Window:
    """The period in which a request may be sent, in UTC; None means no bound."""

    not_before: datetime | None = None
    not_after: datetime | None = None

    def is_early(self, wall: datetime) -> bool:
        """Tell whether the window has not begun."""
        return self.not_before is not None and wall < self.not_before

    def is_over(self, wall: datetime) -> bool:
        """Tell whether the window has ended."""
        return self.not_after is not None and wall >= self.not_after

    def next_at(self, wall: datetime) -> datetime | None:
        """Return the next moment at which the window begins or ends."""
        bounds = (self.not_before, self.not_after)
        return min((bound for bound in bounds if bound and bound > wall), default=None)


ALWAYS: Final = Window()


@dataclass(frozen=True, slots=True)
class Cutover:
    """`spec.cutover` of a task; if it names a wave, the window is that of the wave."""

    said: TermsSaid = TermsSaid()
    wave: str = ""
    window: Window = ALWAYS


@dataclass(frozen=True, slots=True)
class Lag:
    """One sample of the lag of a target.

    Attributes:
        stats: What DCS said; all values are unknown if the call failed.
        asked_at: Monotonic time in seconds of the request.
        at: The same as wall time.
        detail: The error of a sample that failed.
    """

    stats: Stats
    asked_at: float
    at: datetime
    detail: ErrorDetail | None = None


class Sight(Enum):
    """What one sample shows."""

    WITHIN = auto()  # the lag is within its limit
    LAGGING = auto()
    FULL_PHASE = auto()
    NOT_REPLICATING = auto()
    UNKNOWN = auto()


def sight_of(stats: Stats, max_lag: int, word: str) -> Sight:
    """Return what a sample shows for a task with this status word."""
    if stats.is_migrating is False:
        return Sight.NOT_REPLICATING
    if stats.full_progress is not None and stats.full_progress < FULL_PROGRESS:
        return Sight.FULL_PHASE
    if stats.is_migrating is None or stats.full_progress is None or stats.offset is None:
        return Sight.UNKNOWN
    if not _is_incremental_word(word):
        return Sight.FULL_PHASE
    return Sight.WITHIN if stats.offset <= max_lag else Sight.LAGGING


def _is_incremental_word(word: str) -> bool:
    return word.strip().upper() in _INCREMENTAL_WORDS


def is_incremental(observed: Observation) -> bool:
    """Tell whether a task continues after its full phase, as far as DCS says.

    A full migration or a backup import has no lag, and ends by itself. `migration_method` may be
    absent, and one official example has the word in `migration_type`; if it is absent, the samples
    decide.
    """
    method = observed.method.lower()
    return not ("full" in method or "backup" in method)


@dataclass(frozen=True, slots=True)
class Streak:
    """The consecutive samples in which a target was within its limit.

    Attributes:
        max_lag: The limit.
        since: Monotonic time in seconds of the first of these samples; None if there is none.
        since_wall: The same as wall time.
        samples: Number of these samples.
        last_at: Monotonic time in seconds of the newest sample, whatever it showed.
        sight: What the newest sample showed; None before the first.
    """

    max_lag: int
    since: float | None = None
    since_wall: datetime | None = None
    samples: int = 0
    last_at: float = float("-inf")
    sight: Sight | None = None

    def after(self, lag: Lag, word: str) -> Streak:
        """Return the streak after one more sample."""
        sight = sight_of(lag.stats, self.max_lag, word)
        if sight is not Sight.WITHIN:
            return Streak(self.max_lag, last_at=lag.asked_at, sight=sight)
        begun = self if self.since is not None else replace(self, since=lag.asked_at)
        return replace(
            begun,
            since_wall=begun.since_wall or lag.at,
            samples=begun.samples + 1,
            last_at=lag.asked_at,
            sight=sight,
        )

    def is_stable(self, stable_for_s: float) -> bool:
        """Tell whether the streak is long enough to count as caught up."""
        return (
            self.since is not None
            and self.samples >= SAMPLES_MIN
            and self.last_at - self.since >= stable_for_s
        )


@dataclass(frozen=True, slots=True)
class Opening:
    """The moment at which the wait for a target began, on both clocks."""

    mono: float
    wall: datetime


class WaveStanding(Enum):
    """What the wave of a task permits."""

    NONE = auto()  # the task names none
    MISSING = auto()
    HOLDS = auto()
    PAUSED = auto()  # by failures; what it has admitted goes on
    GOES = auto()


class Sampling(IntEnum):
    """How often the lag of a task is sampled; a larger value means more often."""

    NEVER = 0
    HOLDING = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class Conditional:
    """Everything that a conditional wish depends on, at one moment.

    Attributes:
        window: The window of the task, or that of its wave.
        wave: The wave's name, for messages.
        opening: When the cutover was opened; None while it is not open or not admitted.
        lag: The newest sample.
        streak: The streak for this resource's limit.
        expired: Whether this opening has timed out; only a person can open it again.
        committed: Whether a request was sent for this wish, so that later lag changes nothing.
        lag_at_order: The offset of the newest sample at that time, if DCS gave it.
    """

    terms: Terms
    window: Window
    standing: WaveStanding
    wave: str
    opening: Opening | None
    lag: Lag | None
    streak: Streak
    expired: bool = False
    committed: bool = False
    lag_at_order: int | None = None

    @property
    def caught_up(self) -> bool:
        """Whether the target has caught up, as far as the samples say."""
        return self.streak.is_stable(self.terms.stable_for_s)

    @property
    def deadline(self) -> float | None:
        """Monotonic time in seconds at which the wait times out."""
        return self.opening.mono + self.terms.timeout_s if self.opening else None

    def is_fresh(self, now: float) -> bool:
        """Tell whether the newest sample, valid or not, is young enough to act on."""
        return self.lag is not None and self.lag.asked_at >= now - SAMPLE_AGE_S_MAX

    def is_time_up(self, now: float) -> bool:
        """Tell whether the time is up, and the lag was asked for lately or since then.

        An answer that takes longer than a sample may be old is never fresh.
        """
        if self.deadline is None or self.lag is None or now < self.deadline:
            return False
        return self.is_fresh(now) or self.lag.asked_at >= self.deadline


class Gate(Enum):
    """Whether a conditional stop may be sent now, and if not, why."""

    OPEN = auto()
    ANYWAY = auto()  # the time is up, and the terms say so
    WAVE_MISSING = auto()
    HELD = auto()
    EARLY = auto()
    PAUSED = auto()
    WINDOW_OVER = auto()
    QUEUED = auto()
    NOT_INCREMENTAL = auto()
    TIMED_OUT = auto()
    LAG_UNKNOWN = auto()
    NOT_REPLICATING = auto()
    CATCHING_UP = auto()


MAY_LEAVE: Final = frozenset({Gate.OPEN, Gate.ANYWAY})

OPEN_GATES: Final = frozenset(
    {
        Gate.OPEN,
        Gate.ANYWAY,
        Gate.QUEUED,
        Gate.LAG_UNKNOWN,
        Gate.NOT_REPLICATING,
        Gate.CATCHING_UP,
    }
)
"""The gates at which an opened task is sampled often."""


def gate_of(wish: Conditional, observed: Observation, now: float, wall: datetime) -> Gate:
    """Return the gate of a conditional wish for a running task; checks are in precedence order."""
    barred = bar_of(wish, wall)
    if barred:
        return barred
    if wish.committed:
        return Gate.OPEN
    if wish.opening is None:
        return Gate.PAUSED if wish.standing is WaveStanding.PAUSED else Gate.QUEUED
    if not is_incremental(observed):
        return Gate.NOT_INCREMENTAL
    if wish.expired:
        return Gate.TIMED_OUT
    if wish.is_time_up(now):
        return Gate.ANYWAY if wish.terms.stop_anyway else Gate.TIMED_OUT
    return _gate_of_lag(wish, observed.word, now)


def bar_of(wish: Conditional, wall: datetime) -> Gate | None:
    """Return what bars a request, even one made earlier, whatever the lag is."""
    match wish.standing:
        case WaveStanding.MISSING:
            return Gate.WAVE_MISSING
        case WaveStanding.HOLDS:
            return Gate.HELD
        case _:
            pass
    if wish.window.is_over(wall):
        return Gate.WINDOW_OVER
    return Gate.EARLY if wish.window.is_early(wall) else None


def _gate_of_lag(wish: Conditional, word: str, now: float) -> Gate:
    # What was sampled before belongs to no round, and would leave apart from the others.
    opened_at = wish.opening.mono if wish.opening else now
    if wish.lag is None:
        return Gate.QUEUED
    if wish.lag.asked_at < max(opened_at, now - TURN_S_MAX) and wish.lag.detail is None:
        return Gate.QUEUED  # what has failed is asked again with pauses, and waits for no turn
    match wish.streak.sight:
        case None | Sight.UNKNOWN:
            return Gate.LAG_UNKNOWN
        case Sight.NOT_REPLICATING:
            return Gate.NOT_REPLICATING
        case _:
            pass
    # A list may have told since the last sample that a full sync has begun again.
    ready = wish.caught_up and wish.is_fresh(now) and _is_incremental_word(word)
    return Gate.OPEN if ready else Gate.CATCHING_UP


TURN_S_MAX: Final = 60.0
"""A task whose newest sample is older than this waits for its turn to be sampled."""
