"""The dashboard with a run: a real Prometheus scrapes an operator that works and is throttled."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

import pytest

from monitoring.dashboard import Asked, queries
from monitoring.rules import alerts, records
from monitoring.scraper import Prometheus
from sandbox.dcs import FaultKind
from sandbox.waiting import eventually
from support.operator.process import QUICK
from support.operator.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.api import Api
    from support.operator.cloud import Cloud
    from support.operator.fixtures import Launch
    from support.operator.process import OperatorProcess
    from support.operator.records import Recorder

STOP_S = 1.0
"""DCS's stop delay: long enough for some scrapes to see TERMINATING."""

WAVE = 6
"""Tasks that are to be stopped at the same moment."""

BAD_CODE = "DCS.4855"
"""With this code DCS refuses a whole order because of one id."""

LAG_MAX = 1_000_000
"""More than what is on its way while the writers of one source write."""

MAY_BE_ZERO = {
    "Alerts",
    "Other installations of the operator",
    "Resources that were left aside, so far",
}
"""All other panels must have shown more than nothing."""


def stop_a_wave(own: Workspace, wave: int, *, spoiled: bool) -> None:
    """Stop some tasks, one of which DCS refuses together with the whole order."""
    task_ids = own.dcs.add_many(WAVE, stop_s=STOP_S)
    if spoiled:
        own.dcs.fail(
            FaultKind.ERROR,
            operation="batch_stop",
            task_id=task_ids[0],
            status=400,
            code=BAD_CODE,
        )
    for number, task_id in enumerate(task_ids):
        own.create(f"{wave}-{number}", task_id)
    for number in range(1 if spoiled else 0, WAVE):
        own.until(f"{wave}-{number}", "True/Terminated")


def cut_over(own: Workspace) -> None:
    """Have one task stopped with a lag that it allows, and one wait for a wave that is missing."""
    lagging = own.dcs.add(writers=True, stop_s=STOP_S)
    own.cut_over("lagging", lagging, maxLag=LAG_MAX, stableFor="0s")
    own.cut_over("alone", own.dcs.add(), waveRef={"name": "missing"})
    own.until("alone", "False/WaveNotFound")
    own.until("lagging", "True/Terminated")


def throttle(own: Workspace, operator: OperatorProcess) -> None:
    """Have DCS answer everything with 429 until a task shows it and some calls were refused."""
    own.dcs.fail(FaultKind.THROTTLE, window_s=1)
    own.create("throttled", own.dcs.add(stop_s=STOP_S))
    own.until("throttled", "False/Throttled")
    before = throttled(operator)
    eventually(lambda: throttled(operator) >= before + 2)
    own.dcs.heal()
    own.until("throttled", "True/Terminated")


def throttled(operator: OperatorProcess) -> float:
    """Return how many calls were answered with 429."""
    return operator.metric("dcs_operator_cloud_requests_total", outcome="throttled")


@pytest.fixture(scope="module")
def prometheus(
    api: Api,
    cloud: Cloud,
    recorder: Recorder,
    launch_for_module: Launch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    """Give the Prometheus that has seen waves of stops, cutovers, a failed task, and throttling."""
    namespace = f"monitored-{secrets.token_hex(4)}"
    api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    own = Workspace(api, cloud.open_project(), recorder, namespace)
    own.connect()
    operator = launch_for_module(namespace, *QUICK)
    operator.start()
    prometheus = Prometheus(tmp_path_factory.mktemp("prometheus"), operator.address)
    with contextlib.closing(prometheus):
        prometheus.start()
        eventually(lambda: prometheus.peak("dcs_operator_leader") == 1)
        own.create("failed", own.dcs.add(word="FAILED"))
        own.until("failed", "False/TaskFailed")
        own.plant("failed", {"phase": "SUCCESS"})
        stop_a_wave(own, 0, spoiled=True)
        stop_a_wave(own, 1, spoiled=True)
        cut_over(own)
        throttle(own, operator)
        yield prometheus


@pytest.mark.parametrize(
    "asked", [pytest.param(a, id=f"{n}-{a.panel}") for n, a in enumerate(queries())]
)
def test_a_panel_shows_something(prometheus: Prometheus, asked: Asked) -> None:
    """Each query has data after the run, and more than zeros."""
    least = 0 if asked.panel in MAY_BE_ZERO else 1e-9
    eventually(lambda: prometheus.peak(asked.expr) >= least)


def test_the_tasks_are_counted_once(prometheus: Prometheus) -> None:
    """The panel of all phases adds up to the number of resources."""
    expr = next(asked.expr for asked in queries() if asked.panel == "By phase")
    eventually(lambda: prometheus.peak(f"sum({expr})") == 2 * WAVE + 4)


def test_the_panels_tell_what_happened(prometheus: Prometheus) -> None:
    """Labels of what the run did: the outcome, the code of the refusal, the phase."""
    panels = {asked.panel: asked.expr for asked in queries()}
    told = {
        (title, value)
        for title, expr in panels.items()
        for labels, points in prometheus.query(expr)
        for value in labels.values()
        if any(value > 0 for _, value in points)
    }
    assert told >= {
        ("Per minute, by operation and outcome", "throttled"),
        ("Orders that had to be halved, so far", BAD_CODE),
        ("What became of each ordered id, per minute", "rejected"),
        ("By phase", "FAILED"),
        ("Cutovers by state", "stopped"),
        ("Cutovers by state", "trouble"),
        ("Samples of lags per minute", "ok"),
        ("By phase", "TERMINATED"),
    }


def test_the_rules_are_evaluated_and_silent(prometheus: Prometheus) -> None:
    """Recorded series have values; a short trouble is pending at most, and wakes nobody."""
    assert [prometheus.peak(name) > 0 for name in records()] == [True] * len(records())
    assert prometheus.query('ALERTS{alertstate="firing"}') == []
    pending = {labels["alertname"] for labels, _ in prometheus.query("ALERTS")}
    assert pending <= set(alerts())
    assert "DCSOperatorTasksWaiting" in pending
