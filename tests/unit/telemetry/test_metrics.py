"""The metrics page against the table that dashboards and alerts rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dcs_migration_operator.core.cloud import Operation
from dcs_migration_operator.dcs.codes import reason_of
from dcs_migration_operator.telemetry.metrics import CONTENT_TYPE, Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client import Metric

DOCUMENTED: Final[dict[str, tuple[str, set[str]]]] = {
    "dcs_operator_tasks": ("gauge", {"phase", "ready"}),
    "dcs_operator_cloud_requests_total": ("counter", {"operation", "outcome"}),
    "dcs_operator_cloud_request_seconds": ("histogram", {"operation"}),
    "dcs_operator_batch_size": ("histogram", set()),
    "dcs_operator_batch_splits_total": ("counter", {"reason"}),
    "dcs_operator_stop_results_total": ("counter", {"result"}),
    "dcs_operator_stop_seconds": ("histogram", set()),
    "dcs_operator_status_writes_total": ("counter", {"outcome"}),
    "dcs_operator_status_overwrites_total": ("counter", set()),
    "dcs_operator_resource_errors_total": ("counter", {"kind"}),
    "dcs_operator_snapshot_age_seconds": ("gauge", {"project"}),
    "dcs_operator_leader": ("gauge", set()),
    "dcs_operator_overlaps": ("gauge", set()),
    "dcs_operator_cutover_tasks": ("gauge", {"state"}),
    "dcs_operator_cutover_seconds": ("histogram", set()),
    "dcs_operator_stop_lag": ("histogram", set()),
}
"""Name → type and labels."""

CREATED: Final = "_created"
"""The client library adds when each series began; nobody has to rely on it."""


def metrics(
    tasks: Mapping[tuple[str, str], int] | None = None,
    ages: Mapping[str, float] | None = None,
    *,
    leads: bool = True,
    overlaps: Callable[[], int] = lambda: 0,
) -> Metrics:
    """Return metrics over this state of the engine."""
    return Metrics(
        tasks=lambda: tasks or {},
        snapshot_ages=lambda: ages or {},
        leads=lambda: leads,
        overlaps=overlaps,
        cutovers=lambda: {"waiting": 0},
        split_reason=reason_of,
    )


def eventful() -> Metrics:
    """Return metrics after one event of each kind."""
    one = metrics({("MIGRATING", "True"): 3}, {"project-1": 4.5})
    for operation in Operation:
        one.cloud_request(operation, "ok", 0.2)
    one.batch(50)
    one.split("DCS.4855")
    one.stop_result("accepted")
    one.stopped(12.0)
    one.status_write("ok")
    return one


def families(one: Metrics) -> dict[str, Metric]:
    """Return the page by the names that samples and dashboards use."""
    found = {}
    for family in text_string_to_metric_families(one.page().decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if not name.endswith(CREATED) and not name.startswith("process_"):
            found[name] = family
    return found


def value(one: Metrics, name: str, **labels: str) -> float | None:
    """Return one sample."""
    for family in text_string_to_metric_families(one.page().decode()):
        for sample in family.samples:
            if (sample.name, sample.labels) == (name, labels):
                return float(sample.value)
    return None


def test_the_documented_metrics_are_there_and_no_others() -> None:
    """They have the documented types."""
    found = {name: family.type for name, family in families(eventful()).items()}
    assert found == {name: kind for name, (kind, _) in DOCUMENTED.items()}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_metric_has_the_documented_labels_and_no_others(name: str) -> None:
    """On every sample; a histogram's bound is its own."""
    samples = [s for s in families(eventful())[name].samples if not s.name.endswith(CREATED)]
    assert samples
    for sample in samples:
        bound = {"le"} if sample.name.endswith("_bucket") else set()
        assert set(sample.labels) == DOCUMENTED[name][1] | bound


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_metric_explains_itself(name: str) -> None:
    """Before anything has happened too, so that dashboards find it."""
    assert families(metrics())[name].documentation


def test_calls_are_counted_and_timed() -> None:
    """The labels are the operation and how the call ended."""
    one = metrics()
    one.cloud_request(Operation.LIST, "ok", 0.2)
    one.cloud_request(Operation.LIST, "throttled", 0.4)
    one.cloud_request(Operation.BATCH_STOP, "ok", 30.5)
    name = "dcs_operator_cloud_requests_total"
    assert value(one, name, operation="list", outcome="ok") == 1
    assert value(one, name, operation="list", outcome="throttled") == 1
    assert value(one, name, operation="batch_stop", outcome="ok") == 1
    seconds = "dcs_operator_cloud_request_seconds"
    assert value(one, f"{seconds}_count", operation="list") == 2
    assert value(one, f"{seconds}_sum", operation="list") == pytest.approx(0.6)
    assert value(one, f"{seconds}_bucket", operation="list", le="0.25") == 1
    assert value(one, f"{seconds}_bucket", operation="batch_stop", le="30.0") == 0


def test_a_full_batch_has_a_bucket_of_its_own() -> None:
    """Whether batches are filled is what one looks for."""
    one = metrics()
    for size in (1, 49, 50):
        one.batch(size)
    assert value(one, "dcs_operator_batch_size_bucket", le="40.0") == 1
    assert value(one, "dcs_operator_batch_size_bucket", le="50.0") == 3
    assert value(one, "dcs_operator_batch_size_sum") == 100


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    """The wish is dated by the wall clock."""
    one = metrics()
    one.stopped(-5.0)
    assert value(one, "dcs_operator_stop_seconds_sum") == 0
    assert value(one, "dcs_operator_stop_seconds_count") == 1


def test_results_writes_and_splits_are_counted() -> None:
    """Each has a series of its own by its label."""
    one = metrics()
    for result in ("accepted", "accepted", "rejected", "unknown"):
        one.stop_result(result)
    one.status_write("gone")
    one.split("DCS.4855")
    assert value(one, "dcs_operator_stop_results_total", result="accepted") == 2
    assert value(one, "dcs_operator_stop_results_total", result="unknown") == 1
    assert value(one, "dcs_operator_status_writes_total", outcome="gone") == 1
    assert value(one, "dcs_operator_batch_splits_total", reason="DCS.4855") == 1
    one.split("NEW.1")
    assert value(one, "dcs_operator_batch_splits_total", reason="other") == 1


def test_gauges_are_read_at_each_scrape() -> None:
    """Numbers that are gone are gone from the page."""
    tasks = {("MIGRATING", "True"): 3, ("TERMINATED", "True"): 1}
    ages: dict[str, float] = {"project-1": 4.5}
    one = metrics(tasks, ages)
    assert value(one, "dcs_operator_tasks", phase="MIGRATING", ready="True") == 3
    assert value(one, "dcs_operator_snapshot_age_seconds", project="project-1") == 4.5
    del tasks["MIGRATING", "True"]
    ages.clear()
    tasks["TERMINATED", "True"] = 4
    ages["project-2"] = 1.0
    assert value(one, "dcs_operator_tasks", phase="MIGRATING", ready="True") is None
    assert value(one, "dcs_operator_tasks", phase="TERMINATED", ready="True") == 4
    assert value(one, "dcs_operator_snapshot_age_seconds", project="project-1") is None


@pytest.mark.parametrize("leads", [True, False])
def test_a_leader_is_1(*, leads: bool) -> None:
    """And a replica that waits is 0."""
    assert value(metrics(leads=leads), "dcs_operator_leader") == float(leads)


def test_overlaps_are_counted_at_each_scrape() -> None:
    """By whoever looks for other installations."""
    found = [0]
    one = metrics(overlaps=lambda: found[0])
    assert value(one, "dcs_operator_overlaps") == 0
    found[0] = 2
    assert value(one, "dcs_operator_overlaps") == 2


def test_two_sets_of_metrics_do_not_meet() -> None:
    """Nothing is registered globally."""
    one, other = metrics(), metrics()
    one.batch(3)
    assert value(other, "dcs_operator_batch_size_count") == 0


def test_odd_words_are_escaped() -> None:
    """A phase is whatever DCS says."""
    one = metrics({('odd"\n\\', "True"): 1})
    assert value(one, "dcs_operator_tasks", phase='odd"\n\\', ready="True") == 1


def test_the_page_is_in_the_text_format() -> None:
    """As Prometheus asks for."""
    assert CONTENT_TYPE.startswith("text/plain; version=")
