"""Tasks and waves as the operator would leave them, for the tests of the plugin."""

from __future__ import annotations

import uuid
from typing import Any

from sandbox import manifests

AT = "2026-11-27T18:00:00Z"


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    """Return one condition."""
    found = {"type": kind, "status": status, "reason": reason, "lastTransitionTime": AT}
    return found | {"message": message or f"Because of {reason}."}


def task(
    name: str = "orders",
    ready: str = "False/CatchingUp",
    *,
    namespace: str = "shop",
    spec: dict[str, Any] | None = None,
    standing: str = "",
    also: tuple[str, ...] = (),
    lag: int | None = None,
    behind: bool = False,
    labels: dict[str, str] | None = None,
    **status: Any,
) -> dict[str, Any]:
    """Return a task.

    Args:
        name: Of the resource.
        ready: Status and reason of Ready.
        namespace: Of the resource.
        spec: Fields of the spec besides the id; a cutover if not said.
        standing: Reconciling or Stalled.
        also: Further conditions that are true.
        lag: DCS's offset.
        behind: Whether the status speaks of an older generation.
        labels: Of the resource.
        status: Further fields of the status.
    """
    word, _, reason = ready.partition("/")
    conditions = [condition("Ready", word, reason)]
    conditions += [condition(kind, "True", reason) for kind in (standing, *also) if kind]
    body = manifests.migration_task(name, **({"cutover": {}} if spec is None else spec))
    body["metadata"] |= {
        "namespace": namespace,
        "uid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{namespace}/{name}")),
        "generation": 2,
        "creationTimestamp": AT,
        "labels": labels or {},
    }
    body["status"] = {
        "observedGeneration": 1 if behind else 2,
        "phase": status.pop("phase", "INCRMIGEATING"),
        "conditions": conditions,
        **({} if lag is None else {"lag": {"offset": lag, "observedAt": AT}}),
        **status,
    }
    return body


def stopped(name: str = "orders", **fields: Any) -> dict[str, Any]:
    """Return a task that is stopped."""
    fields = {"phase": "TERMINATED", "also": ("Stopped",)} | fields
    return task(name, "True/Terminated", **fields)


def wave(
    name: str = "night", ready: str = "True/Holding", *, standing: str = "", **spec: Any
) -> dict[str, Any]:
    """Return a wave of the namespace `shop`."""
    word, _, reason = ready.partition("/")
    body = manifests.migration_wave(name, **({"state": "Hold"} | spec))
    body["metadata"] |= {"namespace": "shop", "uid": f"uid-{name}", "generation": 1}
    conditions = [condition("Ready", word, reason)]
    conditions += [condition(standing, "True", reason)] if standing else []
    body["status"] = {"observedGeneration": 1, "conditions": conditions}
    return body
