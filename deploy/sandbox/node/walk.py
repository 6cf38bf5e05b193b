"""The order of the walk's steps, and their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.image.build import TAG, default_name
from sandbox.node.stage import TEAM, Stage
from sandbox.node.steps import (
    crash,
    drain,
    frozen,
    memory,
    policy,
    rollout,
    termination,
    tokens,
    uninstall,
    upgrade,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.node.node import Node
    from sandbox.node.show import Show

STEPS: Final[tuple[tuple[str, Callable[[Stage], None]], ...]] = (
    (
        "helm install with default values, in a namespace for restricted pods",
        rollout.default_values,
    ),
    ("Getting started, by copy and paste, to the first task TERMINATED", rollout.getting_started),
    ("kill -9 of the leader with 200 tasks in flight", crash.kill_the_leader),
    ("Rolling upgrade with 200 tasks in flight", upgrade.rolling_upgrade),
    ("kubectl drain respects the PodDisruptionBudget", drain.drain),
    ("Too little memory says OOMKilled", memory.out_of_memory),
    ("SIGTERM ends the leader with 0, with 100 tasks in flight", termination.sigterm),
    ("The NetworkPolicy is enforced", policy.network_policy),
    ("The projected token is replaced", tokens.token_rotation),
    ("The API server is frozen for 40 s", frozen.frozen_apiserver),
    ("Uninstall: the operator first, with 100 tasks in flight, and back", uninstall.operator_first),
    ("Uninstall: a namespace with tasks first", uninstall.tasks_first),
    ("Uninstall: the operator's namespace first", uninstall.namespace_first),
    ("Install again", uninstall.back_again),
    ("Uninstall: the CRDs first, while the operator runs", uninstall.crds_first),
    ("Install again", uninstall.back_again),
    ("Uninstall: everything, as the page says", uninstall.everything),
)


def walk(node: Node, show: Show, image: Path) -> None:
    """Start the node and go through all steps.

    Args:
        node: The node, not started yet.
        show: Where all of it is printed.
        image: The operator's image as a file.
    """
    with show.step("The node is ready, and has the image"):
        node.start()
        node.start_kube_router()
        node.load(image, f"{TAG}", default_name())
        show.fact(node.shell.kubectl("get", "nodes", "--output=wide"))
    stage = Stage(node, show)
    for title, step in STEPS:
        with show.step(title):
            step(stage)
            if step is rollout.getting_started:
                stage.connect(TEAM)
