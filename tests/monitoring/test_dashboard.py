"""The dashboard without a run: it is current, well-formed, and asks for what there is."""

from __future__ import annotations

from itertools import combinations

import pytest

from dashboards.build import FILE, text
from monitoring.dashboard import Asked, content, panels, queries
from monitoring.exposed import FOREIGN, asked_for, samples
from monitoring.rules import alerts, promtool, records

PAGE_WIDTH = 24
"""Of Grafana."""


def test_the_committed_file_is_current() -> None:
    """It is what `python -m dashboards.build` would write."""
    assert FILE.read_text(encoding="utf-8") == text()


@pytest.mark.parametrize(
    "asked", [pytest.param(a, id=f"{n}-{a.panel}") for n, a in enumerate(queries())]
)
def test_a_query_parses(asked: Asked) -> None:
    """Prometheus' own parser takes it, with no variable of Grafana left in it."""
    assert "$" not in asked.expr
    promtool("--experimental", "promql", "format", asked.expr)


def test_everything_asked_for_is_exposed() -> None:
    """Alerts and panels use metrics of the operator's page, and a few that others make."""
    expressions = [alert["expr"] for alert in alerts().values()]
    expressions += [*records().values(), *(asked.expr for asked in queries())]
    wanted = set().union(*map(asked_for, expressions))
    assert wanted - set(records()) - FOREIGN <= samples()
    assert wanted >= FOREIGN, "no longer used by anybody"


def test_everything_exposed_is_shown() -> None:
    """Each metric of the operator itself is in a panel."""
    shown = set().union(*(asked_for(asked.expr) for asked in queries()))
    families = {name for name in samples() if name.startswith("dcs_operator_")}
    hidden = {
        name for name in families - shown if not name.endswith(("_created", "_sum", "_count"))
    }
    assert hidden == set()


def test_the_panel_of_waiting_tasks_counts_as_the_alerts_do() -> None:
    """Rule and panel exclude the same phases."""
    rule = records()["namespace_job:dcs_operator_tasks_waiting:max"]
    excluded = rule.split('phase!~"')[1].split('"')[0]
    panel = next(asked for asked in queries() if asked.panel == "Waiting")
    assert f'phase!~"{excluded}"' in panel.expr


def test_each_panel_says_how_to_read_it() -> None:
    """Each has a title of its own, and a description."""
    titles = [panel["title"] for panel in panels()]
    assert len(titles) == len(set(titles))
    assert all(panel["description"].endswith(".") for panel in panels())


def test_panels_do_not_overlap() -> None:
    """Each has its own place on the page."""

    def apart(one: dict[str, int], other: dict[str, int]) -> bool:
        sides = (("x", "w"), ("y", "h"))
        return any(
            one[at] + one[long] <= other[at] or other[at] + other[long] <= one[at]
            for at, long in sides
        )

    places = [panel["gridPos"] for panel in content()["panels"]]
    assert all(apart(one, other) for one, other in combinations(places, 2))
    assert all(place["x"] + place["w"] <= PAGE_WIDTH for place in places)
