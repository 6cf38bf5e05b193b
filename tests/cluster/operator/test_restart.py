"""Ends and new beginnings: crash, SIGTERM, and what a new life of the operator does and does not.

A process is ended in the middle of its work; the next one has only the resources and DCS to go by.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sandbox import manifests
from sandbox.dcs import FaultKind
from sandbox.dcs.migration import key_of
from sandbox.waiting import eventually
from support.operator.cloud import NEVER_S
from support.operator.process import END_S_MAX, QUICK
from support.operator.records import writes

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sandbox.api import Api
    from support.operator.fixtures import Launch
    from support.operator.process import OperatorProcess
    from support.operator.workspace import Workspace


HALF = 30


def crash(operator: OperatorProcess) -> None:
    """End it by SIGKILL."""
    operator.kill()


def end(operator: OperatorProcess) -> None:
    """End it by SIGTERM, which it has to obey in time."""
    status, seconds = operator.terminate()
    assert status == 0
    assert seconds < END_S_MAX


@pytest.mark.parametrize("leave", [crash, end])
def test_a_restart_in_the_middle_loses_nothing_and_repeats_nothing(
    own: Workspace, launch: Launch, leave: Callable[[OperatorProcess], None]
) -> None:
    """Half is finished, half under way: one more write for the latter, none for the others."""
    finished = own.dcs.add_many(HALF)
    under_way = own.dcs.add_many(HALF, stop_s=NEVER_S)
    own.create_many(finished + under_way)
    operator = launch(own.namespace, *QUICK)
    operator.start()
    names = [f"{number:04}" for number in range(2 * HALF)]
    for name in names[:HALF]:
        own.until(name, "True/Terminated")
    for name in names[HALF:]:
        own.until(name, "False/Stopping")
    leave(operator)
    before = writes(own.records().values())
    operator.start()
    own.until_looked(2)
    assert writes(own.records().values()) == before
    for task_id in under_way:
        own.dcs.alter(task_id, word="TERMINATED")
    own.until_all("True/Terminated")
    assert writes(own.records().values()) == before + HALF
    for name in names[HALF:]:
        assert own.record(name).phases == ["TERMINATING", "TERMINATED"]
    assert sorted(own.dcs.ordered()) == sorted(map(key_of, finished + under_way))


def test_a_crash_between_order_and_answer_is_looked_after(own: Workspace, launch: Launch) -> None:
    """DCS took the order, the operator died without its answer: the next one looks first."""
    task_id = own.dcs.add(stop_s=NEVER_S)
    own.dcs.fail(FaultKind.HANG, operation="batch_stop", executes=True)
    own.create("one", task_id)
    operator = launch(own.namespace, *QUICK)
    operator.start()
    eventually(lambda: own.dcs.words(task_id)[-1] == "TERMINATING")
    operator.kill()
    own.dcs.heal()
    operator.start()
    own.until("one", "False/Stopping")
    own.dcs.alter(task_id, word="TERMINATED")
    own.until("one", "True/Terminated")
    assert own.dcs.ordered() == [key_of(task_id)]


def test_wishes_of_the_time_in_between_are_taken_up(own: Workspace, launch: Launch) -> None:
    """Created, flipped and deleted while no operator ran: the next one does what is wished now."""
    flipped, deleted, created = own.dcs.add_many(3)
    own.create("flipped", flipped, stopped=False)
    own.create("deleted", deleted, stopped=False)
    operator = launch(own.namespace, *QUICK)
    operator.start()
    own.until_all("True/Observed")
    operator.kill()
    own.stop("flipped")
    own.delete("deleted")
    own.create("created", created)
    operator.start()
    for name in ("flipped", "created"):
        own.until(name, "True/Terminated")
    assert [set(order) for order in own.dcs.orders()] == [{key_of(flipped), key_of(created)}]
    assert own.dcs.words(deleted) == ["INCRMIGEATING"]


def test_a_finished_fleet_costs_a_new_life_nothing(
    own: Workspace,
    launch: Launch,
    api: Api,
    open_workspace: Callable[[], AbstractContextManager[Workspace]],
) -> None:
    """A start over a fleet that is done: no call to DCS, no write, neither task nor project."""
    own.create_many(own.dcs.add_many(20) + own.dcs.add_many(5, word="SUCCESS"))
    operator = launch(own.namespace, *QUICK)
    operator.start()
    eventually(lambda: all(r.last.ready.startswith("True/") for r in own.records().values()))
    eventually(lambda: own.project_ready() == "True/Configured")
    end(operator)
    path = manifests.path(own.namespace, manifests.PROJECTS, own.name)
    calls, version = len(own.dcs.calls()), api.get(path)["metadata"]["resourceVersion"]
    before = {name: record.metadata for name, record in own.records().items()}
    operator.start()
    # The proof that it works, and has had the time to do what it should not: another project's
    # task is stopped, whose order leaves long after the first look would have been made.
    with open_workspace() as second:
        second.namespace = own.namespace
        second.connect()
        task_id = second.dcs.add()
        second.create("one", task_id)
        second.until("one", "True/Terminated")
    assert len(own.dcs.calls()) == calls
    assert {name: record.metadata for name, record in own.records().items()} == before
    assert api.get(path)["metadata"]["resourceVersion"] == version


def test_an_old_acceptance_without_effect_is_ordered_again(own: Workspace, launch: Launch) -> None:
    """DCS still shows the task active a minute after an earlier life's order: ordered again."""
    task_id = own.dcs.add()
    own.create("one", task_id)
    moment = (datetime.now(UTC) - timedelta(seconds=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    kinds = {"Ready": "False", "Stopped": "False", "Reconciling": "True"}
    conditions = [
        {"type": kind, "status": status, "reason": "Stopping", "message": "The stop is under way."}
        | {"lastTransitionTime": moment, "observedGeneration": 1}
        for kind, status in kinds.items()
    ]
    stop = {"requestedAt": moment, "acceptedAt": moment, "attempts": 1, "requestId": "f0e1"}
    status = {"phase": "TERMINATING", "observedGeneration": 1}
    own.plant("one", status | {"conditions": conditions, "stop": stop})
    launch(own.namespace, *QUICK).start()
    shown = own.until("one", "True/Terminated")
    assert shown.stop["attempts"] == 2
    assert shown.stop["requestedAt"] == moment
    assert own.record("one").phases == ["TERMINATING", "TERMINATED"]
    assert own.dcs.ordered() == [key_of(task_id)]


@pytest.mark.parametrize("operation", ["list", "batch_stop"])
def test_sigterm_is_obeyed_while_dcs_hangs(own: Workspace, launch: Launch, operation: str) -> None:
    """Exit status 0 within 10 s, though a call to DCS does not come back."""
    own.dcs.fail(FaultKind.HANG, operation=operation)
    own.create_many(own.dcs.add_many(60))
    # With the default time limit of a call, which is longer than the end may take.
    operator = launch(own.namespace)
    operator.start()
    eventually(lambda: own.dcs.calls(operation))
    end(operator)


def test_sigterm_in_an_open_window_sends_the_order(own: Workspace, launch: Launch) -> None:
    """An order that waits for company leaves at once, and its acceptance is written down."""
    task_id = own.dcs.add(stop_s=NEVER_S)
    own.create("one", task_id)
    operator = launch(own.namespace, "--batch-idle-s", "60", "--batch-max-wait-s", "60")
    operator.start()
    eventually(lambda: own.dcs.calls("list"))
    own.until_shown("one", lambda shown: shown.phase == "INCRMIGEATING")
    assert own.dcs.ordered() == []
    end(operator)
    assert own.dcs.ordered() == [key_of(task_id)]
    assert own.until("one", "False/Stopping").phase == "TERMINATING"


def test_the_lease_is_released_and_taken_over(own: Workspace, launch: Launch, api: Api) -> None:
    """With leader election the end gives the Lease back, and the next life acts at once."""
    options = ("--lease-namespace", own.namespace, "--lease-name", own.name)
    path = f"/apis/coordination.k8s.io/v1/namespaces/{own.namespace}/leases/{own.name}"
    operator = launch(own.namespace, *QUICK, *options, leader_elect=True)
    first, second = own.dcs.add_many(2)
    operator.start()
    own.create("first", first)
    own.until("first", "True/Terminated")
    assert operator.metric("dcs_operator_leader") == 1
    assert api.get(path)["spec"]["holderIdentity"]
    end(operator)
    assert not api.get(path)["spec"].get("holderIdentity")
    operator.start()
    own.create("second", second)
    own.until("second", "True/Terminated")
