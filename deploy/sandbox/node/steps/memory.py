"""A memory limit that is too small: the pod reports OOMKilled, and the old pods continue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.node import pods

if TYPE_CHECKING:
    from sandbox.node.stage import Stage

TOO_SMALL: Final = ("--set=resources.limits.memory=36Mi", "--set=resources.requests.memory=16Mi")
"""The operator takes 56 MB when idle."""

REASON: Final = "OOMKilled"

TASKS: Final = 10


def out_of_memory(stage: Stage) -> None:
    """Upgrade to a limit that is too small, see why it does not work, and go back."""
    node = stage.node
    before = {pod.uid for pod in pods.all_pods(node)}
    stage.upgrade(*TOO_SMALL, wait=False)

    def killed() -> str:
        for pod in pods.all_pods(node):
            for end in pod.ends() if pod.uid not in before else ():
                if end["reason"] == REASON:
                    return f"{pod.name}: {end['reason']}, status {end['exitCode']}"
        return ""

    stage.show.fact(stage.until(killed))
    stage.show_pods()
    still = {pod.uid for pod in pods.all_pods(node) if pod.ready}
    stage.need(still == before, "the old pods are not ready any more")
    stage.until_terminated(stage.wish(TASKS))
    stage.show.fact(f"{TASKS} more tasks are TERMINATED meanwhile")
    node.shell.helm("rollback", pods.NAME, f"--namespace={pods.NAMESPACE}")
    stage.roll_out()
    stage.until(lambda: len(pods.all_pods(node)) == len(before))
    stage.show.fact(stage.check_sum())
