"""Makes the JSON that Grafana imports from the rows and panels of `panels.py`.

Owns Grafana's words and the places of the panels. The output is the same for the same panels, so
that a test can tell whether the committed file is current.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboards.panels import ROWS

if TYPE_CHECKING:
    from dashboards.panels import Panel

FILE = Path(__file__).with_name("dcs-migration-operator.json")

UID = "dcs-migration-operator"
"""Fixed, so that links keep working when a newer dashboard is imported over an older one."""

SCHEMA = 39
"""Of Grafana 10.4, the oldest that is meant to read it; newer ones convert it by themselves."""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

PAGE_WIDTH = 24
HEIGHTS = {"stat": 4}
HEIGHT = 8
WIDE_HEIGHT = 5
"""In Grafana's units. A panel as wide as the page holds lines of 0 and 1, and may be low."""


def dashboard() -> dict[str, Any]:
    """Return the whole dashboard."""
    return {
        "uid": UID,
        "title": "DCS migration operator",
        "description": "Stops of Huawei Cloud DCS migrations: docs/metrics.md, docs/runbook.md.",
        "tags": ["dcs", "kubernetes"],
        "schemaVersion": SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "",
        "templating": {"list": [_datasource(), _variable("namespace"), _variable("job")]},
        "annotations": {"list": []},
        "panels": _panels(),
    }


def text() -> str:
    """Return the content of the file."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


def _panels() -> list[dict[str, Any]]:
    """Place the rows one below the other, and their panels from left to right."""
    placed: list[dict[str, Any]] = []
    y = 0
    for row in ROWS:
        place = {"x": 0, "y": y, "w": PAGE_WIDTH, "h": 1}
        placed.append(
            {"type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": place}
        )
        x, y, line_height = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > PAGE_WIDTH:
                x, y, line_height = 0, y + line_height, 0
            height = WIDE_HEIGHT if panel.width == PAGE_WIDTH else HEIGHTS.get(panel.kind, HEIGHT)
            made = _panel(panel)
            made["gridPos"] = {"x": x, "y": y, "w": panel.width, "h": height}
            placed.append(made)
            x, line_height = x + panel.width, max(line_height, height)
        y += line_height
    return [{"id": number, **panel} for number, panel in enumerate(placed, start=1)]


def _panel(panel: Panel) -> dict[str, Any]:
    stat = panel.kind == "stat"
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": DATASOURCE,
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "instant": stat,
            "range": not stat,
        }
        for number, query in enumerate(panel.queries)
    ]
    return {
        "type": "stat" if stat else "timeseries",
        "title": panel.title,
        "description": panel.help,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _stat_options() if stat else _graph_options(),
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    """Return unit, lower bound, colors, and the style of the lines."""
    # Grafana wants the first step without a value: from there down.
    steps = [
        {"value": value if number else None, "color": color}
        for number, (value, color) in enumerate(panel.steps)
    ]
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.kind == "stat":
        thresholds = {"mode": "absolute", "steps": steps}
        return defaults | {"color": {"mode": "thresholds"}, "thresholds": thresholds}
    style: dict[str, Any] = {"lineWidth": 1, "showPoints": "auto"}
    if panel.kind == "bars":
        stacking = {"mode": "normal", "group": "A"}
        style |= {"drawStyle": "bars", "fillOpacity": 80, "stacking": stacking}
    return defaults | {"color": {"mode": "palette-classic"}, "custom": style}


def _stat_options() -> dict[str, Any]:
    return {
        "colorMode": "background",
        "graphMode": "none",
        "reduceOptions": {"calcs": ["lastNotNull"]},
    }


def _graph_options() -> dict[str, Any]:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _variable(label: str) -> dict[str, Any]:
    """Return a choice of the values that a label of the operator's pods has; all at first."""
    query = f"label_values(dcs_operator_leader, {label})"
    return {
        "name": label,
        "label": label.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": label},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def main() -> None:
    """Write the file."""
    FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
