"""The chart with its default values, and the page for new users, as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox import dcs
from sandbox.blocks import Block, blocks
from sandbox.image.build import default_name
from sandbox.node import pods

if TYPE_CHECKING:
    from sandbox.node.stage import Stage

PAGE: Final = "docs/getting-started.md"

TASK_ID: Final = "5130d57f-640a-435b-bc3a-0fb1860a5340"
"""The task of all pages."""

NOT_HERE: Final = "docker build "
"""The one block that is skipped: the image exists already."""

REPLICAS: Final = 2
"""The chart's default."""


def default_values(stage: Stage) -> None:
    """Install with default values, in a namespace for restricted pods, until they are ready."""
    api = stage.node.api
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.create("/api/v1/namespaces", {"metadata": {"name": pods.NAMESPACE, "labels": label}})
    before, _ = halves()
    for block in before:
        stage.node.shell.block(block.text)
    stage.show_pods()
    found = pods.all_pods(stage.node)
    stage.need(
        [pod.ready for pod in found] == [True] * REPLICAS
        and {pod.image for pod in found} == {default_name()}
        and not any(pod.restarts for pod in found),
        "the pods are not as the default values say",
    )


def getting_started(stage: Stage) -> None:
    """Follow the rest of the page by copy and paste, up to the first task that is TERMINATED."""
    cloud = stage.node.cloud
    cloud.ask("POST", "/migrations", {"task_id": TASK_ID})
    stage.wished(TASK_ID)
    # The page's reader has an account at an endpoint that is allowed by default.
    stage.upgrade(stage.allowed())
    stage.show.fact("The endpoint of the simulated DCS is allowed; the rest is as on the page.")
    _, after = halves()
    said = ""
    for block in after:
        said = stage.node.shell.block(filled_in(block.text, cloud.endpoint)) or said
        if block.text.startswith("kubectl patch"):
            stage.show.fact(f"$ {block.text.splitlines()[-1]}")
            stage.show.fact(said)
    stage.need(cloud.word(TASK_ID) == "TERMINATED", "DCS does not say TERMINATED")
    stage.show.fact(stage.check_sum())


def halves() -> tuple[list[Block], list[Block]]:
    """Return the page's blocks up to the one that waits for the pods, and those after it."""
    found = [block for block in blocks(PAGE) if not block.text.startswith(NOT_HERE)]
    (rollout,) = (n for n, block in enumerate(found) if " rollout status " in block.text)
    return found[: rollout + 1], found[rollout + 1 :]


def filled_in(text: str, endpoint: str) -> str:
    """Return a block of the page with the reader's own names in it."""
    for written, meant in {
        "YOUR-AK": dcs.ACCESS_KEY,
        "YOUR-SK": dcs.SECRET_KEY,
        # In quotes, since the simulated one has digits only, which YAML takes for a number.
        "YOUR-PROJECT-ID": f'"{dcs.PROJECT_ID}"',
        "region: cn-north-4": f"endpoint: {endpoint}",
        # Seconds are enough here, and then a failure says which wait it was.
        "--timeout=10m": "--timeout=60s",
    }.items():
        text = text.replace(written, meant)
    return text
