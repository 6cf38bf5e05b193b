"""The chart's NetworkPolicy, enforced by kube-router."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sandbox import manifests

if TYPE_CHECKING:
    from sandbox.node.stage import Stage

CLOSED: Final = "closed"
"""The namespace whose project is on a port that the policy does not allow."""

REASON: Final = "CloudUnavailable"

REACH_S_MAX: Final = 10.0


def network_policy(stage: Stage) -> None:
    """Port 443 is reached and 9443 is not, until the policy names it too."""
    node = stage.node
    address = urlsplit(node.other_cloud.endpoint)
    connection = http.client.HTTPConnection(address.netloc, timeout=REACH_S_MAX)
    connection.request("GET", "/")
    status = connection.getresponse().status
    connection.close()
    stage.show.fact(f"from the node, {address.netloc} answers with {status}")
    calls = _calls(stage)
    stage.connect(CLOSED, node.other_cloud)
    task_id = node.other_cloud.migrations()[0]["task_id"]
    body = manifests.migration_task("behind-the-policy", task_id)
    node.api.create(manifests.path(CLOSED, manifests.TASKS), body)
    ready = stage.until(lambda: _ready(stage, {"False"}, REASON))
    stage.show.fact(f"from a pod: {ready['reason']}, {ready['message']}")
    stage.need(_calls(stage) == calls, "the other DCS was called")
    stage.until_terminated(stage.wish(1))
    stage.show.fact("meanwhile a task of the DCS on port 443 is TERMINATED")
    stage.upgrade("--set=networkPolicy.dcs.ports={443,9443}")
    stage.until(lambda: _ready(stage, {"True"}, "Observed"))
    stage.show.fact("with networkPolicy.dcs.ports={443,9443} it is reached")
    stage.need(_calls(stage) > calls, "the other DCS was not called")
    stage.show.fact(stage.check_sum())


def _ready(stage: Stage, statuses: set[str], reason: str) -> dict[str, str] | None:
    """Return the condition Ready of the task behind the policy, if it is the expected one."""
    path = manifests.path(CLOSED, manifests.TASKS, "behind-the-policy")
    for one in stage.node.api.get(path).get("status", {}).get("conditions", ()):
        if one["type"] == "Ready" and one["status"] in statuses and one["reason"] == reason:
            found: dict[str, str] = one
            return found
    return None


def _calls(stage: Stage) -> int:
    """Return how many calls the other DCS received."""
    return int(stage.node.other_cloud.ask("GET", "/counts")["calls"])
