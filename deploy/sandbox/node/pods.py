"""What the cluster reports about the operator's pods: the leader, what runs, how each ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sandbox.node.node import Node

NAMESPACE, NAME = "dcs-system", "dcs-migration-operator"

SELECTOR: Final = f"app.kubernetes.io/instance={NAME}"


@dataclass(frozen=True)
class Pod:
    """One pod, as stored by the API server."""

    body: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        """Unlike the name, never reused."""
        return str(self.body["metadata"]["uid"])

    @property
    def ready(self) -> bool:
        """Whether it is ready and not terminating."""
        conditions = self.body["status"].get("conditions", ())
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
        return ready and "deletionTimestamp" not in self.body["metadata"]

    @property
    def restarts(self) -> int:
        """How often its container was restarted."""
        return int(self._container.get("restartCount", 0))

    @property
    def container_id(self) -> str:
        """The id of its container in containerd, if it has one."""
        return str(self._container.get("containerID", "")).rpartition("/")[2]

    @property
    def address(self) -> str:
        """The address on which it listens."""
        return str(self.body["status"].get("podIP", ""))

    @property
    def image(self) -> str:
        """The image of its container."""
        (container,) = self.body["spec"]["containers"]
        return str(container["image"])

    @property
    def end(self) -> dict[str, Any] | None:
        """How its container ended, with `reason` and `exitCode`; None if it runs."""
        return self._end("state")

    def ends(self) -> list[dict[str, Any]]:
        """Return how its container ended the last two times, if it did."""
        return [end for end in (self._end("state"), self._end("lastState")) if end]

    def _end(self, state: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._container.get(state, {}).get("terminated")
        return found

    @property
    def _container(self) -> dict[str, Any]:
        statuses = self.body["status"].get("containerStatuses") or [{}]
        found: dict[str, Any] = statuses[0]
        return found


def all_pods(node: Node, namespace: str = NAMESPACE) -> list[Pod]:
    """Return the operator's pods."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    return [Pod(body) for body in node.api.get(path, labelSelector=SELECTOR)["items"]]


def holder(node: Node) -> str:
    """Return the holder of the Lease, a pod's name and a process id; empty if there is none."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{NAME}"
    return str(node.api.get(path)["spec"].get("holderIdentity") or "")


def leader(node: Node) -> Pod:
    """Return the pod that leads.

    Raises:
        LookupError: No pod leads, or it is gone.
    """
    identity = holder(node)
    for pod in all_pods(node):
        if pod.ready and identity.startswith(f"{pod.name}_"):
            return pod
    raise LookupError(f"No pod leads; the Lease names {identity or 'none'}.")


def process_id(node: Node, pod: Pod) -> int:
    """Return the process of a pod's container.

    Raises:
        LookupError: It is not running.
    """
    for line in node.ctr("tasks", "list").splitlines()[1:]:
        container, pid, state = line.split()
        if (container, state) == (pod.container_id, "RUNNING"):
            return int(pid)
    raise LookupError(f"{pod.name} does not run.")
