"""Tasks and waves of a namespace on a real API server, with statuses as an operator writes them.

No operator runs where this is used: every state can be had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import manifests

if TYPE_CHECKING:
    from sandbox.api import Api

AT = "2026-11-27T18:00:00Z"

MESSAGES = {
    "Observed": "DCS says INCRMIGEATING; the task is only observed (spec.stopped is false).",
    "Holding": "DCS says INCRMIGEATING; wave night holds, so no stop is requested until its state"
    " is Go.",
    "NotReplicating": "DCS says INCRMIGEATING, and that nothing is replicated at the moment; see"
    " the log of the task in the DCS console. It is asked again by itself.",
    "CatchingUp": "DCS says INCRMIGEATING; the lag is 1204, the limit 0. The stop is requested"
    " once the lag has stayed within its limit for 10s.",
    "Terminated": "DCS says TERMINATED: the migration is stopped.",
}
"""What the operator says of a task, by the reason."""

WAVE_MESSAGES = {
    "Holding": "Nothing is requested until spec.state is Go; {caughtUp} of {total} tasks have"
    " caught up.",
    "Complete": "All {total} tasks are stopped.",
}
"""The same of a wave, by what it counts."""

CAUGHT_UP_MESSAGES = {
    "CaughtUp": "The lag has been within 0 for at least 10s.",
    "Lagging": "The lag is above 0.",
    "NotReplicating": "DCS says that nothing is replicated.",
}
"""The same of the condition `CaughtUp`."""


def condition(kind: str, says: str, message: str) -> dict[str, Any]:
    """Return a condition of this status and reason."""
    status, _, reason = says.partition("/")
    told = {"reason": reason, "message": message, "lastTransitionTime": AT}
    return {"type": kind, "status": status, **told}


class Shop:
    """The tasks and waves of the test's namespace, and the operator's part in their statuses."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api, self.namespace = api, namespace

    def path(self, name: str, plural: str = manifests.TASKS) -> str:
        """Return the API path of an object."""
        return manifests.path(self.namespace, plural, name)

    def task(self, name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> None:
        """Create a task, as somebody does with kubectl."""
        body = manifests.migration_task(name, spec.pop("taskId", ""), **spec)
        body["metadata"]["labels"] = labels or {}
        path = manifests.path(self.namespace, manifests.TASKS)
        self.api.create(f"{path}?fieldManager=kubectl-create", body)

    def wave(self, name: str, **spec: Any) -> None:
        """Create a wave."""
        path = manifests.path(self.namespace, manifests.WAVES)
        self.api.create(path, manifests.migration_wave(name, **spec))

    def get(self, name: str, plural: str = manifests.TASKS) -> Any:
        """Read an object."""
        return self.api.get(self.path(name, plural))

    def say(
        self,
        name: str,
        ready: str,
        *true: str,
        plural: str = manifests.TASKS,
        caught_up: str = "",
        **more: Any,
    ) -> None:
        """Write a status as the operator would.

        Args:
            name: Of the object.
            ready: Status and reason of Ready.
            true: Further conditions that hold, with the same reason.
            plural: Of the kind.
            caught_up: Status and reason of CaughtUp; empty if it is not there.
            more: Further fields of the status.
        """
        reason = ready.partition("/")[2]
        known = MESSAGES if plural == manifests.TASKS else WAVE_MESSAGES
        text = known.get(reason, f"Because of {reason}.").format_map(more.get("tasks", {}))
        conditions = [condition("Ready", ready, text)]
        conditions += [condition(kind, f"True/{reason}", text) for kind in true]
        if caught_up:
            says = CAUGHT_UP_MESSAGES[caught_up.partition("/")[2]]
            conditions.append(condition("CaughtUp", caught_up, says))
        generation = self.get(name, plural)["metadata"]["generation"]
        status = {"observedGeneration": generation, "conditions": conditions, **more}
        self.api.patch(f"{self.path(name, plural)}/status", {"status": status})

    def stopped(self, name: str, **more: Any) -> None:
        """Let DCS have said that a task is stopped."""
        self.say(name, "True/Terminated", "Stopped", phase="TERMINATED", **more)

    def managers(self, name: str) -> dict[str, Any]:
        """Return the fields of the spec by the manager who applied or wrote them."""
        return {
            f"{entry['manager']}/{entry['operation']}": entry["fieldsV1"].get("f:spec")
            for entry in self.get(name)["metadata"]["managedFields"]
        }
