"""What the operator's metrics page holds, and which metrics a query asks for."""

from __future__ import annotations

import enum
import re

from prometheus_client.parser import text_string_to_metric_families

from dcs_migration_operator.dcs.codes import reason_of
from dcs_migration_operator.telemetry.metrics import Metrics

FOREIGN = frozenset({"up", "ALERTS", "kube_deployment_status_replicas_unavailable"})
"""What queries may use that others make: Prometheus itself, and kube-state-metrics."""


class Operation(enum.Enum):
    """Stands for the operator's own, which is of no matter here."""

    LIST = "list"


def metrics() -> Metrics:
    """Return the operator's metrics after everything has happened once."""
    made = Metrics(
        tasks=lambda: {("PENDING", "False"): 1},
        snapshot_ages=lambda: {"project": 1.0},
        leads=lambda: True,
        cutovers=lambda: {"waiting": 1},
        split_reason=reason_of,
    )
    made.cloud_request(Operation.LIST, "ok", 0.1)
    made.batch(50)
    made.split("DCS.4855")
    made.stop_result("accepted")
    made.stopped(1.0)
    made.cut_over(1.0, 0)
    made.status_write("ok")
    return made


def families() -> dict[str, tuple[str, frozenset[str]]]:
    """Return type and labels of each metric on the page, by the name that a query would use.

    The time at which a counter was made, which the client adds, is left out.
    """
    found = {}
    for family in text_string_to_metric_families(metrics().page().decode()):
        if not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[name] = (family.type, frozenset(labels))
    return found


def samples() -> set[str]:
    """Return the names of all series on the page."""
    page = text_string_to_metric_families(metrics().page().decode())
    return {sample.name for family in page for sample in family.samples}


def asked_for(expression: str) -> set[str]:
    """Return the names of the series that a query asks for."""
    text = re.sub(r'"[^"]*"', "", expression)
    text = re.sub(r"\boffset \w+", "", text)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring) ?\([^)]*\)", "", text)
    words = re.findall(r"[a-zA-Z_:][\w:]*+(?!\s*\()", text)
    return set(words) - {"and", "or", "unless"}
