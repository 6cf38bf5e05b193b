"""What docs/gitops.md promises to whoever keeps tasks in git, with applies as the tools do them."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import manifests
from sandbox.api import ApiError

if TYPE_CHECKING:
    from sandbox.control_plane import ControlPlane


class Tool:
    """A tool that applies one task from git, in a namespace of its own."""

    def __init__(self, plane: ControlPlane) -> None:
        self._api = plane.api
        self._namespace = f"git-{secrets.token_hex(4)}"
        self._api.create("/api/v1/namespaces", {"metadata": {"name": self._namespace}})
        self._task_id = manifests.migration_task("one")["spec"]["taskId"]
        self.path = manifests.path(self._namespace, manifests.TASKS, "one")

    def apply(self, manager: str = "git", **spec: Any) -> Any:
        """Apply the task on the server, as this field manager; returns what is stored then."""
        body = manifests.migration_task("one", self._task_id, **spec)
        return self._api.apply(self.path, body, manager)

    def applied(self, **spec: Any) -> Any:
        """Apply the task for the first time, and have it seen by an operator."""
        self.apply(**spec)
        status = {"status": {"observedGeneration": 1, "phase": "MIGRATING"}}
        return self._api.patch(f"{self.path}/status", status)


@pytest.fixture
def tool(control_plane: ControlPlane) -> Tool:
    """Give a tool that has applied nothing yet."""
    return Tool(control_plane)


def version(stored: Any) -> str:
    """Return what changes with every change of a resource."""
    return str(stored["metadata"]["resourceVersion"])


def test_applying_a_wish_again_changes_nothing(tool: Tool) -> None:
    """`stopped: true` is a state: the second apply writes nothing, so no event wakes anybody."""
    first = tool.applied(stopped=True)
    assert version(tool.apply(stopped=True)) == version(first)


def test_defaults_are_no_drift(tool: Tool) -> None:
    """What the API server fills in belongs to nobody, and an apply without it changes nothing."""
    first = tool.applied()
    assert first["spec"].keys() == {"taskId", "stopped", "projectRef"}
    owned = first["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
    assert json.dumps(owned) == '{"f:taskId": {}}'
    assert version(tool.apply()) == version(first)


@pytest.mark.parametrize("spec", [{}, {"stopped": False}], ids=["removed", "false"])
def test_a_revert_is_refused_with_a_sentence(tool: Tool, spec: dict[str, Any]) -> None:
    """Whoever takes `stopped: true` out of git again is told why that does not work."""
    tool.apply(stopped=True)
    with pytest.raises(ApiError, match="stopped cannot go back from true to false or be removed"):
        tool.apply(**spec)


def test_a_stop_by_hand_outlives_the_next_apply(tool: Tool) -> None:
    """Git that does not name `stopped` leaves it alone; git that says false is refused."""
    tool.apply()
    tool.apply("somebody", stopped=True)
    assert tool.apply()["spec"]["stopped"] is True
    with pytest.raises(ApiError, match="stopped cannot go back"):
        tool.apply(stopped=False)


@pytest.mark.parametrize("spec", [{"cutover": {"maxLag": 0}}, {"cutover": {}}], ids=str)
def test_a_cutover_is_applied_again_without_a_change_and_taken_back(
    tool: Tool, spec: dict[str, Any]
) -> None:
    """A wish that git can take back: a revert leaves nothing of it."""
    first = tool.applied(**spec)
    assert first["spec"]["cutover"] == spec["cutover"]
    assert version(tool.apply(**spec)) == version(first)
    assert "cutover" not in tool.apply()["spec"]


def test_a_wave_is_what_git_says(control_plane: ControlPlane, tool: Tool) -> None:
    """Applied again it does not change; Go by hand is overruled by the next apply; so is Hold."""
    api, path = control_plane.api, tool.path.replace(manifests.TASKS, manifests.WAVES)

    def apply(state: str) -> Any:
        return api.apply(path, manifests.migration_wave("one", state=state), "git")

    apply("Hold")
    held = api.patch(f"{path}/status", {"status": {"observedGeneration": 1}})
    assert version(apply("Hold")) == version(held)
    for state, by_hand in (("Hold", "Go"), ("Go", "Hold")):
        apply(state)
        assert api.patch(path, {"spec": {"state": by_hand}})["spec"]["state"] == by_hand
        assert apply(state)["spec"]["state"] == state


def test_pruning_waits_for_nothing(tool: Tool, control_plane: ControlPlane) -> None:
    """A deleted task is gone at once: no finalizer is on it."""
    assert "finalizers" not in tool.apply(stopped=True)["metadata"]
    control_plane.api.delete(tool.path)
    with pytest.raises(ApiError, match="not found"):
        control_plane.api.get(tool.path)
