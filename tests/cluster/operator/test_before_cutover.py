"""A cutover fails closed: with the CRDs of before there were any, its task is only observed.

Such a CRD prunes `spec.cutover`, when it is written and when it is read. What is left is what an
operator of before there were any reads of today's objects too: `stopped: false`.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any, Final

import pytest

from sandbox.control_plane import ControlPlane
from sandbox.waiting import eventually
from support.checkout import CASES
from support.operator.process import QUICK, OperatorProcess
from support.operator.records import Recorder
from support.operator.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.operator.cloud import Cloud

BEFORE: Final = CASES / "before_cutover"
TASKS: Final = BEFORE / "migrationtasks.yaml"

DUE: Final = {"stableFor": "0s"}
"""A cutover of an idle source that would be ordered after two samples, 5 s apart."""

LOOKS: Final = 15
"""At one a second: three times as long as those samples take."""


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """Run a control plane of its own, whose CRDs are replaced."""
    with ControlPlane() as plane:
        plane.install_crds()
        yield plane


@pytest.fixture
def old(plane: ControlPlane, cloud: Cloud, tmp_path: Path) -> Iterator[Workspace]:
    """Give a workspace there, which no operator watches yet."""
    namespace = f"old-{secrets.token_hex(4)}"
    plane.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    with contextlib.closing(Recorder(plane, tmp_path / "events.jsonl")) as recorder:
        workspace = Workspace(plane.api, cloud.open_project(), recorder, namespace)
        workspace.connect()
        yield workspace


def downgrade(plane: ControlPlane, workspace: Workspace, name: str) -> None:
    """Replace the CRD of tasks by that of before, and wait until it prunes what is there."""
    plane.kubectl("replace", "--filename", TASKS)
    eventually(lambda: "cutover" not in workspace.read(name)["spec"])


def test_with_the_crds_of_before_it_only_observes(
    plane: ControlPlane, old: Workspace, tmp_path: Path
) -> None:
    """One cutover that was stored before the downgrade, one that is applied after it.

    The wave goes, nobody writes to the sources, and all three are observed: no sample, no order.
    """
    stored, member, applied = old.dcs.add_many(3)
    old.put_wave("Go", cutover=DUE)
    old.cut_over("stored", stored, **DUE)
    old.join([member])
    assert old.read("stored")["spec"]["cutover"] == DUE
    downgrade(plane, old, "stored")
    old.cut_over("applied", applied, **DUE)
    left: dict[str, Any] = old.read("applied")["spec"]
    assert left == {"taskId": applied, "stopped": False, "projectRef": left["projectRef"]}
    options = ["--namespace", old.namespace, *QUICK]
    operator = OperatorProcess(plane.kubeconfig, tmp_path / "operator.log", options)
    with contextlib.closing(operator):
        operator.start()
        old.until_all("True/Observed")
        old.until_wave("False/Going", total=0)
        old.until_looked(LOOKS)
    assert {call.operation for call in old.dcs.calls()} == {"list"}
    assert old.dcs.losses() == (0, 0)
    assert len(old.records()) == 3
