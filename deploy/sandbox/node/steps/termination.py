"""The leader is asked to end, with tasks in flight."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from sandbox.node import pods

if TYPE_CHECKING:
    from sandbox.node.stage import Stage

TASKS: Final = 100

FINALIZER: Final = "sandbox.invalid/look"
"""Keeps the object until it has been read: only it tells how its container ended."""


def sigterm(stage: Stage) -> None:
    """Delete the leader's pod: it ends with status 0, before it is killed, and the other leads."""
    node = stage.node
    before = node.cloud.sum()
    ids = stage.wish(TASKS)
    stage.until_ordered(before.orders)
    leader, identity = pods.leader(node), pods.holder(node)
    path = f"/api/v1/namespaces/{pods.NAMESPACE}/pods/{leader.name}"
    node.api.patch(path, {"metadata": {"finalizers": [FINALIZER]}})
    begun = time.monotonic()
    node.api.delete(path)
    stage.until(lambda: pods.holder(node) not in {identity, ""})
    took_over_s = time.monotonic() - begun

    def ended() -> dict[str, Any] | None:
        return pods.Pod(node.api.get(path)).end

    end = stage.until(ended)
    took_s = time.monotonic() - begun
    node.api.patch(path, {"metadata": {"finalizers": None}})
    stage.show.fact(f"{leader.name}: {end['reason']}, status {end['exitCode']}, {took_s:.1f} s")
    stage.show.fact(f"another leads {took_over_s:.1f} s after the deletion")
    stage.need(end["exitCode"] == 0, f"it ended with status {end['exitCode']}")
    stage.until_terminated(ids)
    stage.roll_out()
    stage.show.fact(stage.check_sum())
