"""When a channel may call again, and what keeps it from calling: one per access key.

A failure closes the channel for a growing pause; a success opens it. The gateway locks a key for
five minutes after more than five 401s in a row, so two are taken as proof and the key rests for
longer than the lock. 403 closes only the call that was refused. The clock is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.errors import (
    AuthFailed,
    DcsError,
    Misconfigured,
    PermissionDenied,
    Throttled,
)
from dcs_migration_operator.core.model import Trouble, TroubleKind
from dcs_migration_operator.dcs.codes import PERMISSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcs_migration_operator.dcs.codes import Operation

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
    TroubleKind.PERMISSION: _Pause(30.0, 600.0),
    # One 401 may be a key that was made a moment ago; the second rests for longer than the lock.
    TroubleKind.CREDENTIALS: _Pause(10.0, 330.0),
}

AUTH_FAILURES_MAX: Final = 2
"""Consecutive 401s that prove the key wrong; the gateway locks after more than five."""

RETRY_AFTER_S_MAX: Final = 900.0
"""Longest pause taken from an answer; a longer one is asked again at this pace."""

JITTER: Final = 0.1
"""Pauses are lengthened by up to this share, so that channels do not come back together."""


@dataclass(slots=True)
class _State:
    failures: int = 0
    open_at: float = float("-inf")
    trouble: Trouble | None = None


class Governor:
    """Keeps the pauses of one channel.

    Args:
        draw: Returns a number in [0, 1), for the jitter.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._all = _State()
        self._one: dict[Operation, _State] = {}

    def wait_s(self, operation: Operation, now: float) -> float:
        """Return the seconds until this call may be made; 0 or less means at once."""
        return max(state.open_at for state in self._states(operation)) - now

    def trouble(self, operation: Operation) -> Trouble | None:
        """Return what keeps this call from working."""
        return next((s.trouble for s in self._states(operation) if s.trouble), None)

    def succeeded(self, operation: Operation) -> bool:
        """Take note of a success; returns whether that ended a trouble."""
        states = self._states(operation)
        ended = any(state.trouble for state in states)
        self._all = _State()
        self._one.pop(operation, None)
        return ended

    def failed(self, operation: Operation, error: DcsError, now: float) -> bool:
        """Take note of a failure; returns whether the trouble is a new one."""
        kind = _kind_of(error)
        single = kind is TroubleKind.PERMISSION
        state = self._one.setdefault(operation, _State()) if single else self._all
        same = state.trouble is not None and state.trouble.kind is kind
        state.failures = state.failures + 1 if same else 1
        pause_s = _PAUSES[kind].seconds(state.failures)
        if kind is TroubleKind.CREDENTIALS and state.failures >= AUTH_FAILURES_MAX:
            pause_s = _PAUSES[kind].most_s
        if isinstance(error, Throttled) and error.after_s is not None:
            pause_s = min(max(error.after_s, 1.0), RETRY_AFTER_S_MAX)
        # A late answer of a call made before must not shorten a pause that is under way.
        state.open_at = max(state.open_at, now + pause_s * (1.0 + JITTER * self._draw()))
        since = state.trouble.since if same and state.trouble else now
        state.trouble = Trouble(kind, since, _message(kind, operation), error.fault)
        return not same

    def _states(self, operation: Operation) -> tuple[_State, ...]:
        single = self._one.get(operation)
        return (self._all, single) if single else (self._all,)


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
        case _:
            return TroubleKind.UNAVAILABLE


def _message(kind: TroubleKind, operation: Operation) -> str:
    match kind:
        case TroubleKind.THROTTLED:
            return "DCS is throttling this access key; it goes on by itself."
        case TroubleKind.CREDENTIALS:
            return (
                "DCS does not accept the access key. Check accessKey, secretKey and securityToken "
                "in the Secret of the project, and the project id."
            )
        case TroubleKind.PERMISSION:
            return (
                f"The access key may not do this. Grant it the action {PERMISSIONS[operation]} "
                "in IAM."
            )
        case TroubleKind.PROJECT:
            return (
                "DCS cannot serve this project as it is written. Check endpoint or region, "
                "and projectId."
            )
        case _:
            return "DCS cannot be reached or does not answer as it should; it goes on by itself."
