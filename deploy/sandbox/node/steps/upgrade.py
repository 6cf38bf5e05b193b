"""A rolling upgrade while tasks are being stopped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sandbox.node import pods

if TYPE_CHECKING:
    from sandbox.node.stage import Stage

TASKS: Final = 200


def rolling_upgrade(stage: Stage) -> None:
    """Replace all pods with 200 tasks in flight: nothing is lost, nothing is ordered twice."""
    node = stage.node
    old = {pod.uid for pod in pods.all_pods(node)}
    before = node.cloud.sum()
    ids = stage.wish(TASKS)
    stage.until_ordered(before.orders)
    accepted = len(node.cloud.sum().accepted) - len(before.accepted)
    begun = time.monotonic()
    stage.upgrade("--set=podAnnotations.turn=second", wait=False)
    stage.show.fact(f"helm upgrade begins with {accepted} of {TASKS} stops accepted")
    stage.roll_out()
    stage.until(lambda: not old & {pod.uid for pod in pods.all_pods(node)})
    stage.show.fact(f"both pods are new after {time.monotonic() - begun:.1f} s")
    stage.until_terminated(ids)
    stage.show.fact(f"all {TASKS} are TERMINATED after {time.monotonic() - begun:.1f} s")
    stage.need(not any(pod.restarts for pod in pods.all_pods(node)), "a new pod was started again")
    stage.show.fact(stage.check_sum())
