"""The committed dashboard as tests read it, and its queries as Grafana would send them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dashboards.build import FILE

RATE_INTERVAL = "10s"
"""Grafana takes four scrapes at least; the tests scrape twice a second."""


@dataclass(frozen=True)
class Asked:
    """One query of one panel."""

    panel: str
    expr: str


def content() -> Any:
    """Return the committed dashboard."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def panels() -> list[Any]:
    """Return the panels without the rows that group them."""
    return [panel for panel in content()["panels"] if panel["type"] != "row"]


def queries() -> list[Asked]:
    """Return all queries, with Grafana's variables replaced as for "All"."""
    found = []
    for panel in panels():
        for target in panel["targets"]:
            expr = target["expr"].replace("$__rate_interval", RATE_INTERVAL)
            expr = expr.replace("$namespace", ".*").replace("$job", ".*")
            found.append(Asked(panel["title"], expr))
    return found
