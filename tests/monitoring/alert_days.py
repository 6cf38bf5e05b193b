"""The metrics of one day, as the cases of the alerts are written.

Values are in promtool's notation, one per minute: `0+2x30` begins at 0 and grows by 2 thirty times,
`1x30` stays at 1, `stale` is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATOR = {"namespace": "dcs", "job": "dcs-migration-operator"}
"""What Prometheus says of every scraped pod of one operator."""

LIST, STOP = {"operation": "list"}, {"operation": "batch_stop"}


@dataclass(frozen=True)
class Day:
    """One day in the life of an alert.

    Attributes:
        why: What the day is about.
        at: When somebody looks.
        series: The metrics of that day, each with its values.
        fires: The labels that tell for what it fires; None if it is silent.
        value: How the description writes the value, if it does.
    """

    why: str
    at: str
    series: Mapping[str, str]
    fires: Mapping[str, str] | None = None
    value: str = field(default="", kw_only=True)


def metric(name: str, values: str, replica: str = "a", **labels: str) -> dict[str, str]:
    """Return one series as a replica of the operator shows it."""
    full = OPERATOR | {"instance": replica} | labels
    text = ", ".join(f'{label}="{value}"' for label, value in full.items())
    return {f"{name}{{{text}}}": values}


def leader(values: str, replica: str = "a") -> dict[str, str]:
    """Return whether a replica leads."""
    return metric("dcs_operator_leader", values, replica)


def tasks(phase: str, ready: str, values: str, replica: str = "a") -> dict[str, str]:
    """Return how many tasks are in a phase."""
    return metric("dcs_operator_tasks", values, replica, phase=phase, ready=ready)


def cutovers(state: str, values: str, replica: str = "a") -> dict[str, str]:
    """Return how many tasks with a cutover are in a state."""
    return metric("dcs_operator_cutover_tasks", values, replica, state=state)


def calls(operation: str, outcome: str, values: str) -> dict[str, str]:
    """Return how many calls of DCS ended so."""
    name = "dcs_operator_cloud_requests_total"
    return metric(name, values, operation=operation, outcome=outcome)


def writes(outcome: str, values: str) -> dict[str, str]:
    """Return how many writes of statuses ended so."""
    return metric("dcs_operator_status_writes_total", values, outcome=outcome)


def orders(number: str, ids: str) -> dict[str, str]:
    """Return how many orders were answered, and the ids in them."""
    name = "dcs_operator_batch_size"
    return metric(f"{name}_count", number) | metric(f"{name}_sum", ids)


def stops(**buckets: str) -> dict[str, str]:
    """Return how many stops took so long at most: `s300` is the bucket of 300 s."""
    name = "dcs_operator_stop_seconds_bucket"
    found: dict[str, str] = {}
    for bucket, values in buckets.items():
        seconds = bucket.removeprefix("s")
        found |= metric(name, values, le="+Inf" if seconds == "inf" else f"{seconds}.0")
    return found


def splits(reason: str, values: str) -> dict[str, str]:
    """Return how many orders were halved."""
    return metric("dcs_operator_batch_splits_total", values, reason=reason)


def age(project: str, values: str) -> dict[str, str]:
    """Return the age of a project's last complete list."""
    return metric("dcs_operator_snapshot_age_seconds", values, project=project)


def unavailable(values: str, deployment: str = "eu-dcs-migration-operator") -> dict[str, str]:
    """Return what kube-state-metrics says of the Deployment."""
    labels = f'namespace="dcs", deployment="{deployment}"'
    return {f"kube_deployment_status_replicas_unavailable{{{labels}}}": values}
