"""The weather: which call fails when, drawn once and fixed, so that a case can be repeated."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.errors import (
    AuthFailed,
    DcsError,
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
    "throttled": lambda: Throttled(_FAULT),
    "throttled for 20 s": lambda: Throttled(_FAULT, after_s=20.0),
    "unavailable": lambda: Unavailable(_FAULT),
    "unknown": lambda: OutcomeUnknown(_FAULT),
    "unauthorized": lambda: AuthFailed(_FAULT),
    "forbidden": lambda: PermissionDenied(_FAULT),
}
AFTER: Final = frozenset({"unknown"})
"""Only an unknown outcome can hide an effect; the others promise that there was none."""

API: Final = (0, 409, 422, 429, 500)


@dataclass(frozen=True, slots=True)
class CloudFault:
    """DCS calls of one operation (or `any`) fail during a time."""

    begins_s: float
    lasts_s: float
    operation: str
    kind: str
    moment: str

    def hits(self, at: float, operation: str, moment: str) -> bool:
        """Tell whether a call is hit."""
        in_time = self.begins_s <= at < self.begins_s + self.lasts_s
        moment_fits = moment == (self.moment if self.kind in AFTER else "before")
        return in_time and moment_fits and self.operation in {operation, "any"}


@dataclass(frozen=True, slots=True)
class ApiFault:
    """Calls of the API server fail during a time."""

    begins_s: float
    lasts_s: float
    status: int
    moment: str


@dataclass(frozen=True, slots=True)
class Pause:
    """One replica stands still during a time, by its place in the order of birth."""

    begins_s: float
    lasts_s: float
    replica: int


@dataclass(frozen=True, slots=True)
class Weather:
    """All that goes wrong in one case.

    Attributes:
        watch_delays_s: Taken in turn for the deliveries of the watch.
        answers_s: Taken in turn for the time that a DCS call takes.
        met: What hit a call, each time that it did.
    """

    cloud_faults: tuple[CloudFault, ...] = ()
    api_faults: tuple[ApiFault, ...] = ()
    pauses: tuple[Pause, ...] = ()
    watch_delays_s: tuple[float, ...] = (0.0,)
    answers_s: tuple[float, ...] = (0.05,)
    met: list[str] = field(default_factory=list, repr=False, compare=False)

    @property
    def ends_s(self) -> float:
        """When the last fault is over."""
        spans: list[CloudFault | ApiFault | Pause] = [*self.cloud_faults, *self.api_faults]
        spans += self.pauses
        return max((one.begins_s + one.lasts_s for one in spans), default=0.0)

    def cloud(self, operation: str, moment: str) -> None:
        """Raise what hits this call, if anything does."""
        at = asyncio.get_running_loop().time()
        for fault in self.cloud_faults:
            if fault.hits(at, operation, moment):
                self.met.append(fault.kind)
                error = CLOUD[fault.kind]
                raise error()

    def api(self, moment: str) -> None:
        """Raise what hits this call of the API server, if anything does."""
        at = asyncio.get_running_loop().time()
        for fault in self.api_faults:
            in_time = fault.begins_s <= at < fault.begins_s + fault.lasts_s
            if in_time and fault.moment == moment:
                self.met.append(f"API server: {fault.status}")
                raise api_error(fault.status, "drawn by the simulation")

    def watch_delay_s(self) -> float:
        """Return how late the next delivery is."""
        return self._turn(self.watch_delays_s)

    def answer_s(self) -> float:
        """Return how long the next DCS call takes."""
        return self._turn(self.answers_s)

    def pause_left_s(self, replica: int) -> float:
        """Return how long a replica still stands still."""
        at = asyncio.get_running_loop().time()
        mine = (one for one in self.pauses if one.replica == replica and one.begins_s <= at)
        return max((one.begins_s + one.lasts_s - at for one in mine), default=0.0)

    def _turn(self, values: tuple[float, ...]) -> float:
        at = asyncio.get_running_loop().time()
        return values[int(at * 7.0) % len(values)]
