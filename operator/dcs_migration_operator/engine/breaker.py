"""What keeps one channel from calling: a circuit for the channel and one for each kind of call.

A failure opens a circuit for a growing pause, which ends by time alone. What concerns the access
key (401, 429) is not kept here but in `key_ledger.py`. The clock is an argument.

An error that DCS answered is about what was asked: about one id where a single one was asked for,
else about that kind of call. Only where no answer came is the whole channel concerned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.backoff import Backoff
from dcs_migration_operator.core.cloud import PERMISSIONS, Operation
from dcs_migration_operator.core.errors import (
    TIMEOUT,
    DcsError,
    EndpointRefused,
    Misconfigured,
    PermissionDenied,
    Unresolved,
    Untrusted,
)
from dcs_migration_operator.core.model import Trouble, TroubleKind

if TYPE_CHECKING:
    from collections.abc import Callable, Container

PAUSES: Final = {
    TroubleKind.UNAVAILABLE: Backoff(1.0, 60.0),
    # A wrong endpoint or project is fixed by a person; looking in on it costs nobody anything.
    TroubleKind.PROJECT: Backoff(30.0, 600.0),
    TroubleKind.ENDPOINT: Backoff(30.0, 600.0),
    TroubleKind.PERMISSION: Backoff(30.0, 600.0),
}

JITTER: Final = 0.1
"""Pauses are lengthened by up to this share, so that channels do not come back together."""

UNRESOLVED_S: Final = 60.0
"""A name that does not resolve for so long is a person's: resolvers recover within seconds."""

UNTRUSTED: Final = Backoff(30.0, 600.0)
"""Pause after a certificate that cannot be verified: only a person can change that."""


@dataclass(slots=True)
class _Circuit:
    """One scope: since when it fails, how often, and until when nobody calls."""

    failures: int = 0
    trouble: Trouble | None = None
    until: float = float("-inf")


class CircuitBreaker:
    """The circuits of one channel.

    Args:
        draw: Returns a number in [0, 1), for the jitter.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._channel = _Circuit()
        self._calls = {operation: _Circuit() for operation in Operation}

    def wait_s(self, operation: Operation, now: float) -> float:
        """Return the seconds until this call may be made; 0 or less means at once."""
        return max(self._channel.until, self._calls[operation].until) - now

    def trouble(self, operation: Operation) -> Trouble | None:
        """Return what keeps this call from working: its own trouble, or that of all calls."""
        return self._calls[operation].trouble or self._channel.trouble

    def succeeded(self, operation: Operation) -> None:
        """Take in that DCS answered this call as it should."""
        self._calls[operation] = _Circuit()
        self.answered()

    def answered(self) -> None:
        """Take in that DCS answered at all: the channel as a whole is in no trouble.

        A pause that lasts goes on: a late answer to an earlier call proves nothing.
        """
        self._channel = _Circuit(until=self._channel.until)

    def failed(self, operation: Operation, error: DcsError, now: float) -> None:
        """Take in a failure: the next pause begins."""
        kind = _kind_of(error)
        # A stop that hangs may do so because of what it names; the other calls will tell.
        hangs = operation is Operation.BATCH_STOP and error.detail.code == TIMEOUT
        circuit = self._calls[operation] if error.answered or hangs else self._channel
        same = circuit.trouble is not None and circuit.trouble.kind is kind
        circuit.failures = circuit.failures + 1 if same else 1
        since = circuit.trouble.since if same and circuit.trouble else now
        circuit.trouble = _trouble(kind, operation, error, since)
        pauses = UNTRUSTED if isinstance(error, Untrusted) else PAUSES[kind]
        pause_s = pauses.seconds(circuit.failures) * (1.0 + JITTER * self._draw())
        circuit.until = max(circuit.until, now + pause_s)
        if error.answered:
            self.answered()

    def expire(self, waiting: Container[Operation], now: float) -> None:
        """Forget the troubles whose pause is over while nothing waits for what they keep back."""
        for operation, circuit in self._calls.items():
            if now >= circuit.until and operation not in waiting:
                self._calls[operation] = _Circuit()
        if now >= self._channel.until and not any(one in waiting for one in Operation):
            self._channel = _Circuit()

    def next_end(self, now: float) -> float | None:
        """Return when the next pause ends, in monotonic seconds; None while none lasts."""
        circuits = (self._channel, *self._calls.values())
        ends = [one.until for one in circuits if one.trouble and one.until > now]
        return min(ends, default=None)


def _kind_of(error: DcsError) -> TroubleKind:
    match error:
        case PermissionDenied():
            return TroubleKind.PERMISSION
        case Misconfigured():
            return TroubleKind.PROJECT
        case EndpointRefused():
            return TroubleKind.ENDPOINT
        case _:
            return TroubleKind.UNAVAILABLE


def _trouble(kind: TroubleKind, operation: Operation, error: DcsError, since: float) -> Trouble:
    match error:
        case Unresolved():
            return Trouble(kind, since, _UNRESOLVED, error.detail, since + UNRESOLVED_S)
        case Untrusted():
            return Trouble(kind, since, _UNTRUSTED, error.detail, since)
        case _:
            message = _MESSAGES[kind].format(permission=PERMISSIONS[operation])
            return Trouble(kind, since, message, error.detail)


_UNRESOLVED: Final = (
    "The name of the endpoint cannot be resolved. Check spec.region or spec.endpoint, and the "
    "cluster's DNS; it is tried again by itself."
)

_UNTRUSTED: Final = (
    "The certificate of the endpoint cannot be verified. If it is signed by a private CA, give "
    "that CA to the operator with --ca-file, or in spec.caBundle of the project."
)

_MESSAGES: Final = {
    TroubleKind.PERMISSION: "The access key may not do this. Grant it the action {permission} in "
    "IAM.",
    TroubleKind.ENDPOINT: "The endpoint's name leads to a loopback or link-local address. "
    "The operator's administrator allows that by naming its host in --allow-endpoint.",
    TroubleKind.PROJECT: "DCS cannot serve this project as it is written. Check endpoint or "
    "region, and projectId.",
    TroubleKind.UNAVAILABLE: "DCS cannot be reached or does not answer as it should; it goes on by "
    "itself.",
}
