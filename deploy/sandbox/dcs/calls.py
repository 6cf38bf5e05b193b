"""What was called: a bounded log of the last calls, and counts of all of them.

A call is counted when its answer is decided, before the first byte of the answer is sent: once a
caller has its answer, the call has been counted. Headers, bodies and secrets are never kept; the
access key is a name, not a secret.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

LOG_MAX: Final = 10_000
"""Calls remembered by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call and its outcome."""

    at_s: float
    """Arrival, Unix time."""
    decided_at_s: float
    """When the answer, and with it the effect of the call, was decided. Later than the arrival only
    by the time that the process needs, or by a `stall`."""
    took_s: float
    """How long deciding took, without the time that a call or an answer is held back."""
    operation: str
    """`batch_stop`, `stop`, `sync_stop`, `batch_restart`, `list`, `show`, `stats`, `logs`,
    `delete`, or `unknown` for an unknown address."""
    project_id: str
    access_key: str
    """The key that the caller claimed, rightly or not."""
    ids: tuple[str, ...]
    """The ids as sent, from the body of a batch or from the path."""
    offset: int | None
    limit: int | None
    status: int
    """The HTTP status; 0: the connection is cut without an answer."""
    error_code: str
    fault: str
    """Kind of the fault it met, or empty."""
    request_id: str
    connection: str
    """The caller's address and port: equal for calls over one connection."""

    def to_json(self) -> dict[str, Any]:
        """Return all fields."""
        return asdict(self)


class Calls:
    """The log and the counts.

    Args:
        clock: Unix time in seconds.
        log_max: The most calls remembered; older ones are only in the counts.
    """

    def __init__(self, clock: Callable[[], float], log_max: int = LOG_MAX) -> None:
        self._clock = clock
        self.log: deque[Call] = deque(maxlen=log_max)
        self.concurrency = 0
        """Calls in progress, including those whose answer is held back."""
        self.reset()

    def reset(self) -> None:
        """Forget all calls; those in progress are still counted as concurrent."""
        self.log.clear()
        self.by_status: Counter[tuple[str, int]] = Counter()
        """By operation and HTTP status."""
        self.by_code: Counter[str] = Counter()
        """By error code."""
        self.batch_sizes: Counter[tuple[str, int]] = Counter()
        """By operation and number of ids, as sent."""
        self.connections: set[str] = set()
        self.concurrency_max = self.concurrency
        self.per_second_max = 0
        self._second = (0, 0)

    def count(self, operation: str | None = None, status: int | None = None) -> int:
        """Count calls; None stands for any."""
        return sum(
            number
            for (one, got), number in self.by_status.items()
            if operation in (None, one) and status in (None, got)
        )

    def sizes(self, operation: str = "batch_stop") -> list[int]:
        """Return the batch sizes in ascending order, each as often as it occurred."""
        chosen = ((n, size) for (one, size), n in self.batch_sizes.items() if one == operation)
        return sorted(size for n, size in chosen for _ in range(n))

    def of(self, operation: str) -> list[Call]:
        """Return the remembered calls of one operation, oldest first."""
        return [call for call in self.log if call.operation == operation]

    def begin(self) -> float:
        """Record that a call arrived, and return the time; must be followed by `end`."""
        now_s = self._clock()
        self.concurrency += 1
        self.concurrency_max = max(self.concurrency_max, self.concurrency)
        second, number = self._second
        number = number + 1 if int(now_s) == second else 1
        self._second = (int(now_s), number)
        self.per_second_max = max(self.per_second_max, number)
        return now_s

    def decided(self, call: Call) -> None:
        """Record the outcome of a call."""
        self.log.append(call)
        self.by_status[call.operation, call.status] += 1
        if call.error_code:
            self.by_code[call.error_code] += 1
        if call.operation in ("batch_stop", "batch_restart", "delete"):
            self.batch_sizes[call.operation, len(call.ids)] += 1
        self.connections.add(call.connection)

    def end(self) -> None:
        """Record that the answer was sent, or never will be."""
        self.concurrency -= 1

    def to_json(self) -> dict[str, Any]:
        """Return all counts."""
        operations: dict[str, dict[str, int]] = {}
        for (operation, status), number in sorted(self.by_status.items()):
            operations.setdefault(operation, {})[str(status)] = number
        return {
            "calls": self.count(),
            "operations": operations,
            "error_codes": dict(sorted(self.by_code.items())),
            "batch_sizes": {
                operation: self.sizes(operation)
                for operation in sorted({one for one, _ in self.batch_sizes})
            },
            "connections": len(self.connections),
            "concurrency": self.concurrency,
            "concurrency_max": self.concurrency_max,
            "per_second_max": self.per_second_max,
        }
