"""Bad days of the API server: refused writes, broken watches, absence, silence, another token."""

from __future__ import annotations

import http
from typing import TYPE_CHECKING

import pytest

from sandbox.dcs.faults import FaultKind
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually
from support.operator.cloud import NEVER_S
from support.operator.gate import TOO_OLD
from support.operator.process import QUICK
from support.operator.records import writes

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.control_plane import ControlPlane
    from support.operator.fixtures import Launch
    from support.operator.gate import Gate
    from support.operator.workspace import Workspace


@pytest.mark.parametrize("status", [409, 422, 429, 500, 503])
def test_a_refused_write_is_tried_again(
    own: Workspace, gate: Gate, launch: Launch, status: int
) -> None:
    """The status gets there a moment later, once; nothing is ordered twice."""
    operator = launch(own.namespace, *QUICK, kubeconfig=gate.kubeconfig)
    operator.start()
    gate.answer(r"^PATCH .*/migrationtasks/.*/status", status, times=2)
    task_id = own.dcs.add()
    own.create("one", task_id)
    own.until("one", "True/Terminated")
    assert gate.answered()
    assert writes(own.records().values()) <= 2
    assert own.dcs.ordered() == [key_of(task_id)]
    assert operator.metric("dcs_operator_status_writes_total", outcome="error") == 2


@pytest.mark.parametrize("trouble", ["410", "cut", "500", "429"])
def test_a_broken_watch_is_taken_up_again(
    own: Workspace, gate: Gate, launch: Launch, trouble: str
) -> None:
    """What was created in between is found; what was finished is left alone."""
    finished = own.dcs.add()
    own.create("finished", finished)
    operator = launch(own.namespace, *QUICK, kubeconfig=gate.kubeconfig)
    operator.start()
    own.until("finished", "True/Terminated")
    if trouble in {"500", "429"}:
        gate.answer(r"^GET .*/migrationtasks\?.*watch=true", int(trouble), times=2)
    gate.cut(TOO_OLD if trouble == "410" else b"")
    own.create("later", own.dcs.add())
    own.until("later", "True/Terminated")
    assert gate.answered()
    assert writes(own.records().values()) <= 4
    assert own.dcs.ordered().count(key_of(finished)) == 1


def test_an_absent_api_server_is_survived(own: Workspace, gate: Gate, launch: Launch) -> None:
    """What was created meanwhile is found, what waits to be written is; nothing is done twice."""
    operator = launch(own.namespace, *QUICK, kubeconfig=gate.kubeconfig)
    operator.start()
    task_ids = own.dcs.add_many(20, stop_s=NEVER_S)
    own.create_many(task_ids)
    own.until_all("False/Stopping")
    with gate.closed():
        late = own.dcs.add(stop_s=NEVER_S)
        own.create("late", late)
        own.dcs.end(*task_ids)
        eventually(lambda: operator.metric("dcs_operator_status_writes_total", outcome="error"))
        assert operator.page("/healthz")[0] == http.HTTPStatus.OK
    own.until("late", "False/Stopping")
    own.dcs.end(late)
    own.until_all("True/Terminated")
    assert sorted(own.dcs.ordered()) == sorted(map(key_of, [*task_ids, late]))
    assert writes(own.records().values()) == 2 * 21


def test_a_leader_that_cannot_renew_its_lease_leaves(
    own: Workspace, gate: Gate, launch: Launch
) -> None:
    """It ends by itself before another may lead, with one line; its next life does the rest."""
    operator = launch(own.namespace, *QUICK, leader_elect=True, kubeconfig=gate.kubeconfig)
    operator.start()
    eventually(lambda: operator.metric("dcs_operator_leader") == 1)
    with gate.closed():
        task_id = own.dcs.add()
        own.create("meanwhile", task_id)
        assert operator.wait() == 1
        assert "the Lease" in operator.tail().splitlines()[-1]
        assert not own.dcs.ordered()
    operator.start()
    own.until("meanwhile", "True/Terminated")
    assert own.dcs.ordered() == [key_of(task_id)]


def test_a_deletion_that_the_watch_did_not_tell_of_is_found(
    own: Workspace, gate: Gate, launch: Launch
) -> None:
    """A watch that begins anew lists only what is there; what is gone is not ordered any more."""
    operator = launch(own.namespace, *QUICK, kubeconfig=gate.kubeconfig)
    operator.start()
    own.dcs.fail(FaultKind.THROTTLE, operation="batch_stop", for_s=3600, window_s=1)
    deleted, kept = own.dcs.add(), own.dcs.add()
    own.create("deleted", deleted)
    own.create("kept", kept)
    own.until("deleted", "False/Throttled")
    gate.silence()
    own.delete("deleted")
    gate.cut(TOO_OLD)
    eventually(lambda: operator.metric("dcs_operator_tasks") == 1)
    own.dcs.heal()
    own.until("kept", "True/Terminated")
    assert len(own.dcs.words(deleted)) == 1  # it goes on as it did


def test_a_silent_watch_is_connected_anew(own: Workspace, gate: Gate, launch: Launch) -> None:
    """A dead connection is noticed after 15 s; nothing is listed again, the page stays green."""
    operator = launch(own.namespace, *QUICK, kubeconfig=gate.kubeconfig)
    operator.start()
    own.create("before", own.dcs.add(), stopped=False)
    own.until("before", "True/Observed")
    gate.silence()
    own.create("meanwhile", own.dcs.add())
    own.until("meanwhile", "True/Terminated")
    assert operator.page("/healthz")[0] == http.HTTPStatus.OK


def test_a_renewed_token_is_used_without_a_restart(
    own: Workspace, launch: Launch, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """The old one is refused from one moment to the next; the file has a new one."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()

    def renew() -> None:
        control_plane.kubectl("create", "serviceaccount", "operator", "-n", own.namespace)
        token = control_plane.kubectl("create", "token", "operator", "-n", own.namespace)
        (folder / "token").write_text(token.strip())

    renew()
    account = f"--serviceaccount={own.namespace}:operator"
    role = "--clusterrole=cluster-admin"
    control_plane.kubectl("create", "clusterrolebinding", own.namespace, role, account)
    (folder / "namespace").write_text(own.namespace)
    (folder / "ca.crt").write_bytes(control_plane.ca_file.read_bytes())
    operator = launch(own.namespace, *QUICK, pod=folder)
    operator.start()
    own.create("before", own.dcs.add())
    own.until("before", "True/Terminated")
    control_plane.kubectl("delete", "serviceaccount", "operator", "-n", own.namespace)
    renew()
    own.create("later", own.dcs.add())
    own.until("later", "True/Terminated")
    assert writes(own.records().values()) <= 4
