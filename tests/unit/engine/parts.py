"""What stands around a part of the engine when it is tested by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.core.errors import DcsError
from dcs_migration_operator.core.model import Account, Credentials, ErrorDetail
from dcs_migration_operator.engine.channel import Channel
from dcs_migration_operator.engine.facts import ChannelFacts
from dcs_migration_operator.engine.workqueue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import TypeVar

    from dcs_migration_operator.core.cases import Pace
    from dcs_migration_operator.core.cutover import Sampling
    from dcs_migration_operator.core.model import ObjectRef, Observation, ProjectRef
    from dcs_migration_operator.core.status import Status
    from dcs_migration_operator.engine.facts import CloudTask

    K = TypeVar("K", bound=Hashable)

KEYS = Credentials("AK", "SK")
ENDPOINT = "https://dcs.cn-north-4.myhuaweicloud.com"
ACCOUNT = Account(ENDPOINT, "0123456789abcdef0123456789abcdef", KEYS)
DETAIL = ErrorDetail("model", "drawn by a test", "req-1")


def named(value: object) -> str:
    """Name the row of a table by the error in it and the status of its answer."""
    match value:
        case DcsError():
            return f"{type(value).__name__}-{value.http_status or value.detail.code}"
        case Operation():
            return value.value
        case _:
            return str(value)


def middle() -> float:
    """Draw the middle, so that nothing is spread or lengthened by more than half its share."""
    return 0.5


def lowest() -> float:
    """Draw the least: pauses are exactly as long as they say."""
    return 0.0


def queue() -> WorkQueue[Any]:
    """Return a work queue that nobody drives."""
    return WorkQueue(lambda: None)


def due(keys: WorkQueue[K]) -> list[K]:
    """Take everything that is due now from a queue."""
    found = []
    while (key := keys.take(float("-inf"))) is not None:
        found.append(key)
    return found


@dataclass(slots=True)
class Notes:
    """Takes whatever the engine hands out: statuses, events and figures."""

    wanted: list[tuple[str, Status]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    warned: list[tuple[str, str]] = field(default_factory=list)
    requests: list[tuple[str, str, float]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    cutovers: list[tuple[float | None, int | None]] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)

    def want(self, ref: ObjectRef, status: Status) -> None:
        """Take a status (`StatusSink`)."""
        self.wanted.append((ref.uid, status))

    def drop(self, ref: ObjectRef) -> None:
        """Forget a status (`StatusSink`)."""
        self.dropped.append(ref.uid)

    def tell(self, ref: ObjectRef, reason: str, _message: str) -> None:
        """Take a Normal event (`EventRecorder`)."""
        self.told.append((ref.uid, reason))

    def warn(self, ref: ObjectRef, reason: str, _message: str) -> None:
        """Take an event (`EventRecorder`)."""
        self.warned.append((ref.uid, reason))

    def cloud_request(self, operation: Operation, outcome: str, seconds: float) -> None:
        """Take a figure (`Probe`, also all below)."""
        self.requests.append((operation.value, outcome, seconds))

    def batch(self, size: int) -> None:
        """Take the size of a batch."""
        self.batches.append(size)

    def split(self, code: str) -> None:
        """Take the code that split a batch."""
        self.splits.append(code)

    def stop_result(self, result: str) -> None:
        """Take the result for one id."""
        self.results.append(result)

    def stopped(self, seconds: float) -> None:
        """Take how long a stop took."""
        self.stops.append(seconds)

    def cut_over(self, seconds: float | None, lag: int | None) -> None:
        """Take how long a cutover took, and its lag."""
        self.cutovers.append((seconds, lag))

    def overwritten(self) -> None:
        """Count a status that somebody else replaced."""
        self.counted.append("overwritten")

    def unreadable(self) -> None:
        """Count an object that cannot be read."""
        self.counted.append("unreadable")

    def failed(self) -> None:
        """Count an error of our own."""
        self.counted.append("failed")


@dataclass(slots=True)
class Watched:
    """Stands for the poller and the stops of a channel: keeps what it was told."""

    paces: dict[str, Pace] = field(default_factory=dict)
    submitted: list[str] = field(default_factory=list)
    lists: dict[str, tuple[Observation, float]] = field(default_factory=dict)

    def watch(self, key: str, _task_id: str, pace: Pace) -> None:
        """Keep a pace (`Poller`)."""
        self.paces[key] = pace

    def recent(self, key: str) -> tuple[Observation, float] | None:
        """Return what a test put there (`Poller`)."""
        return self.lists.get(key)

    def submit(self, cloud: CloudTask) -> None:
        """Keep a request (`Stops`)."""
        self.submitted.append(cloud.task_id)


class NoSampler:
    """A sampler that keeps what it is to sample."""

    def __init__(self) -> None:
        self.watched: dict[str, Sampling] = {}

    def watch(self, key: str, _task_id: str, sampling: Sampling) -> None:
        """Keep it."""
        self.watched[key] = sampling

    def close(self) -> None:
        """Bear it."""


class Stand:
    """A channel whose facts are real and whose calls are not made."""

    def __init__(
        self,
        resources: WorkQueue[str] | None = None,
        projects: WorkQueue[ProjectRef] | None = None,
        *,
        account: Account = ACCOUNT,
    ) -> None:
        self.facts = ChannelFacts(resources or queue(), projects or queue())
        self.watched = Watched()
        self.closed_after: list[float] = []
        part, self.sampler = cast("Any", self.watched), cast("Any", NoSampler())
        self.channel = Channel(
            account, self.facts, cast("Any", self), part, part, self.sampler, _NO_TASK
        )

    async def close(self, timeout_s: float) -> None:
        """Keep for how long a close would have drained (`Stops`)."""
        await asyncio.sleep(0)
        self.closed_after.append(timeout_s)


_NO_TASK = cast("asyncio.Task[None]", None)
