"""The API server is frozen: it accepts connections and answers nothing, not even the kubelet."""

from __future__ import annotations

import http
import time
from typing import TYPE_CHECKING, Final

from sandbox.node import pods
from sandbox.pages import read_page

if TYPE_CHECKING:
    from sandbox.node.stage import Stage

TASKS: Final = 50

FROZEN_S: Final = 40.0
"""Long enough for a Lease of 15 s to expire, and for a failing probe to be seen."""

LOOK_S: Final = 1.0

PORT: Final = 8080

ANSWER_S_MAX: Final = 5.0
"""As long as the kubelet waits for a probe."""


def frozen_apiserver(stage: Stage) -> None:
    """Freeze it for 40 s with tasks in flight: nothing is lost, and nothing is ordered twice."""
    node = stage.node
    before = node.cloud.sum()
    ids = stage.wish(TASKS)
    stage.until_ordered(before.orders)
    addresses = {pod.name: f"{pod.address}:{PORT}" for pod in pods.all_pods(node)}
    seen: dict[str, list[tuple[float, bool]]] = {name: [] for name in addresses}
    begun = time.monotonic()
    with node.apiserver_frozen():
        while (elapsed := time.monotonic() - begun) < FROZEN_S:
            for name, address in addresses.items():
                seen[name].append((elapsed, _ready(address)))
            time.sleep(LOOK_S)
    for name, looks in seen.items():
        refused = next((at for at, ready in looks if not ready), None)
        said = "all the time" if refused is None else f"for {refused:.0f} s"
        stage.show.fact(f"{name} said to be ready {said}")
    stage.until_terminated(ids)
    stage.roll_out()
    restarts = sum(pod.restarts for pod in pods.all_pods(node))
    stage.show.fact(f"all {TASKS} are TERMINATED; the two pods were started {restarts} times again")
    stage.show.fact(stage.check_sum())


def _ready(address: str) -> bool:
    """Do what the kubelet's readiness probe does."""
    try:
        return read_page(address, "/readyz", ANSWER_S_MAX)[0] == http.HTTPStatus.OK
    except OSError:
        return False
