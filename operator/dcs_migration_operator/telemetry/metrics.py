"""Defines all metrics; the only module that imports prometheus_client.

Labels hold classes and phases, never an id, a resource name or a key.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from enum import Enum

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_CALL_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BATCH: Final = (1, 2, 5, 10, 20, 30, 40, 50)
_STOP_S: Final = (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)

_CUTOVER_S: Final = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 86400.0)
_LAG: Final = (0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)

_OPERATIONS: Final = ("batch_stop", "list", "show", "stats")
_OUTCOMES: Final = ("ok", "throttled", "client_error", "server_error", "timeout", "auth")
_RESULTS: Final = ("accepted", "rejected", "unknown")
_WRITES: Final = ("ok", "gone", "error")
_ERRORS: Final = ("unreadable", "internal")


class Metrics:
    """Implements `engine.ports.Probe`.

    Args:
        tasks: Counts the resources by (phase, ready); called at each scrape.
        snapshot_ages: Returns the seconds since the last complete list, by cloud project id.
        leads: Tells whether this replica is the leader.
        overlaps: Counts other installations that watch some of the same namespaces.
        cutovers: Counts the tasks with a cutover by state.
        split_reason: Maps the code of a refusal to one of a limited number of labels.
    """

    def __init__(
        self,
        *,
        tasks: Callable[[], Mapping[tuple[str, str], int]],
        snapshot_ages: Callable[[], Mapping[str, float]],
        leads: Callable[[], bool],
        split_reason: Callable[[str], str],
        overlaps: Callable[[], int] = lambda: 0,
        cutovers: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._split_reason = split_reason
        self._registry = registry = CollectorRegistry()
        registry.register(_Gauges(tasks, snapshot_ages, leads, overlaps, cutovers))
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "dcs_operator_cloud_requests",
            "Calls of the DCS API by outcome.",
            ("operation", "outcome"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "dcs_operator_cloud_request_seconds",
            "Duration of calls of the DCS API.",
            ("operation",),
            buckets=_CALL_S,
            registry=registry,
        )
        self._batch_size = Histogram(
            "dcs_operator_batch_size",
            "Ids per answered stop request.",
            buckets=_BATCH,
            registry=registry,
        )
        self._splits = Counter(
            "dcs_operator_batch_splits",
            "Stop requests that were halved, by the code of the refusal.",
            ("reason",),
            registry=registry,
        )
        self._stop_results = Counter(
            "dcs_operator_stop_results",
            "Ids whose stop was requested, by result.",
            ("result",),
            registry=registry,
        )
        self._stop_seconds = Histogram(
            "dcs_operator_stop_seconds",
            "Time from the wish to stop until DCS said TERMINATED.",
            buckets=_STOP_S,
            registry=registry,
        )
        self._cutover_seconds = Histogram(
            "dcs_operator_cutover_seconds",
            "Time from the opening of a cutover until DCS said TERMINATED.",
            buckets=_CUTOVER_S,
            registry=registry,
        )
        self._stop_lag = Histogram(
            "dcs_operator_stop_lag",
            "Lag at the moment when the stop of a cutover was requested, in DCS's own unit.",
            buckets=_LAG,
            registry=registry,
        )
        self._writes = Counter(
            "dcs_operator_status_writes",
            "Status writes by outcome.",
            ("outcome",),
            registry=registry,
        )

        self._overwrites = Counter(
            "dcs_operator_status_overwrites",
            "Statuses of this operator that another client replaced.",
            registry=registry,
        )
        self._errors = Counter(
            "dcs_operator_resource_errors",
            "Resources that could not be parsed, or not be processed because of an internal error.",
            ("kind",),
            registry=registry,
        )
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Create all known series at 0: `rate` misses the start of a series that begins above 0."""
        for operation, outcome in product(_OPERATIONS, _OUTCOMES):
            self._requests.labels(operation, outcome)
        for result in _RESULTS:
            self._stop_results.labels(result)
        for outcome in _WRITES:
            self._writes.labels(outcome)
        for kind in _ERRORS:
            self._errors.labels(kind)

    def page(self) -> bytes:
        """Return the page that Prometheus scrapes."""
        return generate_latest(self._registry)

    def cloud_request(self, operation: Enum, outcome: str, seconds: float) -> None:
        """Record a finished DCS call."""
        self._requests.labels(operation.value, outcome).inc()
        self._request_seconds.labels(operation.value).observe(seconds)

    def batch(self, size: int) -> None:
        """Record an answered stop request with this many ids."""
        self._batch_size.observe(size)

    def split(self, code: str) -> None:
        """Record that a refused stop request was halved; `code` is that of the refusal."""
        self._splits.labels(self._split_reason(code)).inc()

    def stop_result(self, result: str) -> None:
        """Record the result for one id: accepted, rejected or unknown."""
        self._stop_results.labels(result).inc()

    def stopped(self, seconds: float) -> None:
        """Record the seconds from a wish to stop until it was fulfilled."""
        self._stop_seconds.observe(max(seconds, 0.0))

    def cut_over(self, seconds: float | None, lag: int | None) -> None:
        """Record a finished cutover: seconds since its opening, and the lag at its stop request."""
        if seconds is not None:
            self._cutover_seconds.observe(seconds)
        if lag is not None:
            self._stop_lag.observe(lag)

    def overwritten(self) -> None:
        """Record that another client replaced a status of ours with one of different meaning."""
        self._overwrites.inc()

    def unreadable(self) -> None:
        """Record an object of the API server that could not be parsed."""
        self._errors.labels("unreadable").inc()

    def failed(self) -> None:
        """Record that processing a resource raised an internal error."""
        self._errors.labels("internal").inc()

    def status_write(self, outcome: str) -> None:
        """Record a finished status write."""
        self._writes.labels(outcome).inc()


class _Gauges(Collector):
    """Gauges that are read from the engine at each scrape."""

    def __init__(
        self,
        tasks: Callable[[], Mapping[tuple[str, str], int]],
        snapshot_ages: Callable[[], Mapping[str, float]],
        leads: Callable[[], bool],
        overlaps: Callable[[], int],
        cutovers: Callable[[], Mapping[str, int]],
    ) -> None:
        self._tasks, self._ages, self._leads = tasks, snapshot_ages, leads
        self._overlaps, self._cutovers = overlaps, cutovers

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        tasks = GaugeMetricFamily(
            "dcs_operator_tasks", "Resources by phase and readiness.", labels=("phase", "ready")
        )
        for (phase, ready), number in self._tasks().items():
            tasks.add_metric((phase, ready), number)
        ages = GaugeMetricFamily(
            "dcs_operator_snapshot_age_seconds",
            "Age of the last complete list of a cloud project.",
            labels=("project",),
        )
        for project, age_s in self._ages().items():
            ages.add_metric((project,), age_s)
        leads = GaugeMetricFamily("dcs_operator_leader", "1 on the replica that acts.")
        leads.add_metric((), float(self._leads()))
        overlaps = GaugeMetricFamily(
            "dcs_operator_overlaps",
            "Other installations of the operator that watch some of the same namespaces.",
        )
        overlaps.add_metric((), float(self._overlaps()))
        cutovers = GaugeMetricFamily(
            "dcs_operator_cutover_tasks",
            "Resources with a cutover by its state.",
            labels=("state",),
        )
        for state, number in self._cutovers().items():
            cutovers.add_metric((state,), number)
        return (tasks, ages, leads, overlaps, cutovers)
