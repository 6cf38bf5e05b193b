"""The circuit breaker of one channel, with a circuit for the channel and one per kind of call.

A failure opens a circuit for a growing pause, after which it closes by itself. Failures of the
access key (401, 429) are kept in `key_ledger.py` instead. The clock is an argument.

An answered error concerns what was asked for: a single id, or otherwise that kind of call. A
missing answer concerns the whole channel.
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
    # A wrong endpoint or project has to be fixed by a person; trying it now and then is cheap.
    TroubleKind.PROJECT: Backoff(30.0, 600.0),
    TroubleKind.ENDPOINT: Backoff(30.0, 600.0),
    TroubleKind.PERMISSION: Backoff(30.0, 600.0),
}

JITTER: Final = 0.1
"""Pauses are lengthened by up to this share, so that channels do not resume at the same time."""

UNRESOLVED_S: Final = 60.0
"""A name that cannot be resolved for this long needs a person: resolvers recover within seconds."""

UNTRUSTED: Final = Backoff(30.0, 600.0)
"""Pause after a certificate that cannot be verified; only a person can fix that."""


@dataclass(slots=True)
class _Circuit:
    """The state of one circuit.

    Attributes:
        failures: Number of failures of this kind in a row.
        kind: The kind of the last failure.
        trouble: What is told of it; None once the pause is over and nothing waits for its end.
        until: Monotonic time in seconds until which the circuit is open.
        pause_s: The last pause.
    """

    failures: int = 0
    kind: TroubleKind | None = None
    trouble: Trouble | None = None
    until: float = float("-inf")
    pause_s: float = 0.0

    def continues(self, kind: TroubleKind, now: float) -> bool:
        """Tell whether a failure now follows the last one: a poll may have come in between."""
        lately = self.trouble is not None or now < self.until + self.pause_s
        return self.kind is kind and lately


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
        """Return the trouble of this call: its own, or that of the whole channel."""
        return self._calls[operation].trouble or self._channel.trouble

    def succeeded(self, operation: Operation) -> None:
        """Record a successful answer to this call."""
        self._calls[operation] = _Circuit()
        self.answered()

    def answered(self) -> None:
        """Record any answer from DCS: the channel as a whole works.

        A pause in progress continues: a late answer to an earlier call proves nothing.
        """
        self._channel = _Circuit(until=self._channel.until)

    def failed(self, operation: Operation, error: DcsError, now: float) -> None:
        """Record a failure and begin the next pause."""
        kind = _kind_of(error)
        # A stop may hang because of its ids; other calls show whether the channel works.
        hangs = operation is Operation.BATCH_STOP and error.detail.code == TIMEOUT
        circuit = self._calls[operation] if error.answered or hangs else self._channel
        same = circuit.continues(kind, now)
        circuit.failures, circuit.kind = circuit.failures + 1 if same else 1, kind
        since = circuit.trouble.since if same and circuit.trouble else now
        circuit.trouble = _trouble(kind, operation, error, since)
        pauses = UNTRUSTED if isinstance(error, Untrusted) else PAUSES[kind]
        circuit.pause_s = pauses.seconds(circuit.failures) * (1.0 + JITTER * self._draw())
        circuit.until = max(circuit.until, now + circuit.pause_s)
        if error.answered:
            self.answered()

    def expire(self, waiting: Container[Operation], now: float) -> None:
        """End troubles whose pause is over, unless calls that they delayed still wait."""
        for operation, circuit in self._calls.items():
            if now >= circuit.until and operation not in waiting:
                circuit.trouble = None
        if now >= self._channel.until and not any(one in waiting for one in Operation):
            self._channel.trouble = None

    def next_end(self, now: float) -> float | None:
        """Return when the next pause ends, in monotonic seconds; None if there is no pause."""
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
