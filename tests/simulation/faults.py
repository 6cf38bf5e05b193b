"""The weather: which call fails when, drawn once and fixed, so that a case can be repeated."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.errors import (
    TIMEOUT,
    AuthFailed,
    Busy,
    DcsError,
    Misconfigured,
    OutcomeUnknown,
    PermissionDenied,
    Throttled,
    Unavailable,
)
from dcs_migration_operator.core.model import ErrorDetail
from dcs_migration_operator.kube.errors import api_error

if TYPE_CHECKING:
    from collections.abc import Callable

_FAULT: Final = ErrorDetail("model", "drawn by the simulation", "model-request")

CLOUD: Final[dict[str, Callable[[], DcsError]]] = {
    "throttled": lambda: Throttled(_FAULT, http_status=429),
    "throttled for 20 s": lambda: Throttled(_FAULT, after_s=20.0, http_status=429),
    "no connection": lambda: Unavailable(_FAULT),
    "503": lambda: Unavailable(_FAULT, http_status=503),
    "no answer": lambda: OutcomeUnknown(ErrorDetail(TIMEOUT, "no answer")),
    "unknown": lambda: OutcomeUnknown(_FAULT),
    "500": lambda: OutcomeUnknown(_FAULT, http_status=500),
    "busy": lambda: Busy(_FAULT, http_status=400),
    "unauthorized": lambda: AuthFailed(_FAULT, http_status=401),
    "forbidden": lambda: PermissionDenied(_FAULT, http_status=403),
    "not found": lambda: Misconfigured(_FAULT, http_status=404),
}
AFTER: Final = frozenset({"unknown", "no answer", "500"})
"""Only an unknown outcome can hide an effect; the others promise that there was none."""

UNAUTHORIZED: Final = "unauthorized"
"""Said by the gateway, whatever is called."""

STOPS_ONLY: Final = frozenset({"busy"})

API_CALLS: Final = ("any", "lease", "patch", "secret")
HANGS: Final = -1
API: Final = (HANGS, 0, 409, 422, 429, 500)
API_TIMEOUT_S: Final = {"lease": 4.0, "patch": 30.0, "secret": 30.0}
"""When the operator gives up a call of the API server that hangs (`kube/api.py`)."""


QUICK_S: Final = 0.05
"""How long a DCS call takes once it is not slow any more."""


@dataclass(frozen=True, slots=True)
class CloudFault:
    """DCS calls of one operation (or `any`) fail during a time."""

    begins_s: float
    lasts_s: float
    operation: str
    kind: str
    moment: str

    def is_on(self, at: float) -> bool:
        """Tell whether it lasts."""
        return self.begins_s <= at < self.begins_s + self.lasts_s

    def hits(self, at: float, operation: str, moment: str) -> bool:
        """Tell whether a call is hit."""
        if self.kind in STOPS_ONLY and operation != "batch_stop":
            return False
        moment_fits = moment == (self.moment if self.kind in AFTER else "before")
        return self.is_on(at) and moment_fits and self.operation in {operation, "any"}


@dataclass(frozen=True, slots=True)
class ApiFault:
    """Calls of the API server fail during a time: those of one kind, or all."""

    begins_s: float
    lasts_s: float
    status: int
    moment: str
    calls: str = "any"


@dataclass(frozen=True, slots=True)
class Pause:
    """One replica stands still during a time, by its place in the order of birth."""

    begins_s: float
    lasts_s: float
    replica: int


@dataclass(frozen=True, slots=True)
class Jump:
    """The wall clock of one replica's node is set by so many seconds, once."""

    at_s: float
    by_s: float
    replica: int


@dataclass(frozen=True, slots=True)
class Weather:
    """All that goes wrong in one case.

    Attributes:
        watch_delays_s: Taken in turn for the deliveries of the watch.
        answers_s: Taken in turn for the time that a DCS call takes.
        connects_s: Taken in turn for the time that a connection for a stop takes.
        slow: By cloud project, the time that all its calls take instead.
        samples_s: Taken in turn for the time that stats take, where it is not that of other calls.
        slow_until_s: Until when calls and connections take that long. A cloud in which an answer
            and a connection always take five seconds each cannot be asked for a stop on a sample
            that is ten seconds old at most, so that a case of conditional wishes would never end.
        jumps: Of wall clocks; the monotonic ones go on.
        met: What hit a call, each time that it did.
    """

    cloud_faults: tuple[CloudFault, ...] = ()
    api_faults: tuple[ApiFault, ...] = ()
    pauses: tuple[Pause, ...] = ()
    watch_delays_s: tuple[float, ...] = (0.0,)
    answers_s: tuple[float, ...] = (0.05,)
    connects_s: tuple[float, ...] = (0.0,)
    slow: dict[str, float] = field(default_factory=dict)
    samples_s: tuple[float, ...] = ()
    jumps: tuple[Jump, ...] = ()
    slow_until_s: float = float("inf")
    met: list[str] = field(default_factory=list, repr=False, compare=False)

    @property
    def ends_s(self) -> float:
        """When the last fault is over."""
        spans: list[CloudFault | ApiFault | Pause] = [*self.cloud_faults, *self.api_faults]
        spans += self.pauses
        ends = [one.begins_s + one.lasts_s for one in spans] + [one.at_s for one in self.jumps]
        if self.slow_until_s < float("inf"):
            ends.append(self.slow_until_s)
        return max(ends, default=0.0)

    @property
    def is_slow(self) -> bool:
        """Whether answers or connections ever take longer than usual."""
        return max(*self.answers_s, *self.connects_s, *self.samples_s, QUICK_S) > QUICK_S

    def cloud(self, operation: str, moment: str) -> None:
        """Raise what hits this call, if anything does."""
        at = asyncio.get_running_loop().time()
        for fault in self.cloud_faults:
            if fault.kind != UNAUTHORIZED and fault.hits(at, operation, moment):
                self.met.append(fault.kind)
                error = CLOUD[fault.kind]
                raise error()

    def refuses_all(self) -> bool:
        """Tell whether the gateway refuses every signature at the moment."""
        at = asyncio.get_running_loop().time()
        return any(f.kind == UNAUTHORIZED and f.is_on(at) for f in self.cloud_faults)

    async def api(self, moment: str, call: str) -> None:
        """Raise what hits this call of the API server, if anything does."""
        at = asyncio.get_running_loop().time()
        for fault in self.api_faults:
            ends_s = fault.begins_s + fault.lasts_s
            if not fault.begins_s <= at < ends_s or fault.calls not in {"any", call}:
                continue
            if fault.moment == moment:
                self.met.append(f"API server: {fault.status} for {call}")
                if fault.status == HANGS:
                    await asyncio.sleep(API_TIMEOUT_S[call])
                raise api_error(max(fault.status, 0), "drawn by the simulation")

    def watch_delay_s(self) -> float:
        """Return how late the next delivery is."""
        return self._turn(self.watch_delays_s)

    def answer_s(self, project_id: str) -> float:
        """Return how long the next DCS call takes."""
        return self.slow.get(project_id) or (self._turn(self.answers_s) if self._slow else QUICK_S)

    def sample_s(self, project_id: str) -> float:
        """Return how long the next stats take."""
        own = self.samples_s and self._slow
        return self._turn(self.samples_s) if own else self.answer_s(project_id)

    def set_off_s(self, replica: int, at: float | None = None) -> float:
        """Return by how much the wall clock of a replica's node was set until now, or a moment."""
        at = asyncio.get_running_loop().time() if at is None else at
        return sum(one.by_s for one in self.jumps if one.replica == replica and one.at_s <= at)

    def connect_s(self) -> float:
        """Return how long the next connection for a stop takes."""
        return self._turn(self.connects_s) if self._slow else 0.0

    @property
    def _slow(self) -> bool:
        return asyncio.get_running_loop().time() < self.slow_until_s

    def pause_left_s(self, replica: int) -> float:
        """Return how long a replica still stands still."""
        at = asyncio.get_running_loop().time()
        mine = (one for one in self.pauses if one.replica == replica and one.begins_s <= at)
        return max((one.begins_s + one.lasts_s - at for one in mine), default=0.0)

    def _turn(self, values: tuple[float, ...]) -> float:
        at = asyncio.get_running_loop().time()
        return values[int(at * 7.0) % len(values)]
