"""Two replicas: one acts, the other waits with a warm table; one that stood still does no harm."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from sandbox.dcs.faults import FaultKind
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually
from support.operator.gate import TOO_OLD
from support.operator.process import QUICK
from support.operator.records import writes

if TYPE_CHECKING:
    from support.operator.fixtures import Launch
    from support.operator.gate import Gate
    from support.operator.process import OperatorProcess
    from support.operator.workspace import Workspace

TAKEOVER_S_MAX = 60.0
"""15 s of the Lease and what a busy machine adds; how long it takes is measured in tests/bench."""


def leads(operator: OperatorProcess) -> bool:
    """Tell whether a replica says that it leads."""
    return operator.metric("dcs_operator_leader") == 1


def test_a_leader_that_stood_still_does_nothing_more(own: Workspace, launch: Launch) -> None:
    """The other one takes over; the first, when it goes on, leaves and has done nothing."""
    first = launch(own.namespace, *QUICK, leader_elect=True)
    first.start()
    eventually(lambda: leads(first))
    second = launch(own.namespace, *QUICK, leader_elect=True)
    second.start()
    assert not leads(second)
    under_way = own.dcs.add_many(10, stop_s=3600.0)
    own.create_many(under_way)
    own.until_all("False/Stopping")
    first.signal(signal.SIGSTOP)
    meanwhile = own.dcs.add()
    own.create("meanwhile", meanwhile)
    own.until("meanwhile", "True/Terminated", TAKEOVER_S_MAX)
    assert leads(second)
    for task_id in under_way:
        own.dcs.alter(task_id, word="TERMINATED")
    first.signal(signal.SIGCONT)
    assert first.wait() == 1
    own.until_all("True/Terminated")
    assert sorted(own.dcs.ordered()) == sorted(map(key_of, [*under_way, meanwhile]))
    assert writes(own.records().values()) == 2 * 11


def test_a_standby_orders_nothing_for_what_was_deleted_behind_its_back(
    own: Workspace, gate: Gate, launch: Launch
) -> None:
    """Its watch lost a deletion, so it knows a task that is gone; it finds out before it acts."""
    first = launch(own.namespace, *QUICK, leader_elect=True)
    first.start()
    eventually(lambda: leads(first))
    second = launch(own.namespace, *QUICK, leader_elect=True, kubeconfig=gate.kubeconfig)
    second.start()
    own.dcs.fail(FaultKind.THROTTLE, operation="batch_stop", for_s=3600)
    deleted, kept = own.dcs.add(), own.dcs.add()
    own.create("deleted", deleted)
    own.until("deleted", "False/Throttled")
    eventually(lambda: second.metric("dcs_operator_tasks") == 1)
    gate.silence()
    own.delete("deleted")
    gate.cut(TOO_OLD)
    own.create("kept", kept)
    eventually(lambda: second.metric("dcs_operator_tasks") == 2)
    first.signal(signal.SIGKILL)
    own.dcs.heal()
    own.until("kept", "True/Terminated", TAKEOVER_S_MAX)
    assert leads(second)
    assert len(own.dcs.words(deleted)) == 1  # it goes on as it did
