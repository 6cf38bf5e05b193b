"""What all steps of the walk share: the node, the release, the tasks and their exact sum.

Owns the tasks: which migration belongs to which resource, which stops were requested, and that DCS
was ordered to stop exactly those, each once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from sandbox import manifests
from sandbox.node import pods
from sandbox.shell import ROOT
from sandbox.simulated import account, mismatches
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sandbox.node.node import Node
    from sandbox.node.show import Show
    from sandbox.simulated import SimulatedDcs

CHART: Final = ROOT / "deploy" / "chart"

STEP_S_MAX: Final = 120.0
"""Time limit of any condition in the walk; most take seconds, a takeover after a kill 17."""

ROLLOUT_TIMEOUT: Final = "--timeout=120s"

TEAM: Final = "team"
"""The namespace of most tasks."""


class StepError(Exception):
    """Something is not as expected; the text says what."""


class Stage:
    """One walk's state.

    Attributes:
        node: The node.
        show: Where observations are printed.
    """

    def __init__(self, node: Node, show: Show) -> None:
        self.node, self.show = node, show
        self._free: list[str] = [one["task_id"] for one in node.cloud.migrations()]
        self._wished: set[str] = set()
        self._made = 0

    @property
    def endpoints(self) -> tuple[str, str]:
        """Both simulated clouds, which must be allowed by name."""
        return self.node.cloud.endpoint, self.node.other_cloud.endpoint

    def connect(self, namespace: str, cloud: SimulatedDcs | None = None) -> None:
        """Make a namespace with a key and a project, and wait until the project works."""
        self.apply("", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        endpoint = (cloud or self.node.cloud).endpoint
        self.apply(namespace, *account(endpoint))

    def apply(self, namespace: str, *bodies: dict[str, Any]) -> None:
        """Apply objects by kubectl."""
        where = [f"--namespace={namespace}"] if namespace else []
        self.node.shell.kubectl("apply", *where, "--filename=-", stdin=yaml.safe_dump_all(bodies))

    def wish(self, count: int, namespace: str = TEAM) -> list[str]:
        """Create tasks to be stopped, each for its own migration; returns the ids."""
        ids, self._free = self._free[:count], self._free[count:]
        self.wished(*ids)
        bodies = []
        for task_id in ids:
            self._made += 1
            bodies.append(manifests.migration_task(f"t{self._made}", task_id, stopped=True))
        self.node.api.create_many(manifests.path(namespace, manifests.TASKS), bodies)
        return ids

    def wished(self, *ids: str) -> None:
        """Record that these migrations are to be stopped."""
        self._wished.update(ids)

    def take(self) -> str:
        """Return the id of a migration that no other step uses."""
        return self._free.pop(0)

    def phases(self, namespace: str = TEAM) -> dict[str, str]:
        """Return the phase of each task's resource, by task id."""
        items = self.node.api.get(manifests.path(namespace, manifests.TASKS))["items"]
        return {one["spec"]["taskId"]: one.get("status", {}).get("phase", "") for one in items}

    def until_terminated(self, ids: Sequence[str], namespace: str = TEAM) -> None:
        """Wait until all these tasks are TERMINATED, also according to DCS."""

        def look() -> bool:
            phases = self.phases(namespace)
            return all(phases.get(one) == "TERMINATED" for one in ids)

        self.until(look)
        words = {one["task_id"]: one["word"] for one in self.node.cloud.migrations()}
        wrong = [one for one in ids if words[one] != "TERMINATED"]
        self.need(not wrong, f"the resource says TERMINATED and DCS does not: {wrong}")

    def until(self, fact: Any) -> Any:
        """Wait for a condition while all programs of the node run, and return its value."""

        def look() -> Any:
            self.node.check_alive()
            return fact()

        return eventually(look, STEP_S_MAX)

    def until_ordered(self, orders: int) -> None:
        """Wait until DCS has received more orders to stop than that.

        DCS counts an order before the first byte of its answer leaves.
        """
        self.until(lambda: self.node.cloud.orders() > orders)

    def need(self, fact: object, otherwise: str) -> None:
        """Raise unless a condition is true.

        Raises:
            StepError: It is not true.
        """
        if not fact:
            raise StepError(otherwise)

    def check_sum(self) -> str:
        """Compare all orders with all requested stops, exactly; returns the sum in words.

        Raises:
            StepError: DCS did not receive exactly one order for each requested stop.
        """
        found = self.node.cloud.sum()
        wrong = mismatches(found, self._wished)
        self.need(not wrong, "; ".join(wrong))
        return f"{found.ids} ids in {found.orders} orders, for {len(self._wished)} wishes"

    def roll_out(self) -> None:
        """Wait until the Deployment is as it should be."""
        target = f"deployment/{pods.NAME}"
        where = f"--namespace={pods.NAMESPACE}"
        self.node.shell.kubectl("rollout", "status", target, where, ROLLOUT_TIMEOUT)

    def install(self, *options: str | Path) -> None:
        """Install the chart with both clouds allowed, and wait until its pods are ready."""
        self.node.shell.helm(
            "install",
            pods.NAME,
            CHART,
            f"--namespace={pods.NAMESPACE}",
            "--create-namespace",
            self.allowed(),
            *options,
        )
        self.roll_out()

    def upgrade(self, *options: str | Path, wait: bool = True) -> None:
        """Change some values of the release."""
        self.node.shell.helm(
            "upgrade", pods.NAME, CHART, f"--namespace={pods.NAMESPACE}", "--reuse-values", *options
        )
        if wait:
            self.roll_out()

    def allowed(self) -> str:
        """Return the option of helm that allows both clouds."""
        return f"--set=operator.allowEndpoint={{{','.join(self.endpoints)}}}"

    def show_pods(self) -> None:
        """Print the output of `kubectl get pods`."""
        self.show.fact(f"$ kubectl get pods --namespace {pods.NAMESPACE}")
        self.show.fact(self.node.shell.kubectl("get", "pods", f"--namespace={pods.NAMESPACE}"))
