"""The node is drained, and the PodDisruptionBudget keeps one pod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.node import pods
from sandbox.node.servers import NODE
from sandbox.shell import ShellError

if TYPE_CHECKING:
    from sandbox.node.stage import Stage

TASKS: Final = 50

DRAIN_TIMEOUT: Final = "--timeout=12s"
"""kubectl retries every 5 s; after two refusals it is clear that it would continue like that."""

REFUSAL: Final = "disruption budget"


def drain(stage: Stage) -> None:
    """One pod is evicted and finds no other node; the second is refused, and does all the work."""
    node = stage.node
    before = {pod.uid for pod in pods.all_pods(node)}
    selector = f"--pod-selector={pods.SELECTOR}"
    try:
        node.shell.kubectl("drain", NODE, selector, DRAIN_TIMEOUT)
    except ShellError as error:
        refused = str(error)
    else:
        refused = ""
    stage.need(REFUSAL in refused, f"the drain was not refused by the budget: {refused or 'done'}")
    ready = [pod for pod in pods.all_pods(node) if pod.ready]
    stage.need(
        len(ready) == 1 and ready[0].uid in before, f"{len(ready)} pods are ready, not the old one"
    )
    stage.show_pods()
    stage.until_terminated(stage.wish(TASKS))
    stage.show.fact(f"{TASKS} more tasks are TERMINATED by the one that is left")
    node.shell.kubectl("uncordon", NODE)
    stage.roll_out()
    stage.show.fact(stage.check_sum())
