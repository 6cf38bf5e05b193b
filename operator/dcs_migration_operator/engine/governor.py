"""When a channel may call again, and what keeps it from calling.

A failure closes the channel for a growing pause, which ends by time alone. The gateway locks a key
for five minutes after more than five 401s in a row, so two are taken as proof and the key rests for
longer than the lock. 403 closes only the call that was refused. The clock is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cloud import PERMISSIONS, Operation
from dcs_migration_operator.core.errors import (
    AuthFailed,
    DcsError,
    EndpointRefused,
    Misconfigured,
    PermissionDenied,
    Throttled,
)
from dcs_migration_operator.core.model import Trouble, TroubleKind

if TYPE_CHECKING:
    from collections.abc import Callable


PAUSE_GROWTH_POWER_MAX: Final = 16
"""Bound on the doubling, far above what any limit below lets through."""


@dataclass(frozen=True, slots=True)
class _Pause:
    """Seconds after the first failure, doubled per consecutive one up to a most."""

    first_s: float
    most_s: float

    def seconds(self, failures: int) -> float:
        power = min(failures - 1, PAUSE_GROWTH_POWER_MAX)
        return min(self.first_s * 2.0**power, self.most_s)


_PAUSES: Final = {
    # Documented windows are of seconds and of minutes; a pause in between grows into the latter.
    TroubleKind.THROTTLED: _Pause(5.0, 300.0),
    TroubleKind.UNAVAILABLE: _Pause(1.0, 60.0),
    # A wrong endpoint or project is mended by a person; looking in on it costs nobody anything.
    TroubleKind.PROJECT: _Pause(30.0, 600.0),
    TroubleKind.ENDPOINT: _Pause(30.0, 600.0),
    TroubleKind.PERMISSION: _Pause(30.0, 600.0),
    # One 401 may be a key that was made a moment ago; the second rests for longer than the lock.
    TroubleKind.CREDENTIALS: _Pause(10.0, 330.0),
}

AUTH_FAILURES_MAX: Final = 2
"""Consecutive 401s that prove the key wrong; the gateway locks after more than five."""

RETRY_AFTER_S_MAX: Final = 900.0
"""Longest pause taken from an answer; a longer one is asked again at this pace."""

_LOOKS: Final = frozenset({Operation.LIST, Operation.SHOW})

JITTER: Final = 0.1
"""Pauses are lengthened by up to this share, so that channels do not come back together."""


RATE_PER_S_MAX: Final = 20.0
RATE_PER_S_MIN: Final = 0.2
"""Calls per second of one key. DCS documents no limit; neighbours document 200 calls in 5 minutes
(0.67/s) and more. So it begins above what a large fleet needs, is halved by each 429 and recovers
by `RECOVERY_PER_S` for each second without one."""

RECOVERY_PER_S: Final = 0.05
BURST_CALLS: Final = 20
"""Calls that may leave at once: the orders for 1,000 tasks. After a 429 there is no burst."""


@dataclass(slots=True)
class _Closed:
    """A pause of several calls, and the trouble behind it.

    It ends by time alone: while it lasts nobody calls, and a late success of a call made before it
    proves nothing.
    """

    until: float = float("-inf")
    trouble: Trouble | None = None

    def close(self, until: float, trouble: Trouble) -> None:
        if until >= self.until:
            self.until, self.trouble = until, trouble

    def trouble_at(self, now: float) -> Trouble | None:
        return self.trouble if now < self.until else None


@dataclass(slots=True)
class _Call:
    """One kind of call: what keeps failing it, and since how many times."""

    failures: int = 0
    trouble: Trouble | None = None
    closed: _Closed = field(default_factory=_Closed)


class Pacer:
    """The rate of one access key at one endpoint, over all its channels (GCRA with AIMD)."""

    def __init__(self) -> None:
        self._rate_per_s = RATE_PER_S_MAX
        self._burst = BURST_CALLS
        self._changed_at = float("-inf")
        self._free_at = float("-inf")

    def book_s(self, now: float) -> float:
        """Book the next call and return the seconds until it may leave."""
        if self._rate_per_s < RATE_PER_S_MAX:
            gained = RECOVERY_PER_S * (now - self._changed_at)
            self._rate_per_s = min(self._rate_per_s + gained, RATE_PER_S_MAX)
            self._changed_at = now
        elif now >= self._free_at:
            self._burst = BURST_CALLS
        interval_s = 1.0 / self._rate_per_s
        earliest = now - (self._burst - 1) * interval_s
        slot = max(self._free_at, earliest)
        self._free_at = slot + interval_s
        return slot - now

    def throttled(self, now: float) -> None:
        """Take note of a 429: half the rate, and no burst until it has recovered."""
        self._rate_per_s = max(self._rate_per_s / 2.0, RATE_PER_S_MIN)
        self._burst = 1
        self._changed_at = now


class Key:
    """What all channels of one access key at one endpoint share: its rate and its pauses.

    Throttling and a refused key concern the key, not the project that met them first.
    """

    def __init__(self) -> None:
        self.pacer = Pacer()
        self.closed = _Closed()
        self.refusals = 0
        """Consecutive 401s over all channels and calls."""


class Governor:
    """Keeps the pauses of one channel.

    Args:
        draw: Returns a number in [0, 1), for the jitter.
        key: Shared with the other channels of the same access key.
    """

    def __init__(self, draw: Callable[[], float], key: Key) -> None:
        self._draw, self._key = draw, key
        self._closed = _Closed()
        self._calls = {operation: _Call() for operation in Operation}

    def wait_s(self, operation: Operation, now: float) -> float:
        """Return the seconds until this call may be made; 0 or less means at once."""
        return max(closed.until for closed in self._pauses(operation)) - now

    def book_s(self, now: float) -> float:
        """Book a call in the key's rate; returns the seconds until it may leave."""
        return self._key.pacer.book_s(now)

    def trouble(self, operation: Operation, now: float) -> Trouble | None:
        """Return what keeps this call from working: its own trouble, or a pause of all calls."""
        own = self._calls[operation].trouble
        return own or self._key.closed.trouble_at(now) or self._closed.trouble_at(now)

    def succeeded(self, operation: Operation) -> None:
        """Take note of a success: this call has no trouble any more, and the key is right.

        List and show are two ways to look: where one works, the other is in no trouble but that it
        may be forbidden.
        """
        self._key.refusals = 0
        self._calls[operation] = _Call()
        for other in _LOOKS - {operation} if operation in _LOOKS else ():
            trouble = self._calls[other].trouble
            if trouble and trouble.kind is not TroubleKind.PERMISSION:
                self._calls[other] = _Call()

    def failed(self, operation: Operation, error: DcsError, now: float) -> None:
        """Take note of a failure: the next pause begins."""
        kind, call = _kind_of(error), self._calls[operation]
        same = call.trouble is not None and call.trouble.kind is kind
        call.failures = call.failures + 1 if same else 1
        since = call.trouble.since if same and call.trouble else now
        call.trouble = Trouble(kind, since, _message(kind, operation), error.detail)
        if kind is TroubleKind.THROTTLED:
            self._key.pacer.throttled(now)
        until = now + self._pause_s(kind, call.failures, error) * (1.0 + JITTER * self._draw())
        self._pause_of(kind, call).close(until, call.trouble)

    def _pause_s(self, kind: TroubleKind, failures: int, error: DcsError) -> float:
        if isinstance(error, Throttled) and error.after_s is not None:
            return min(max(error.after_s, 1.0), RETRY_AFTER_S_MAX)
        if kind is TroubleKind.CREDENTIALS:
            self._key.refusals += 1
            if self._key.refusals >= AUTH_FAILURES_MAX:
                return _PAUSES[kind].most_s
        return _PAUSES[kind].seconds(failures)

    def _pause_of(self, kind: TroubleKind, call: _Call) -> _Closed:
        if kind in {TroubleKind.THROTTLED, TroubleKind.CREDENTIALS}:
            return self._key.closed
        return call.closed if kind is TroubleKind.PERMISSION else self._closed

    def _pauses(self, operation: Operation) -> tuple[_Closed, ...]:
        return (self._key.closed, self._closed, self._calls[operation].closed)


def _kind_of(error: DcsError) -> TroubleKind:
    match error:
        case AuthFailed():
            return TroubleKind.CREDENTIALS
        case PermissionDenied():
            return TroubleKind.PERMISSION
        case Throttled():
            return TroubleKind.THROTTLED
        case Misconfigured():
            return TroubleKind.PROJECT
        case EndpointRefused():
            return TroubleKind.ENDPOINT
        case _:
            return TroubleKind.UNAVAILABLE


def _message(kind: TroubleKind, operation: Operation) -> str:
    match kind:
        case TroubleKind.THROTTLED:
            return "DCS is throttling this access key; it goes on by itself."
        case TroubleKind.CREDENTIALS:
            return (
                "DCS does not accept the access key. Check accessKey, secretKey and securityToken "
                "in the Secret of the project, or the identity that an ambient project names, and "
                "the project id."
            )
        case TroubleKind.PERMISSION:
            return (
                f"The access key may not do this. Grant it the action {PERMISSIONS[operation]} "
                "in IAM."
            )
        case TroubleKind.ENDPOINT:
            return (
                "The endpoint's name leads to a loopback or link-local address. "
                "The operator's administrator allows that by naming its host in --allow-endpoint."
            )
        case TroubleKind.PROJECT:
            return (
                "DCS cannot serve this project as it is written. Check endpoint or region, "
                "and projectId."
            )
        case _:
            return "DCS cannot be reached or does not answer as it should; it goes on by itself."
