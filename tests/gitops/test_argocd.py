"""Argo CD's health check, run by a real Lua, agrees with kstatus about every state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime

from gitops.states import KINDS, STATES, Expected, State
from support.checkout import ROOT

if TYPE_CHECKING:
    from sandbox.control_plane import ControlPlane

FILE = ROOT / "deploy" / "gitops" / "argocd-cm.yaml"

PREFIX = "resource.customizations.health.dcs.huaweicloud.com_"

HEALTH = {
    Expected.DONE: "Healthy",
    Expected.WAIT: "Progressing",
    Expected.ALARM: "Degraded",
}

# Argo CD opens no library but the base one unless it is told to; this check needs even less.
BEFORE = "return function(obj, ipairs) setfenv(1, {obj = obj, ipairs = ipairs})"


def health(script: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return what a health check answers about an object."""
    lua = LuaRuntime(register_eval=False, unpack_returned_tuples=True)
    check = lua.execute(f"{BEFORE}\n{script}\nend")
    return dict(check(lua.table_from(body, recursive=True), lua.globals().ipairs))


def checks() -> dict[str, str]:
    """Return the health check of each kind."""
    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))["data"]
    return {name.removeprefix(PREFIX): script for name, script in data.items()}


def test_every_kind_has_a_check() -> None:
    """Argo CD calls what it knows no check for healthy, whatever its status says."""
    assert set(checks()) == set(KINDS.values())


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_argo_cd_reads_a_state_right(state: State) -> None:
    """Healthy, Progressing and Degraded are what kstatus calls Current, InProgress and Failed.

    Only Argo CD has a word for what waits for a person's word: Suspended.
    """
    answer = health(checks()[state.body["kind"]], state.body)
    assert answer["status"] == ("Suspended" if state.held else HEALTH[state.expected]), state.body


def test_the_health_says_why() -> None:
    """The message is that of the condition, so that nobody has to open the resource for it."""
    for state in STATES:
        if state.expected is not Expected.ALARM:
            continue
        (stalled,) = (c for c in state.body["status"]["conditions"] if c["type"] == "Stalled")
        assert health(checks()[state.body["kind"]], state.body)["message"] == stalled["message"]


def test_the_check_can_be_patched_into_argo_cds_own_settings(control_plane: ControlPlane) -> None:
    """`kubectl patch` adds the checks, and leaves alone what is there already."""
    kubectl = control_plane.kubectl
    kubectl("create", "namespace", "argocd")
    kubectl("--namespace=argocd", "create", "configmap", "argocd-cm", "--from-literal=url=kept")
    kubectl("--namespace=argocd", "patch", "configmap", "argocd-cm", f"--patch-file={FILE}")
    answer = kubectl("--namespace=argocd", "get", "configmap", "argocd-cm", "--output=json")
    wanted = {f"{PREFIX}{kind}": script for kind, script in checks().items()}
    assert json.loads(answer)["data"] == {"url": "kept"} | wanted
