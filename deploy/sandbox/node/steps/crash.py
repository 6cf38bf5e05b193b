"""The leader is killed while DCS has its order and has not answered yet."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final

from sandbox.node import pods

if TYPE_CHECKING:
    from sandbox.node.stage import Stage

TASKS: Final = 200

ANSWER_S: Final = 4.0
"""How long DCS delays each answer, so that the kill finds orders without an outcome."""


def kill_the_leader(stage: Stage) -> None:
    """`kill -9` with 200 tasks in flight: the other takes over, and every task is ordered once."""
    node = stage.node
    before = node.cloud.sum()
    leader, identity = pods.leader(node), pods.holder(node)
    pid = pods.process_id(node, leader)
    node.cloud.ask("PATCH", "/timing", {"answer_s": ANSWER_S})
    ids = stage.wish(TASKS)
    stage.until_ordered(before.orders)
    os.kill(pid, signal.SIGKILL)
    begun = time.monotonic()
    accepted = len(node.cloud.sum().accepted) - len(before.accepted)
    stage.need(pods.holder(node) == identity, "another led when the leader was killed")
    node.cloud.ask("PATCH", "/timing", {"answer_s": 0.0})
    stage.show.fact(f"killed {leader.name}: DCS had accepted {accepted} stops and not answered,")
    stage.show.fact(f"{TASKS - accepted} were not ordered yet")
    stage.until(lambda: pods.holder(node) not in {identity, ""})
    stage.show.fact(f"another leads after {time.monotonic() - begun:.1f} s")
    stage.until_terminated(ids)
    stage.show.fact(f"all {TASKS} are TERMINATED {time.monotonic() - begun:.1f} s after the kill")
    (killed,) = (pod for pod in pods.all_pods(node) if pod.uid == leader.uid)
    stage.need(killed.restarts == 1, f"{killed.name} was started {killed.restarts} times again")
    stage.show.fact(stage.check_sum())
    stage.roll_out()
